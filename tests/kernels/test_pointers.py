"""POINTERs: values fetched before a kernel and put back after it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Events, Instances, Pointer, Probe, make_engine
from kernels.nmodl import loads

#: Reads a voltage elsewhere and a state, and writes a parameter of another mechanism.
WATCHER = """
NEURON {
    POINT_PROCESS Watcher POINTER far, other, goal RANGE seen, mirror, n NONSPECIFIC_CURRENT i
}
ASSIGNED { v far other goal seen mirror i n }
INITIAL { seen = far goal = 0.25 }
BREAKPOINT { SOLVE step i = 0.001*(v - far) }
PROCEDURE step() { mirror = other goal = goal + 0.5 }
NET_RECEIVE (w) { other = other + w n = n + 1 }
"""
GOAL = """
NEURON { POINT_PROCESS Goal RANGE e, x NONSPECIFIC_CURRENT i }
PARAMETER { e = -60 }
ASSIGNED { v i }
STATE { x }
INITIAL { x = 1 }
BREAKPOINT { SOLVE decay METHOD cnexp i = 0.01*exp(-1/(2 + e))*(v - e) }
DERIVATIVE decay { x' = -x/5 }
"""


def make_block(blocks, one_cell=False):
    place = np.array([0, 1, 2], np.int32)
    cell = 0 * place if one_cell else place
    goal = Instances(loads(GOAL), place, cell)
    watcher = loads(WATCHER)
    assert watcher.pointers == ("far", "goal", "other")
    index = np.arange(3)
    pointers = (
        Pointer("far", "v", index, np.array([0, 1, 2])),
        Pointer("goal", "Goal.e", index[:2], np.array([1, 0])),
        Pointer("goal", "Goal.e", index[2:], np.array([2])),
        Pointer("other", "Goal.x", index, np.array([2, 0, 1])),
    )
    group = Instances(watcher, place, cell, pointers=pointers)
    names = ("Watcher.seen", "Watcher.mirror", "Goal.e", "Goal.x")
    probes = [Probe("v", index, 1), *(Probe(name, index, 1) for name in names)]
    block = blocks.simple(
        [goal, group], n_cell=3, targets=[(1, 0), (1, 2)], weights=[0.5, 2.0], probes=probes
    )
    if not one_cell:
        return block
    return dataclasses.replace(
        block,
        cell_ptr=np.array([0, 3], np.int64),
        parent=np.array([-1, 0, 1], np.int32),
        axial=np.array([0.0, 0.02, 0.01]),
    )


def run(blocks, backend, n_step=40):
    engine = make_engine(make_block(blocks), backend)
    return blocks.advance(engine, events(), n_step, 16).samples


def events():
    return Events(np.array([4, 9]), np.array([0.1, 0.22]), np.array([0, 1], np.int32))


def test_engines_agree(blocks):
    found = [run(blocks, backend) for backend in ("cpu", "reference")]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_values_are_fetched_and_put(blocks, backend):
    voltage, seen, mirror, goal, x = run(blocks, backend)
    np.testing.assert_array_equal(seen[0], voltage[0])
    np.testing.assert_array_equal(goal[:, 0], 0.25 + 0.5 * np.arange(40))
    decay = np.exp(-0.025 / 5.0)
    assert x[5, 2] == pytest.approx((decay**4 + 0.5) * decay, rel=1e-12)  # changed by an event
    assert x[10, 1] == pytest.approx((decay**9 + 2.0) * decay, rel=1e-12)
    np.testing.assert_array_equal(mirror[1:, 1], x[1:, 0])  # Goal is advanced first


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_saved_state_holds_what_pointers_changed(blocks, backend):
    block = make_block(blocks)
    nothing = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    one, other = make_engine(block, backend), make_engine(block, backend)
    one.reset()
    other.reset()
    one.advance(0, 20, events())
    one.read()
    other.load(one.save())
    for engine in (one, other):
        engine.advance(20, 40, nothing)
    for rows, again in zip(one.read(), other.read(), strict=True):
        np.testing.assert_array_equal(rows, again)
