"""The elementary functions of `kernels.intrinsics` in float32, for engines of single precision.

Plain Python over primitives that are exact everywhere. Every number is a float32, literals
included: numba and CUDA compile this text with typed literals, and with `numpy.float32` arguments
it runs as it stands. Whole numbers are float32 too, so that a vector keeps its lanes.

`exp` ends at 80 as that of float64 does at 700: far enough below the largest number that a rate
times a large exponential stays finite. Errors, measured against float64: below 1 ulp exp, log, sin
and cos; below 2 the others. The arguments of sin, cos and tan are below 1e5. Polynomials are
minimax fits of this project.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from typing import Any

import numpy as np

from kernels.intrinsics import FARADAY, GAS_CONSTANT, maximum, minimum, nernst

_libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
_libm.fmaf.restype = ctypes.c_float
_libm.fmaf.argtypes = (ctypes.c_float,) * 3


# --- primitives: each engine has its own, with the same bits ---


def fma(a: float, b: float, c: float) -> Any:
    """a * b + c, rounded once."""
    return np.float32(_libm.fmaf(a, b, c))


def power_of_two(t: float) -> Any:
    """2**n where t = ROUND + n, n a whole number from -126 to 127."""
    return (np.float32(t).view(np.int32) + np.int32(127) << np.int32(23)).view(np.float32)


def exponent(x: float) -> Any:
    """k of x = 2**k f, f from sqrt(1/2) to sqrt(2); x is positive and normal."""
    return np.float32((np.float32(x).view(np.int32) - np.int32(0x3F3504F3)) >> np.int32(23))


def fraction(x: float) -> Any:
    """f of the same."""
    bits = np.float32(x).view(np.int32)
    shift = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    return (bits - (shift << np.int32(23))).view(np.float32)


def sqrt(x: float) -> Any:
    return np.sqrt(np.float32(x))


def fabs(x: float) -> Any:
    return np.abs(np.float32(x))


def floor(x: float) -> Any:
    return np.floor(np.float32(x))


def ceil(x: float) -> Any:
    return np.ceil(np.float32(x))


def fmod(x: float, y: float) -> Any:
    return np.fmod(np.float32(x), np.float32(y))


# --- functions: written once, compiled by every engine ---

ROUND = 12582912.0  # 1.5 * 2**23: adding it rounds to an integer in the low bits
LOG2E = 1.44269502
LN2_HIGH = 0.6931471824645996
LN2_LOW = -1.9046542121259336e-09
LN2_SHORT = 0.693145751953125  # 16 bits: its product with an exponent is exact
LN2_REST = 1.4286067653302e-06
HALF_PI_HIGH = 1.5707963705062866
HALF_PI_LOW = -4.371138828673793e-08
HALF_PI_LAST = -1.7151245100058819e-15
QUARTER_PI_LOW = -2.1855694143368964e-08
EXP_80 = 5.540622484676759e34  # exp_wide(80)
SMALLEST = 1.1754943508222875e-38  # that is normal


def exp_wide(x: float) -> float:
    """exp(x) for -87.3 <= x <= 88.3."""
    t = fma(x, LOG2E, ROUND)
    n = t - ROUND
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    p = fma(0.00138146093, r, 0.00836871006)
    p = fma(p, r, 0.041668389)
    p = fma(p, r, 0.166665211)
    p = fma(p, r, 0.49999994)
    return (fma(r * r, p, r) + 1.0) * power_of_two(t)


def exp(x: float) -> float:
    """exp(x); 0 below -80 and exp(80) above 80."""
    value = exp_wide(x)
    value = EXP_80 if x > 80.0 else value
    return 0.0 if x < -80.0 else value


def log(x: float) -> float:
    """Natural logarithm; NaN below 0, -infinity at 0."""
    tiny = x < SMALLEST
    y = x * 33554432.0 if tiny else x
    f = fraction(y) - 1.0
    k = exponent(y) - (25.0 if tiny else 0.0)
    s = f / (2.0 + f)
    z = s * s
    p = fma(0.235821545, z, 0.285373092)
    p = fma(p, z, 0.400003344)
    p = fma(p, z, 0.666666627)
    half = 0.5 * f * f
    low = fma(s, fma(p, z, half), k * LN2_LOW)
    value = fma(k, LN2_HIGH, -((half - low) - f))
    value = x if x == math_inf else value
    value = -math_inf if x == 0.0 else value
    return value if x >= 0.0 else math_nan


def log10(x: float) -> float:
    logarithm = log(x)
    low = logarithm * -1.0103049952192578e-08
    return fma(logarithm, 0.4342944920063019, low if fabs(low) < 1.0 else 0.0)


def pow(x: float, y: float) -> float:
    """x to the power y, as C's pow: exp(y log x), the logarithm in two parts.

    0 below exp(-87.3) and infinity above exp(88.3).
    """
    whole = floor(y) == y
    odd = whole and floor(y * 0.5) * 2.0 != y
    size = fabs(x)
    tiny = size < SMALLEST
    scaled = size * 33554432.0 if tiny else size
    k = exponent(scaled) - (25.0 if tiny else 0.0)
    f = fraction(scaled) - 1.0
    # s = f / (2 + f), its square and its cube, each as a sum of two
    d = 2.0 + f
    s = f / d
    s_low = fma(-s, f - (d - 2.0), fma(-s, d, f)) / d
    z = s * s
    z_low = fma(2.0 * s, s_low, fma(s, s, -z))
    cube = z * s
    cube_low = fma(z, s, -cube) + fma(z, s_low, z_low * s)
    # log f = 2 s + s**3 (2/3 + more)
    p = fma(0.234185755, z, 0.28547135)
    more = fma(p, z, 0.400001526) * z
    c = 0.6666666865348816 + more
    c_low = (0.6666666865348816 - c) + more - 1.9868215517249155e-08
    term = cube * c
    term_low = fma(cube, c, -term) + fma(cube, c_low, cube_low * c)
    twice = 2.0 * s
    high = twice + term
    low = ((twice - high) + term) + fma(2.0, s_low, term_low)
    base = k * LN2_SHORT
    logarithm = base + high
    rest = ((base - logarithm) + high) + fma(k, LN2_REST, low)
    product = y * (size if size == math_inf else logarithm)
    product = -y * math_inf if size == 0.0 else product
    rest = fma(y, logarithm, -product) + y * rest
    big = exp_wide(minimum(maximum(product, -87.3), 88.3))
    value = fma(big, rest, big) if fabs(rest) < 1.0 else big
    value = math_inf if product > 88.3 else value
    value = 0.0 if product < -87.3 else value
    value = math_nan if (product != product) else value
    value = (0.0 if y > 0.0 else math_inf) if size == 0.0 else value
    value = -value if (x < 0.0 and odd) else value
    value = math_nan if (x < 0.0 and not whole) else value
    return 1.0 if (y == 0.0 or x == 1.0) else value


def tanh(x: float) -> float:
    size = fabs(x)
    size = 10.0 if size > 10.0 else size
    z = size * size
    p = fma(-0.00560391089, z, 0.0205517169)
    p = fma(p, z, -0.0537141077)
    p = fma(p, z, 0.133311525)
    p = fma(p, z, -0.333332717)
    near = fma(size, z * p, size)
    far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0)
    value = near if size < 0.64 else far
    return -value if x < 0.0 else value


def sinh(x: float) -> float:
    size = fabs(x)
    z = size * size
    p = fma(2.81743951e-06, z, 0.000198360663)
    p = fma(p, z, 0.00833335053)
    p = fma(p, z, 0.166666672)
    g = exp(size)
    value = fma(size, z * p, size) if size < 1.0 else fma(0.5, g, -0.5 / g)
    return -value if x < 0.0 else value


def cosh(x: float) -> float:
    g = exp(fabs(x))
    return fma(0.5, g, 0.5 / g)


def sin_series(r: float, low: float) -> float:
    """sin(r + low) for |r| <= pi / 4."""
    z = r * r
    p = fma(2.71831163e-06, z, -0.000198393347)
    p = fma(p, z, 0.00833332911)
    p = fma(p, z, -0.166666672)
    return fma(z * r, p, low) + r


def cos_series(r: float, low: float) -> float:
    """cos(r + low) for |r| <= pi / 4."""
    z = r * r
    p = fma(2.44384519e-05, z, -0.00138873677)
    p = fma(p, z, 0.0416666456)
    half = 0.5 * z
    near = 1.0 - half
    return near + (((1.0 - near) - half) + fma(z * z, p, -r * low))


def near_turn(x: float) -> float:
    """Quarter turns nearest to x, |x| below 1e5."""
    return floor(fma(x, 0.63661975, 0.5))


def turned(x: float, n: float) -> float:
    """x - n pi / 2 by two constants; the first product and difference are exact."""
    return fma(n, -HALF_PI_HIGH, x) - n * HALF_PI_LOW


def turned_rest(x: float, n: float, b: float) -> float:
    """x - n pi / 2 - b of that: rounding of the difference and of the product, last constant."""
    a = fma(n, -HALF_PI_HIGH, x)
    w = n * HALF_PI_LOW
    t = b - a
    lost = (a - (b - t)) - (w + t)
    return lost - fma(n, HALF_PI_LAST, fma(n, HALF_PI_LOW, -w))


def sin_quadrant(x: float, turn: float) -> float:
    """sin(x + turn * pi / 2), |x| below 1e5."""
    n = near_turn(x)
    b = turned(x, n)
    rest = turned_rest(x, n, b)
    r = b + rest
    low = rest - (r - b)
    quadrant = n + turn - 4.0 * floor((n + turn) * 0.25)
    value = cos_series(r, low) if (quadrant == 1.0 or quadrant == 3.0) else sin_series(r, low)
    return -value if quadrant >= 2.0 else value


def sin(x: float) -> float:
    return sin_quadrant(x, 0.0)


def cos(x: float) -> float:
    return sin_quadrant(x, 1.0)


def tan(x: float) -> float:
    n = near_turn(x)
    b = turned(x, n)
    rest = turned_rest(x, n, b)
    r = b + rest
    low = rest - (r - b)
    z = r * r
    p = fma(0.004376275, z, 8.95253834e-05)
    p = fma(p, z, 0.0108358301)
    p = fma(p, z, 0.0212821774)
    p = fma(p, z, 0.054059919)
    p = fma(p, z, 0.133326635)
    p = fma(p, z, 0.333333492)
    value = fma(z * r, p, low) + r
    return value if n - 2.0 * floor(0.5 * n) == 0.0 else -1.0 / value


def atan(x: float) -> float:
    size = fabs(x)
    far = size > 2.41421366
    middle = size > 0.414213568 and not far
    r = size
    r = (size - 1.0) / (size + 1.0) if middle else r
    r = -1.0 / size if far else r
    z = r * r
    p = fma(-0.0607235879, z, 0.105918318)
    p = fma(p, z, -0.142433152)
    p = fma(p, z, 0.199984625)
    p = fma(p, z, -0.333333164)
    low = QUARTER_PI_LOW if middle else (HALF_PI_LOW if far else 0.0)
    base = 0.7853981852531433 if middle else (HALF_PI_HIGH if far else 0.0)
    value = base + (fma(r, z * p, low) + r)
    return -value if x < 0.0 else value


def asin_rest(s: float, z: float) -> float:
    """asin(s) - s for 0 <= s <= 1/2, z = s**2."""
    p = fma(0.042218484, z, 0.0241476502)
    p = fma(p, z, 0.0454770885)
    p = fma(p, z, 0.0749524161)
    p = fma(p, z, 0.166667536)
    return s * (z * p)


def acos_steep(size: float) -> float:
    """acos(size) / 2 - sqrt((1 - size) / 2) for 1/2 <= size <= 1."""
    z = 0.5 * (1.0 - size)
    s = sqrt(z)
    lost = fma(-s, s, z) / (2.0 * s) if s != 0.0 else 0.0  # of the root
    return lost + asin_rest(s, z)


def asin(x: float) -> float:
    size = fabs(x)
    s = sqrt(0.5 * (1.0 - size))
    steep = (HALF_PI_HIGH - 2.0 * s) + fma(-2.0, acos_steep(size), HALF_PI_LOW)
    value = steep if size > 0.5 else size + asin_rest(size, size * size)
    return -value if x < 0.0 else value


def acos(x: float) -> float:
    size = fabs(x)
    s = sqrt(0.5 * (1.0 - size))
    rest = acos_steep(size)
    near = 2.0 * s + 2.0 * rest
    far = (2.0 * HALF_PI_HIGH - 2.0 * s) + fma(-2.0, rest, 2.0 * HALF_PI_LOW)
    steep = far if x < 0.0 else near
    middle = (HALF_PI_HIGH - x) + (HALF_PI_LOW - asin_rest(x, x * x))
    return steep if size > 0.5 else middle


math_inf = math.inf
math_nan = math.nan

#: Primitives: each engine brings its own.
PRIMITIVES = (
    *("fma", "power_of_two", "exponent", "fraction"),
    *("sqrt", "fabs", "floor", "ceil", "fmod"),
)

#: Functions in an order in which they can be compiled.
FUNCTIONS = (
    *("minimum", "maximum", "exp_wide", "exp", "log", "log10", "pow", "tanh", "sinh", "cosh"),
    *("near_turn", "turned", "turned_rest", "sin_series", "cos_series", "sin_quadrant"),
    *("sin", "cos", "tan", "atan", "asin_rest"),
    *("acos_steep", "asin", "acos", "nernst"),
)

__all__ = ["FARADAY", "FUNCTIONS", "GAS_CONSTANT", "PRIMITIVES", "nernst"]
