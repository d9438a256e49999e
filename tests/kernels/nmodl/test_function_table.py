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


def test_two_arguments_are_refused():
    text = TEXT.replace("second(x)", "second(x, y)").replace("second(10*t)", "second(t, v)")
    with pytest.raises(NmodlError, match="tables of 1 argument are supported"):
        loads(text)
