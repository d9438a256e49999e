"""Elementary functions, one definition for every engine.

Plain Python over four primitives that are exact everywhere (`fma`, `to_bits`, `from_bits` and IEEE
arithmetic with sqrt, floor, ceil, fabs, fmod), so the reference engine, numba and CUDA give the
same bits. Branches are conditional expressions, which vectorise. Nothing here calls libm for a
value that libm may round differently.

Errors, measured against 60-digit arithmetic: exp and log below 1 ulp; log10, sin, cos and atan
below 2; tan, asin, acos, sinh and cosh below 3; tanh below 6; pow below 1.2 (1 + |y log x|). The
arguments of sin, cos and tan are below 1e5. Coefficients of log, sin, cos and atan are those of
fdlibm (Sun Microsystems, 1993).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import struct
from collections.abc import Callable

_libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
_libm.fma.restype = ctypes.c_double
_libm.fma.argtypes = (ctypes.c_double,) * 3


# --- primitives: each engine has its own, with the same bits ---


def fma(a: float, b: float, c: float) -> float:
    """a * b + c, rounded once."""
    return _libm.fma(a, b, c)


def to_bits(x: float) -> int:
    """The 64 bits of x as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


def from_bits(n: int) -> float:
    """The float64 with the low 64 bits of n."""
    return struct.unpack("<d", struct.pack("<Q", n & 0xFFFFFFFFFFFFFFFF))[0]


def sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0.0 else math.nan


def fabs(x: float) -> float:
    return abs(x)


def floor(x: float) -> float:
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x


def ceil(x: float) -> float:
    return math.copysign(math.ceil(x), x) if math.isfinite(x) else x


def fmod(x: float, y: float) -> float:
    return math.fmod(x, y) if y != 0.0 and math.isfinite(x) else math.nan


def divide(x: float, y: float) -> float:
    """IEEE division: Python's own raises on zero, the compiled engines do not."""
    if y != 0.0:
        return x / y
    if x == 0.0 or x != x:
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


# --- functions: written once, compiled by every engine ---

ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer in the low bits
LOG2E = 1.4426950408889634
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
EXP_700 = 1.0142320547350045e304  # exp_wide(700)


def minimum(a: float, b: float) -> float:
    return a if a < b else b


def maximum(a: float, b: float) -> float:
    return a if a > b else b


def exp_series(r: float) -> float:
    """(exp(r) - 1) / r for |r| <= ln(2) / 2: Taylor, degree 12."""
    p = fma(1.6059043836821613e-10, r, 2.08767569878681e-09)
    p = fma(p, r, 2.505210838544172e-08)
    p = fma(p, r, 2.755731922398589e-07)
    p = fma(p, r, 2.7557319223985893e-06)
    p = fma(p, r, 2.48015873015873e-05)
    p = fma(p, r, 0.0001984126984126984)
    p = fma(p, r, 0.001388888888888889)
    p = fma(p, r, 0.008333333333333333)
    p = fma(p, r, 0.041666666666666664)
    p = fma(p, r, 0.16666666666666666)
    p = fma(p, r, 0.5)
    return fma(p, r, 1.0)


def exp_wide(x: float) -> float:
    """exp(x) for -708 <= x <= 709."""
    t = fma(x, LOG2E, ROUND)
    n = t - ROUND
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    p = fma(exp_series(r), r, 1.0)
    return p * from_bits((to_bits(t) + 1023) << 52)


def exp(x: float) -> float:
    """exp(x); 0 below -700 and exp(700) above 700, as NEURON has it."""
    value = exp_wide(x)
    value = EXP_700 if x > 700.0 else value
    return 0.0 if x < -700.0 else value


def log(x: float) -> float:
    """Natural logarithm; NaN below 0, -infinity at 0."""
    tiny = x < 2.2250738585072014e-308
    y = x * 18014398509481984.0 if tiny else x
    bits = to_bits(y)
    shift = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = from_bits(bits - (shift << 52)) - 1.0
    k = float(shift) - (54.0 if tiny else 0.0)
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * fma(
        w, fma(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01
    )
    odd = z * fma(
        w,
        fma(
            w, fma(w, 1.479819860511658591e-01, 1.818357216161805012e-01), 2.857142874366239149e-01
        ),
        6.666666666666735130e-01,
    )
    half = 0.5 * f * f
    low = fma(s, half + (even + odd), k * LN2_LOW)
    value = fma(k, LN2_HIGH, -((half - low) - f))
    value = x if x == math_inf else value
    value = -math_inf if x == 0.0 else value
    return value if x >= 0.0 else math_nan


def log10(x: float) -> float:
    return log(x) * 0.4342944819032518


def pow(x: float, y: float) -> float:
    """x to the power y, as C's pow: exp(y log x) with the rounding of the product carried.

    0 below exp(-708) and infinity above exp(709).
    """
    whole = floor(y) == y
    odd = whole and floor(y * 0.5) * 2.0 != y
    size = fabs(x)
    logarithm = log(size)
    product = y * logarithm
    rest = fma(y, logarithm, -product)
    big = exp_wide(minimum(maximum(product, -708.0), 709.0))
    value = fma(big, rest, big) if fabs(rest) < 1.0 else big
    value = math_inf if product > 709.0 else value
    value = 0.0 if product < -708.0 else value
    value = math_nan if (product != product) else value
    value = (0.0 if y > 0.0 else math_inf) if size == 0.0 else value
    value = -value if (x < 0.0 and odd) else value
    value = math_nan if (x < 0.0 and not whole) else value
    return 1.0 if (y == 0.0 or x == 1.0) else value


def expm1_small(x: float) -> float:
    """exp(x) - 1 for |x| < 0.35."""
    return exp_series(x) * x


def tanh(x: float) -> float:
    size = fabs(x)
    size = 22.0 if size > 22.0 else size
    small = size < 0.17
    e = expm1_small(2.0 * (size if small else 0.0))
    near = e / (e + 2.0)
    far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0)
    value = near if small else far
    return -value if x < 0.0 else value


def sinh(x: float) -> float:
    size = fabs(x)
    small = size < 0.3
    e = expm1_small(size if small else 0.0)
    g = exp(size)
    value = 0.5 * (e + e / (e + 1.0)) if small else 0.5 * (g - 1.0 / g)
    return -value if x < 0.0 else value


def cosh(x: float) -> float:
    g = exp(fabs(x))
    return 0.5 * (g + 1.0 / g)


def sin_series(r: float) -> float:
    """sin(r) for |r| <= pi / 4."""
    z = r * r
    p = fma(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08)
    p = fma(z, p, 2.75573137070700676789e-06)
    p = fma(z, p, -1.98412698298579493134e-04)
    p = fma(z, p, 8.33333333332248946124e-03)
    p = fma(z, p, -1.66666666666666324348e-01)
    return fma(z * r, p, r)


def cos_series(r: float) -> float:
    """cos(r) for |r| <= pi / 4."""
    z = r * r
    p = fma(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09)
    p = fma(z, p, -2.75573143513906633035e-07)
    p = fma(z, p, 2.48015872894767294178e-05)
    p = fma(z, p, -1.38888888888741095749e-03)
    p = fma(z, p, 4.16666666666666019037e-02)
    return fma(z * z, p, 1.0 - 0.5 * z)


def sin_quadrant(x: float, turn: float) -> float:
    """sin(x + turn * pi / 2), |x| below 1e5."""
    n = floor(fma(x, 0.6366197723675814, 0.5))
    r = fma(n, -1.5707963267948966, x)
    r = fma(n, -6.123233995736766e-17, r)
    quadrant = n + turn - 4.0 * floor((n + turn) * 0.25)
    value = cos_series(r) if (quadrant == 1.0 or quadrant == 3.0) else sin_series(r)
    return -value if quadrant >= 2.0 else value


def sin(x: float) -> float:
    return sin_quadrant(x, 0.0)


def cos(x: float) -> float:
    return sin_quadrant(x, 1.0)


def tan(x: float) -> float:
    return sin_quadrant(x, 0.0) / sin_quadrant(x, 1.0)


def atan_series(r: float) -> float:
    """atan(r) for |r| <= 0.4375."""
    z = r * r
    p = fma(z, 1.62858201153657823623e-02, -3.65315727442169155270e-02)
    p = fma(z, p, 4.97687799461593236017e-02)
    p = fma(z, p, -5.83357013379057348645e-02)
    p = fma(z, p, 6.66107313738753120669e-02)
    p = fma(z, p, -7.69187620504482999495e-02)
    p = fma(z, p, 9.09088713343650656196e-02)
    p = fma(z, p, -1.11111104054623557880e-01)
    p = fma(z, p, 1.42857142725034663711e-01)
    p = fma(z, p, -1.99999999998764832476e-01)
    p = fma(z, p, 3.33333333333329318027e-01)
    return r - r * (z * p)


def atan(x: float) -> float:
    size = fabs(x)
    far = size > 2.4375
    middle = size > 0.4375 and not far
    r = size
    r = (size - 1.0) / (size + 1.0) if middle else r
    r = -1.0 / size if far else r
    base = 0.7853981633974483 if middle else (1.5707963267948966 if far else 0.0)
    value = base + atan_series(r)
    return -value if x < 0.0 else value


def asin(x: float) -> float:
    root = sqrt((1.0 - x) * (1.0 + x))
    edge = 1.5707963267948966 if x > 0.0 else -1.5707963267948966
    return edge if root == 0.0 else atan(x / (root if root != 0.0 else 1.0))


def acos(x: float) -> float:
    low = 1.0 + x
    inner = 2.0 * atan(sqrt((1.0 - x) / (low if low != 0.0 else 1.0)))
    return 3.141592653589793 if low == 0.0 else inner


GAS_CONSTANT = 8.31446261815324  # J / (mol K), CODATA 2018, as NEURON 9 has it
FARADAY = 96485.3321233100141  # C / mol


def nernst(ci: float, co: float, valence: float, celsius: float) -> float:
    """Reversal potential [mV] of an ion: R T / (z F) log(co / ci), NEURON's limits included."""
    if valence == 0.0:
        return 0.0
    if ci <= 0.0:
        return 1e6
    if co <= 0.0:
        return -1e6
    return 1000.0 * GAS_CONSTANT * (celsius + 273.15) / FARADAY / valence * log(co / ci)


def philox(id1: float, id2: float, id3: float, key: float, sequence: float) -> float:
    """Draw number `sequence` of a random stream: a whole number from 0 to 2**32 - 1.

    Philox4x32-10 (Salmon et al., SC11) as NEURON's Random123 streams have it: counter
    (sequence / 4, id3, id1, id2), key (key, 0), the four words of a counter in order. Arguments are
    whole numbers below 2**32, `sequence` below 2**34; their low bits are those of 2**52 + x.
    """
    counter = floor(sequence * 0.25)
    word = sequence - 4.0 * counter
    a = to_bits(counter + 4503599627370496.0) & 4294967295
    b = to_bits(id3 + 4503599627370496.0) & 4294967295
    c = to_bits(id1 + 4503599627370496.0) & 4294967295
    d = to_bits(id2 + 4503599627370496.0) & 4294967295
    k = to_bits(key + 4503599627370496.0) & 4294967295
    m = k - k
    n = 0
    while n < 10:
        p = 3528531795 * a
        q = 3449720151 * c
        a = ((q >> 32) & 4294967295) ^ b ^ k
        c = ((p >> 32) & 4294967295) ^ d ^ m
        b = q & 4294967295
        d = p & 4294967295
        k = (k + 2654435769) & 4294967295
        m = (m + 3144134277) & 4294967295
        n = n + 1
    a = b if word == 1.0 else a
    a = c if word == 2.0 else a
    a = d if word == 3.0 else a
    return float(a)


def philox_uniform(id1: float, id2: float, id3: float, key: float, sequence: float) -> float:
    """The same draw between 0 and 1, both excluded: (draw + 1) / (2**32 + 1)."""
    return (philox(id1, id2, id3, key, sequence) + 1.0) * 2.3283064359965952e-10


math_inf = math.inf
math_nan = math.nan

#: Primitives: each engine brings its own.
PRIMITIVES = ("fma", "to_bits", "from_bits", "sqrt", "fabs", "floor", "ceil", "fmod")

#: Helpers that functions below call, in the order in which they can be compiled.
HELPERS = (
    "minimum",
    "maximum",
    "exp_series",
    "exp_wide",
    "expm1_small",
    "sin_series",
    "cos_series",
    "sin_quadrant",
    "atan_series",
)

#: What mechanism code may call, by its NMODL name.
INTRINSICS: dict[str, Callable[..., float]] = {
    "exp": exp,
    "log": log,
    "log10": log10,
    "pow": pow,
    "sqrt": sqrt,
    "fabs": fabs,
    "floor": floor,
    "ceil": ceil,
    "fmod": fmod,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "min": minimum,
    "max": maximum,
    "philox": philox,
    "philox_uniform": philox_uniform,
}
