"""Functions of C's library that are FUNCTIONs here, written in NMODL; a file's own come first."""

from __future__ import annotations

import functools
from dataclasses import replace

from kernels.nmodl import tree

_TEXT = """
FUNCTION atan2(y, x) {
    if (x > 0) { atan2 = atan(y/x)
    } else if (x < 0 && y < 0) { atan2 = atan(y/x) - 3.141592653589793
    } else if (x < 0) { atan2 = atan(y/x) + 3.141592653589793
    } else if (y > 0) { atan2 = 1.5707963267948966
    } else if (y < 0) { atan2 = -1.5707963267948966
    } else { atan2 = 0 }
}
FUNCTION nrn_ghk(v, ci, co, z) { LOCAL x
    x = z*v*96485.3321233100184/(1000*8.314462618153241*(celsius + 273.15))
    nrn_ghk = 96.4853321233100184*z*(ci*ghk_part(-x) - co*ghk_part(x))
}
FUNCTION ghk_part(x) {
    if (fabs(x) < 1e-4) { ghk_part = 1 - x/2 } else { ghk_part = x/(exp(x) - 1) }
}
FUNCTION trunc(x) { if (x < 0) { trunc = ceil(x) } else { trunc = floor(x) } }
FUNCTION round(x) { if (x < 0) { round = -floor(0.5 - x) } else { round = floor(x + 0.5) } }
FUNCTION rint(x) { LOCAL low
    low = floor(x)
    rint = low + 1
    if (x - low < 0.5 || (x - low == 0.5 && fmod(low, 2) == 0)) { rint = low }
}
FUNCTION hypot(x, y) { hypot = sqrt(x*x + y*y) }
FUNCTION cbrt(x) {
    if (x > 0) { cbrt = pow(x, 1/3) } else if (x < 0) { cbrt = -pow(-x, 1/3) } else { cbrt = 0 }
}
FUNCTION exp2(x) { exp2 = pow(2, x) }
FUNCTION log2(x) { log2 = log(x)/0.6931471805599453 }
FUNCTION expm1(x) { expm1 = 2*exp(x/2)*sinh(x/2) }
FUNCTION log1p(x) { LOCAL u
    u = 1 + x
    if (u == 1) { log1p = x } else { log1p = log(u)*x/(u - 1) }
}
FUNCTION asinh(x) { LOCAL a
    a = fabs(x)
    asinh = log1p(a + a*a/(1 + sqrt(a*a + 1)))
    if (x < 0) { asinh = -asinh }
}
FUNCTION acosh(x) { acosh = log1p(x - 1 + sqrt((x - 1)*(x + 1))) }
FUNCTION atanh(x) { atanh = log1p(2*x/(1 - x))/2 }
FUNCTION erf(x) { LOCAL a, term, n
    a = fabs(x)
    erf = 1
    if (a < 6) {
        term = 2*a*exp(-a*a)/1.7724538509055160273
        erf = term
        n = 1
        WHILE (term > 1e-17*erf) {
            term = term*2*a*a/(2*n + 1)
            erf = erf + term
            n = n + 1
        }
    }
    if (x < 0) { erf = -erf }
}
FUNCTION erfc(x) { LOCAL n, rest
    if (x < 2) { erfc = 1 - erf(x)
    } else {
        rest = 0
        n = 80
        WHILE (n > 0) {
            rest = n/2/(x + rest)
            n = n - 1
        }
        erfc = exp(-x*x)/(1.7724538509055160273*(x + rest))
    }
}
FUNCTION isnan(x) { isnan = (x != x) }
FUNCTION nrn_pointing(x) { nrn_pointing = 1 }
FUNCTION bits_and(a, b) { LOCAL x, y, place
    x = fmod(a + 4294967296, 4294967296)
    y = fmod(b + 4294967296, 4294967296)
    place = 1
    bits_and = 0
    WHILE (x >= 1 && y >= 1) {
        bits_and = bits_and + place*fmod(x, 2)*fmod(y, 2)
        x = floor(x/2)
        y = floor(y/2)
        place = place*2
    }
    if (a < 0 && b < 0) { bits_and = bits_and - 4294967296 }
}
FUNCTION bits_or(a, b) { bits_or = a + b - bits_and(a, b) }
FUNCTION bits_xor(a, b) { bits_xor = a + b - 2*bits_and(a, b) }
FUNCTION bits_left(a, b) { bits_left = a*pow(2, b) }
FUNCTION bits_right(a, b) { bits_right = floor(a/pow(2, b)) }
"""


#: Names of these functions.
LIBRARY = tuple(word.split("(")[0] for word in _TEXT.split("FUNCTION ")[1:])


@functools.cache
def _routines() -> dict[str, tree.Routine]:
    from kernels.nmodl.parser import parse

    return {r.name: r for r in parse(_TEXT, "library").routines}


def with_library(file: tree.File) -> tree.File:
    """The file with those functions that it calls and does not define itself."""
    have = {r.name for r in file.routines}
    wanted = tree.calls_in(file.routines) - have
    made: dict[str, tree.Routine] = {}
    while wanted:
        name = wanted.pop()
        if name in LIBRARY and name not in made:
            made[name] = _routines()[name]
            wanted |= tree.calls_in(made[name].body) - have
    return replace(file, routines=(*file.routines, *made.values())) if made else file
