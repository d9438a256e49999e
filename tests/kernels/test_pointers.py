"""POINTERs: values fetched before a kernel and put back after it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Events, Instances, KernelsError, Pointer, Probe, make_engine
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


#: Of density: reads an ion, the voltage elsewhere; adds to one variable.
PART = """
NEURON { SUFFIX part POINTER far, ca, sum RANGE seen }
ASSIGNED { v far ca sum seen }
AFTER INITIAL { sum = sum + 1 }
AFTER SOLVE {
    seen = (far - v)*0.1 + ca
    sum = sum + seen
}
"""
COLLECT = """
NEURON { POINT_PROCESS Collect RANGE total }
ASSIGNED { total }
BEFORE INITIAL { total = 0 }
BEFORE BREAKPOINT { total = 0 }
"""
COUNT = """
NEURON { POINT_PROCESS Count POINTER all }
ASSIGNED { all }
NET_RECEIVE (w) { all = all*2 + w }
"""


def cell_of_parts(blocks):
    """A cell of three compartments with a part in each, all of which add to one collector."""
    place, cell = np.arange(3, dtype=np.int32), np.zeros(3, np.int32)
    collect = Instances(loads(COLLECT), place[:1], cell[:1])
    pointers = (
        Pointer("far", "v", np.arange(3), np.array([1, 2, 0])),
        Pointer("ca", "k.ci", np.arange(2), np.array([0, 1])),
        Pointer("ca", "k.co", np.array([2]), np.array([2])),
        Pointer("sum", "Collect.total", np.arange(3), np.zeros(3, int)),
    )
    part = Instances(loads(PART), place, cell, pointers=pointers)
    probes = [Probe("Collect.total", place[:1], 1), Probe("part.seen", place, 1)]
    block = blocks.simple([collect, part], n_cell=3, probes=[*probes, Probe("v", place, 1)])
    return dataclasses.replace(
        block,
        cell_ptr=np.array([0, 3], np.int64),
        parent=np.array([-1, 0, 1], np.int32),
        axial=np.array([0.0, 0.02, 0.01]),
        v_init=np.array([-70.0, -60.0, -40.0]),
    )


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_parts_add_to_one_variable(blocks, backend):
    engine = make_engine(cell_of_parts(blocks), backend)
    total, seen, v = blocks.advance(engine, blocks.no_events(), 12, 5).samples
    assert total[0, 0] == 0.0  # the first currents come after AFTER INITIAL
    far = v[:, [1, 2, 0]]
    np.testing.assert_array_equal(seen[1:], (0.1 * (far - v) + [10.0, 10.0, 140.0])[1:])
    np.testing.assert_array_equal(total[1:, 0], ((seen[1:, 0] + seen[1:, 1]) + seen[1:, 2]))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_events_of_instances_that_share_a_variable(blocks, backend):
    place = np.zeros(2, np.int32)
    goal = Instances(loads(GOAL), place[:1], place[:1])
    shared = (Pointer("all", "Goal.e", np.arange(2), np.zeros(2, int)),)
    count = Instances(loads(COUNT), place, place, pointers=shared)
    probe = Probe("Goal.e", place[:1], 1)
    targets = [(1, 0), (1, 1)]
    block = blocks.simple([goal, count], targets=targets, weights=[1.0, 3.0], probes=[probe])
    sent = Events(np.array([1, 2, 2]), np.array([0.03, 0.05, 0.06]), np.array([0, 1, 0], np.int32))
    (values,) = blocks.advance(make_engine(block, backend), sent, 5, 5).samples
    np.testing.assert_array_equal(values[:, 0], [-60.0, -60.0, -119.0, -469.0, -469.0])


def test_what_instances_would_not_see_is_refused(blocks):
    block = cell_of_parts(blocks)
    for text, told in (
        (
            PART.replace("sum = sum + seen", "sum = sum*2"),
            "part: POINTER sum: instances that stand",
        ),
        (PART + "NET_RECEIVE (w) { INITIAL { sum = w } }", "sum is used in INITIAL of NET_RECEIVE"),
    ):
        kind = "POINT_PROCESS" if "NET_RECEIVE" in text else "SUFFIX"
        part = dataclasses.replace(
            block.mechanisms[1], mechanism=loads(text.replace("SUFFIX", kind))
        )
        with pytest.raises(KernelsError, match=told):
            make_engine(dataclasses.replace(block, mechanisms=(block.mechanisms[0], part)), "cpu")
