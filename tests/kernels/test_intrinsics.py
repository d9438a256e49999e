"""Elementary functions: the same bits from Python and numba, and errors within what is stated."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kernels import intrinsics
from kernels.cpu.numerics import FUNCTIONS, from_bits, to_bits
from kernels.intrinsics import INTRINSICS

N = 1500
UNARY = sorted(name for name, f in INTRINSICS.items() if f.__code__.co_argcount == 1)
BINARY = sorted(name for name, f in INTRINSICS.items() if f.__code__.co_argcount == 2)

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 1e-310, -1e-310, 5e-324, 1e308, -1e308,
    math.inf, -math.inf, math.nan, 700.0, -700.0, 700.0000001, -700.0000001, 709.5, -745.2,
    1.0 - 2.0**-53, 1.0 + 2.0**-52, 0.4375, 2.4375, 0.17, 0.3, 22.0, math.pi / 2, math.pi, 1e5,
]  # fmt: skip


def samples(rng: np.random.Generator) -> np.ndarray:
    """Values of every size and sign, and the special ones."""
    sizes = 10.0 ** rng.uniform(-14, 3, N)
    plain = rng.uniform(-5.0, 5.0, N)
    return np.concatenate([SPECIAL, sizes * rng.choice([-1.0, 1.0], N), plain])


def same_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))


def compiled(name: str, n_argument: int):
    """A vectorising loop over the function that numba compiled from the same source."""
    function = FUNCTIONS[INTRINSICS[name].__name__]
    if n_argument == 1:

        @numba.njit(error_model="numpy")
        def loop(x):
            result = np.empty_like(x)
            for i in range(len(x)):
                result[i] = function(x[i])
            return result

        return loop

    @numba.njit(error_model="numpy")
    def loop2(x, y):
        result = np.empty_like(x)
        for i in range(len(x)):
            result[i] = function(x[i], y[i])
        return result

    return loop2


@pytest.mark.parametrize("name", UNARY)
def test_one_argument_gives_the_same_bits(name):
    x = samples(np.random.default_rng(1))
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 1e5)]
    plain = np.array([INTRINSICS[name](v) for v in x.tolist()])
    same = same_bits(plain, compiled(name, 1)(x))
    assert same.all(), f"{name}({x[~same][0]!r})"


@pytest.mark.parametrize("name", BINARY)
def test_two_arguments_give_the_same_bits(name):
    rng = np.random.default_rng(2)
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    x = np.concatenate([x, samples(rng), rng.integers(-9, 9, N).astype(float)])
    y = np.concatenate([y, rng.permutation(samples(rng)), rng.integers(-9, 9, N).astype(float)])
    plain = np.array([INTRINSICS[name](a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)])
    same = same_bits(plain, compiled(name, 2)(x, y))
    assert same.all(), f"{name}({x[~same][0]!r}, {y[~same][0]!r})"


def test_bits_go_there_and_back():
    @numba.njit
    def both(x):
        return to_bits(x), from_bits(to_bits(x))

    for x in [0.0, -0.0, 1.5, -1e300, 5e-324, math.inf]:
        bits, back = both(x)
        assert bits == intrinsics.to_bits(x)
        assert math.copysign(1.0, back) == math.copysign(1.0, x)
        assert back == x == intrinsics.from_bits(bits)


def test_fma_rounds_once():
    a, b = 1.0 + 2.0**-30, 1.0 - 2.0**-30
    assert intrinsics.fma(a, b, -1.0) == -(2.0**-60)
    assert a * b - 1.0 == 0.0


@pytest.mark.parametrize("x", [0.0, -0.0, 3.0, -3.0, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("y", [0.0, -0.0, 2.0, -2.0, math.inf, math.nan])
def test_division_is_that_of_ieee(x, y):
    with np.errstate(all="ignore"):
        expected = np.float64(x) / np.float64(y)
    assert same_bits(np.array([intrinsics.divide(x, y)]), np.array([expected])).all()


# --- errors in units in the last place, against 60 digits ---


def worst_ulp(name: str, exact, arguments) -> float:
    mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
    worst = 0.0
    with mpmath.workdps(60):
        for values in arguments:
            truth = exact(mpmath, *(mpmath.mpf(v) for v in values))
            error = abs(mpmath.mpf(INTRINSICS[name](*values)) - truth)
            worst = max(worst, float(error / mpmath.mpf(math.ulp(float(abs(truth))))))
    return worst


def spread(low: float, high: float, seed: int, n: int = N) -> list[tuple[float]]:
    """Half of them evenly, half by size, of both signs where the interval has both."""
    rng = np.random.default_rng(seed)
    even = rng.uniform(low, high, n)
    size = 10.0 ** rng.uniform(-12, math.log10(max(high, 1e-11)), n)
    if low < 0.0:
        size *= rng.choice([-1.0, 1.0], n)
    both = np.concatenate([even, size])
    return [(v,) for v in both[(both >= low) & (both <= high)].tolist()]


@pytest.mark.parametrize(
    ("name", "low", "high", "bound"),
    [
        ("exp", -700.0, 700.0, 1.0),
        ("exp", -1.0, 1.0, 1.0),
        ("log", 0.0, 1e300, 1.0),
        ("log", 0.5, 2.0, 1.0),
        ("log10", 0.0, 10.0, 2.0),
        ("tanh", -20.0, 20.0, 6.0),
        ("tanh", 0.1, 0.5, 6.0),
        ("sinh", -600.0, 600.0, 3.0),
        ("sinh", 0.1, 0.6, 3.0),
        ("cosh", -600.0, 600.0, 3.0),
        ("sin", -1e5, 1e5, 2.0),
        ("cos", -1e5, 1e5, 2.0),
        ("tan", -1e5, 1e5, 3.0),
        ("sin", -4.0, 4.0, 2.0),
        ("cos", -4.0, 4.0, 2.0),
        ("tan", -4.0, 4.0, 3.0),
        ("asin", -1.0, 1.0, 3.0),
        ("acos", -1.0, 1.0, 3.0),
        ("acos", 0.999, 1.0, 3.0),
        ("atan", -1e3, 1e3, 2.0),
        ("atan", -3.0, 3.0, 2.0),
    ],
)
def test_errors_are_below_what_the_docstring_states(name, low, high, bound):
    def exact(mpmath, x):
        return getattr(mpmath, name)(x)

    worst = worst_ulp(name, exact, spread(low, high, seed=3))
    print(f"{name} on {low:g} to {high:g}: {worst:.2f} ulp")
    assert worst < bound


def test_power_is_within_its_bound():
    rng = np.random.default_rng(4)
    base, exponent = 10.0 ** rng.uniform(-3.0, 3.0, N), rng.uniform(-90.0, 90.0, N)
    worst = 0.0
    for x, y in zip(base.tolist(), exponent.tolist(), strict=True):
        error = worst_ulp("pow", lambda _, a, b: a**b, [(x, y)])
        worst = max(worst, error / (1.0 + abs(y * math.log(x))))
    print(f"pow: {worst:.2f} of 1 + |y log x| ulp")
    assert worst < 1.2


def test_power_has_the_range_of_a_float64():
    for x, y in [(10.0, 305.0), (10.0, -305.0), (2.0, 1020.0), (0.5, 1020.0), (3.0, 5.0)]:
        assert INTRINSICS["pow"](x, y) == pytest.approx(x**y, rel=1e-12)
    assert INTRINSICS["pow"](10.0, 400.0) == math.inf
    assert INTRINSICS["pow"](10.0, -400.0) == 0.0


@pytest.mark.parametrize("x", [-2.5, -1.0, 0.0, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("y", [-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_power_follows_c_for_signs_and_zeros(x, y):
    with np.errstate(all="ignore"):
        expected = float(np.float64(x) ** np.float64(y))
    assert INTRINSICS["pow"](x, y) == pytest.approx(expected, rel=1e-14, nan_ok=True)


def test_edges_of_functions():
    f = INTRINSICS
    assert f["exp"](0.0) == 1.0
    assert f["exp"](-701.0) == 0.0
    assert f["exp"](1000.0) == f["exp"](700.0)
    assert f["log"](1.0) == 0.0
    assert f["log"](0.0) == -math.inf
    assert math.isnan(f["log"](-1.0))
    assert (f["asin"](1.0), f["asin"](-1.0)) == (math.pi / 2, -math.pi / 2)
    assert (f["acos"](1.0), f["acos"](-1.0)) == (0.0, math.pi)
    assert math.isnan(f["asin"](1.5))
    assert math.isnan(f["acos"](-1.5))
    assert f["atan"](math.inf) == math.pi / 2
    assert f["tanh"](50.0) == 1.0
    assert math.isnan(f["sqrt"](-1.0))
    assert math.isnan(f["fmod"](1.0, 0.0))


def test_reversal_potential_is_that_of_nernst():
    expected = 1000.0 * 8.31446261815324 * 310.15 / 96485.3321233100141 * math.log(140.0 / 10.0)
    assert intrinsics.nernst(10.0, 140.0, 1.0, 37.0) == pytest.approx(expected, rel=1e-15)
    assert intrinsics.nernst(10.0, 140.0, 2.0, 37.0) == pytest.approx(expected / 2, rel=1e-15)
    assert intrinsics.nernst(0.0, 1.0, 1.0, 37.0) == 1e6
    assert intrinsics.nernst(1.0, 0.0, 1.0, 37.0) == -1e6
    assert intrinsics.nernst(1.0, 2.0, 0.0, 37.0) == 0.0
