"""FUNCTION_TABLE: values that the user gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Events, KernelsError, Probe, make_engine
from kernels.errors import NmodlError
from kernels.nmodl import loads
from kernels.single import single_block

TEXT = """
NEURON { SUFFIX tabled RANGE u, w }
ASSIGNED { v u w }
FUNCTION_TABLE first(x (mV))
FUNCTION_TABLE second(x)
BREAKPOINT { SOLVE look }
PROCEDURE look() { u = first(v) + 0  w = second(10*t) }
"""
X, Y = np.array([-80.0, -62.0, 0.0]), np.array([1.0, 4.0, 2.0])
TABLES = {("tabled", "first"): (X, Y), ("tabled", "second"): (X + 83.0, 2 * Y)}


def run(backend: str, tables) -> np.ndarray:
    one = np.zeros(1, np.int64)
    block = dataclasses.replace(
        single_block(loads(TEXT)),
        function_tables=tables,
        probes=tuple(Probe(f"tabled.{v}", one, 1) for v in ("u", "w")),
    )
    engine = make_engine(block, backend)
    engine.reset()
    engine.advance(0, 400, Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32)))
    return np.array(engine.read())[:, 1:, 0]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_linear_between_rows_and_constant_outside(backend):
    u, w = run(backend, TABLES)
    np.testing.assert_allclose(u, np.interp(-65.0, X, Y), rtol=1e-15)
    t = 0.025 * np.arange(1, 400)
    np.testing.assert_allclose(w, np.interp(10 * t, X + 83.0, 2 * Y), rtol=1e-12)


def test_one_row_is_a_constant():
    constant = {key: ([0.0], [7.0]) for key in TABLES}
    assert (run("cpu", constant) == 7.0).all()


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, "mechanism tabled: FUNCTION_TABLE first has no values; give them"),
        ({**TABLES, ("tabled", "second"): ([1.0, 0.0], [1.0, 2.0])}, "arguments rising"),
        ({**TABLES, ("tabled", "second"): ([1.0], [1.0, 2.0])}, "as many of both"),
    ],
)
def test_missing_or_wrong_values(tables, words):
    with pytest.raises(KernelsError, match=words):
        run("cpu", tables)


def test_a_call_with_too_few_arguments_is_refused():
    text = TEXT.replace("second(x)", "second(x, y)")
    with pytest.raises(NmodlError, match="FUNCTION_TABLE second has 2 arguments, its call 1"):
        loads(text)


MANY = """
NEURON { SUFFIX many RANGE u, w, x, y, z }
PARAMETER { x y z }
ASSIGNED { u w }
FUNCTION_TABLE flat(a, b)
FUNCTION_TABLE deep(a, b, c)
BREAKPOINT { SOLVE look }
PROCEDURE look() { u = flat(x, y)  w = deep(x, y, z) }
"""
A, B, C = np.array([0.0, 1.0, 4.0]), np.array([-2.0, 3.0]), np.array([5.0, 6.0, 7.0, 8.0])
FLAT = np.array([[1.0, 2.0], [5.0, -1.0], [0.5, 8.0]])
DEEP = np.arange(24.0).reshape(3, 2, 4) ** 2


def look_up(backend: str, x: float, y: float, z: float, tables=None) -> tuple[float, float]:
    one = np.zeros(1, np.int64)
    block = single_block(loads(MANY))
    given = {"x": x, "y": y, "z": z}
    group = block.mechanisms[0]
    parameters = {name: np.array([value]) for name, value in given.items()}
    block = dataclasses.replace(
        block,
        mechanisms=(dataclasses.replace(group, parameters=parameters),),
        function_tables={
            ("many", "flat"): ((A, B), FLAT),
            ("many", "deep"): ((A, B, C), DEEP),
            **(tables or {}),
        },
        probes=(Probe("many.u", one, 1), Probe("many.w", one, 1)),
    )
    engine = make_engine(block, backend)
    engine.reset()
    nothing = np.zeros(0, np.int64)
    engine.advance(0, 2, Events(nothing, nothing.astype(float), nothing.astype(np.int32)))
    u, w = (array[1, 0] for array in engine.read())
    return u, w


@pytest.mark.parametrize(
    ("x", "y", "z", "deep"),
    [
        (0.0, -2.0, 5.0, 0.0),
        (-9.0, 9.0, 99.0, 49.0),
        (2.5, -2.0, 6.5, 81.0),
        (2.5, 0.5, 6.5, 81.0),
        (4.0, 3.0, 8.0, 529.0),
    ],
)
def test_several_arguments(x, y, z, deep):
    weights = np.interp(x, A, np.arange(3.0)), np.interp(y, B, np.arange(2.0))
    i, j = (int(min(w, n - 2)) for w, n in zip(weights, FLAT.shape, strict=True))
    p, q = weights[0] - i, weights[1] - j
    corners = FLAT[i : i + 2, j : j + 2]
    expected = float(np.array([1 - p, p]) @ corners @ np.array([1 - q, q]))
    u, w = look_up("reference", x, y, z)
    assert u == pytest.approx(expected, rel=1e-14)
    assert w == deep


def test_engines_agree_on_several_arguments():
    assert look_up("cpu", 2.5, 0.5, 6.5) == look_up("reference", 2.5, 0.5, 6.5)


def test_a_table_of_the_wrong_shape():
    with pytest.raises(KernelsError, match=r"found \(3, 2\) of them and values of shape \(2, 3\)"):
        look_up("reference", 0.0, 0.0, 0.0, {("many", "flat"): ((A, B), FLAT.T)})
