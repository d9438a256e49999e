"""Functions of C's library that are written in NMODL, and returns inside loops."""

from __future__ import annotations

import math

import pytest

from kernels.nmodl import loads
from kernels.nmodl.library import LIBRARY
from kernels.nmodl.python import run

SAMPLES = (-7.5, -2.5, -1.0, -0.3, -1e-9, 0.0, 1e-12, 0.4, 0.5, 1.5, 3.0, 5.0, 8.2)
EXPECTED = {
    "trunc": math.trunc,
    "round": lambda x: math.copysign(math.floor(abs(x) + 0.5), x),
    "rint": round,
    "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "exp2": lambda x: 2.0**x,
    "expm1": math.expm1,
    "log1p": lambda x: math.log1p(abs(x)),
    "log2": lambda x: math.log2(abs(x) + 1),
    "asinh": math.asinh,
    "acosh": lambda x: math.acosh(abs(x) + 1),
    "atanh": lambda x: math.atanh(x / 10),
    "erf": math.erf,
    "erfc": math.erfc,
    "isnan": lambda x: 0.0,
}
ARGUMENT = {"log1p": "fabs(x)", "log2": "fabs(x) + 1", "acosh": "fabs(x) + 1", "atanh": "x/10"}


def result(expression: str, **values: float) -> float:
    names = " ".join(values)
    text = f"NEURON {{ SUFFIX s RANGE r, {', '.join(values)} }}\nPARAMETER {{ {names} }}\n"
    made = loads(text + f"ASSIGNED {{ r }}\nINITIAL {{ r = {expression} }}")
    return run(made.init, {**values, "r": 0.0, "v": 0.0, "t": 0.0, "dt": 0.025})["r"]


@pytest.mark.parametrize("function", EXPECTED)
@pytest.mark.parametrize("x", SAMPLES)
def test_functions_of_one_argument(function, x):
    found = result(f"{function}({ARGUMENT.get(function, 'x')})", x=x)
    assert found == pytest.approx(EXPECTED[function](x), rel=2e-14, abs=0.0)


@pytest.mark.parametrize("x", SAMPLES)
@pytest.mark.parametrize("y", (-3.0, 0.0, 2.0))
def test_functions_of_two_arguments(x, y):
    assert result("atan2(y, x)", x=x, y=y) == pytest.approx(math.atan2(y, x), rel=1e-15)
    assert result("hypot(x, y)", x=x, y=y) == pytest.approx(math.hypot(x, y), rel=1e-15)


@pytest.mark.parametrize(("a", "b"), [(13, 6), (0, 9), (255, 4095), (2**31, 2**31 + 5), (-4, 7)])
def test_bits(a, b):
    assert result("bits_and(a, b)", a=a, b=b) == a & b
    assert result("bits_or(a, b)", a=a, b=b) == a | b
    assert result("bits_xor(a, b)", a=a, b=b) == a ^ b


@pytest.mark.parametrize("v", (-80.0, -1e-4, 0.0, 1e-4, 35.0))
@pytest.mark.parametrize("z", (1.0, 2.0))
def test_flux_of_goldman_hodgkin_and_katz(v, z):
    """Amperes per permeability from the constant field equation; its limit where v is 0."""
    ci, co, celsius, faraday, gas = 5e-5, 2.0, 6.3, 96485.3321233100184, 8.31446261815324
    x = z * v * 1e-3 * faraday / (gas * (celsius + 273.15))
    expected = 1e-3 * z * faraday * (ci - co)
    if v:
        expected = 1e-3 * z * faraday * x * (ci - co * math.exp(-x)) / -math.expm1(-x)
    found = result("nrn_ghk(mv, ci, co, z)", ci=ci, co=co, z=z, celsius=celsius, mv=v)
    assert found == pytest.approx(expected, rel=1e-8)


def test_every_function_is_tested():
    others = {"atan2", "hypot", "nrn_pointing", "nrn_ghk", "ghk_part"}
    others |= {name for name in LIBRARY if name.startswith("bits_")}
    assert set(LIBRARY) == set(EXPECTED) | others


def test_a_function_of_the_file_comes_first():
    text = "NEURON { SUFFIX s RANGE r }\nASSIGNED { r }\nINITIAL { r = erf(3) }\n"
    made = loads(text + "FUNCTION erf(x) { erf = x*x }")
    assert run(made.init, {"r": 0.0})["r"] == 9.0


@pytest.mark.parametrize(("limit", "expected"), [(-1, -1), (0, 10), (2.5, 23), (9, 0)])
def test_a_return_ends_all_loops_around_it(limit, expected):
    text = """
NEURON { SUFFIX s RANGE r, limit }
PARAMETER { limit }
ASSIGNED { r }
FUNCTION first(least) { LOCAL j
    first = -1
    if (least < 0) { VERBATIM return; ENDVERBATIM }
    FROM i = 1 TO 3 {
        j = 0
        WHILE (j < 4) {
            if (j > least && i > 1 || least == 0) {
                first = 10*i + j
                VERBATIM
                return _lfirst;
                ENDVERBATIM
                first = 77
            }
            j = j + 1
        }
    }
    first = 0
}
INITIAL { r = first(limit) }
"""
    assert run(loads(text).init, {"r": 0.0, "limit": limit})["r"] == expected
