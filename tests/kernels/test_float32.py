"""The elementary functions of single precision: errors against float64, edges, one text for all."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from kernels import float32
from kernels.cpu.numerics import single_functions

CASES = [
    ("exp", -79.9, 79.9, 1.0),
    ("exp", -1.0, 1.0, 1.0),
    ("log", 0.0, 1e38, 1.0),
    ("log", 0.5, 2.0, 1.0),
    ("log10", 0.0, 10.0, 2.0),
    ("log10", 0.9, 1.1, 2.0),
    ("sin", -1e5, 1e5, 1.0),
    ("sin", -4.0, 4.0, 1.0),
    ("cos", -1e5, 1e5, 1.0),
    ("cos", -4.0, 4.0, 1.0),
    ("tan", -1e5, 1e5, 2.0),
    ("tan", -4.0, 4.0, 2.0),
    ("arctan", -1e3, 1e3, 2.0),
    ("arctan", -3.0, 3.0, 2.0),
    ("arcsin", -1.0, 1.0, 2.0),
    ("arccos", -1.0, 1.0, 2.0),
    ("arccos", 0.999, 1.0, 2.0),
    ("sinh", -79.0, 79.0, 2.0),
    ("sinh", -2.0, 2.0, 2.0),
    ("cosh", -79.0, 79.0, 2.0),
    ("tanh", -10.0, 10.0, 2.0),
    ("tanh", -1.0, 1.0, 2.0),
]
OWN = {"arctan": "atan", "arcsin": "asin", "arccos": "acos"}
FEW, MANY = 60_000, 1_000_000


def compiled(name: str):
    """A function of one or two arguments over arrays."""
    function = single_functions()[name]
    if name == "pow":
        return numba.vectorize(lambda x, y: function(x, y))
    return numba.vectorize(lambda x: function(x))


def worst_ulp(found: np.ndarray, exact: np.ndarray) -> float:
    assert found.dtype == np.float32
    return float((np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32))).max())


def check_errors(name: str, low: float, high: float, bound: float, n: int) -> None:
    x = np.random.default_rng(5).uniform(low, high, n).astype(np.float32)
    worst = worst_ulp(compiled(OWN.get(name, name))(x), getattr(np, name)(x.astype(np.float64)))
    print(f"{name} on {low:g} to {high:g}: {worst:.2f} ulp")
    assert worst < bound


@pytest.mark.parametrize(("name", "low", "high", "bound"), CASES)
def test_errors_are_below_what_the_docstring_states(name, low, high, bound):
    check_errors(name, low, high, bound, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "low", "high", "bound"), CASES)
def test_errors_over_a_million_inputs(name, low, high, bound):
    check_errors(name, low, high, bound, MANY)


def test_power_is_below_two_ulp():
    rng = np.random.default_rng(6)
    x = np.concatenate([10.0 ** rng.uniform(-5.0, 5.0, FEW), rng.uniform(0.5, 2.0, FEW)])
    x, y = x.astype(np.float32), rng.uniform(-60.0, 60.0, 2 * FEW).astype(np.float32)
    exact = x.astype(np.longdouble) ** y.astype(np.longdouble)
    normal = (exact > 1.22e-38) & (exact < 2.2e38)
    worst = worst_ulp(compiled("pow")(x, y)[normal], exact[normal])
    print(f"pow: {worst:.2f} ulp")
    assert worst < 2.0


def test_power_follows_c_for_signs_and_zeros():
    power = compiled("pow")
    for x in (-2.5, -1.0, 0.0, 0.5, 1.0, 4.0, np.inf):
        for y in (-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0):
            with np.errstate(all="ignore"):
                expected = np.float32(x) ** np.float32(y)
            found = power(np.float32(x), np.float32(y))
            np.testing.assert_allclose(found, expected, rtol=3e-7, err_msg=f"{x} ** {y}")
    tiny = np.float32(1e-42)
    assert power(tiny, np.float32(0.5)) == pytest.approx(float(tiny) ** 0.5, rel=2e-7)


def test_edges():
    f = {name: compiled(name) for name in ("exp", "log", "asin", "acos", "atan", "tanh")}
    one = np.float32(1.0)
    assert f["exp"](np.float32(0.0)) == 1.0
    assert f["exp"](np.float32(1e4)) == f["exp"](np.float32(80.0)) < 6e34
    assert f["exp"](np.float32(-80.1)) == 0.0
    assert np.isnan(f["exp"](np.float32(np.nan)))
    assert f["log"](one) == 0.0
    assert f["log"](np.float32(0.0)) == -np.inf
    assert np.isnan(f["log"](-one))
    assert f["log"](np.float32(1e-44)) == np.float32(np.log(float(np.float32(1e-44))))
    assert f["asin"](one) == np.float32(np.pi / 2)
    assert f["acos"](-one) == np.float32(np.pi)
    assert f["acos"](one) == 0.0
    assert np.isnan(f["asin"](np.float32(1.5)))
    assert f["atan"](np.float32(np.inf)) == np.float32(np.pi / 2)
    assert f["tanh"](np.float32(50.0)) == 1.0


@pytest.mark.parametrize("name", ["exp", "log", "sin", "tan", "atan", "acos", "tanh"])
def test_plain_python_has_the_bits_of_numba(name):
    x = np.random.default_rng(7).uniform(0.01, 0.99, 200).astype(np.float32)
    plain = np.array([getattr(float32, name)(one) for one in x], np.float32)
    np.testing.assert_array_equal(plain, compiled(name)(x))


def test_reversal_potential():
    nernst = single_functions()["nernst"]
    found = nernst(*(np.float32(value) for value in (10.0, 140.0, 1.0, 37.0)))
    expected = 1000.0 * 8.31446261815324 * 310.15 / 96485.3321233100141 * np.log(14.0)
    assert found == pytest.approx(expected, rel=4e-7)
