"""Self-events, artificial cells, and what happens when there are too many of them."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import Events, Instances, Probe, make_engine
from kernels.errors import QueueOverflow
from kernels.nmodl import loads

BACKENDS = ["cpu", "reference"]

#: A self-event of INITIAL that changes its arguments, and one that is moved.
TICK = """
NEURON { POINT_PROCESS Tick RANGE n_tick, last, sum, total }
ASSIGNED { n_tick last (ms) sum total }
INITIAL { n_tick = 0 last = -1 sum = 0 total = 0 net_send(0.3, 1) }
NET_RECEIVE (w, seen) {
    if (flag == 0) {
        seen = seen + 1
        sum = sum + w
        total = total + seen
        net_send(1, 2)
        net_move(t + 0.5)
    } else if (flag == 1) {
        w = w + 1000
        seen = seen + 1000
        n_tick = n_tick + 1
    } else {
        last = t
    }
}
"""

#: Fires when initialised, then whenever an event arrives.
RELAY = """
NEURON { ARTIFICIAL_CELL Relay }
INITIAL { net_event(0) }
NET_RECEIVE (w) { net_event(t) }
"""


def instances(mechanism, cell, node=None, trains=(), **parameters):
    n = len(cell)
    return Instances(
        mechanism,
        np.array(node if node is not None else [-1] * n, np.int32),
        np.array(cell, np.int32),
        {name: np.full(n, value) for name, value in parameters.items()},
        trains,
    )


def at(times, connections, dt=0.025):
    times = np.array(times, np.float64)
    step = np.ceil(times / dt - 0.5 - 1e-9).astype(np.int64)
    return Events(step, times, np.array(connections, np.int32))


def run(blocks, block, backend, last, events=None):
    return blocks.advance(make_engine(block, backend), events or blocks.no_events(), last, last)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_generator_fires_at_its_exact_times(blocks, backend):
    stim = instances(blocks.mechanism("NetStim"), [0], start=0.51, interval=0.333, number=4.0)
    block = blocks.simple([stim], n_cell=0, sources=[(-1, 0, 0)])
    found = run(blocks, block, backend, 100).spikes
    expected = 0.51 + 0.333 * np.arange(4)
    np.testing.assert_allclose(found.time, expected, rtol=1e-15)
    # the step at whose start, time t - dt/2, they are due
    np.testing.assert_array_equal(found.step, np.ceil(expected / 0.025 - 0.5).astype(int))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_generator_starts_and_stops_by_events(blocks, backend):
    stim = instances(blocks.mechanism("NetStim"), [0], start=-1.0, interval=1.0, number=3.0)
    block = blocks.simple(
        [stim], n_cell=0, sources=[(-1, 0, 0)], targets=[(0, 0), (0, 0)], weights=[1.0, -1.0]
    )
    found = run(blocks, block, backend, 400, at([1.0, 5.0, 6.5], [0, 0, 1])).spikes
    np.testing.assert_allclose(found.time, [1.0, 2.0, 3.0, 5.0, 6.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_train_is_played(blocks, backend):
    trains = (np.array([0.0, 0.7, 0.7, 2.013]), np.zeros(0), np.array([1.5]))
    stim = instances(blocks.mechanism("VecStim"), [0, 1, 2], trains=trains)
    block = blocks.simple([stim], n_cell=0, sources=[(-1, 0, k) for k in range(3)])
    found = run(blocks, block, backend, 100).spikes
    for source, train in enumerate(trains):
        np.testing.assert_allclose(found.time[found.source == source], train, rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_self_event_of_initial_belongs_to_no_connection(blocks, backend):
    """Its arguments are its own: the weights of connections stay as they are."""
    tick = instances(loads(TICK), [0, 1], node=[0, 1])
    names = ("n_tick", "sum", "total", "last")
    block = blocks.simple(
        [tick],
        n_cell=2,
        targets=[(0, 0), (0, 1), (0, 0)],
        weights=[0.25, 0.5, 2.0],
        probes=[Probe(f"Tick.{name}", np.arange(2), 1) for name in names],
    )
    events = at([0.1, 1.0, 1.0, 2.0], [0, 0, 1, 2])
    n_tick, total_weight, total, last = run(blocks, block, backend, 200, events).samples
    assert n_tick[-1].tolist() == [1.0, 1.0]
    assert total_weight[-1].tolist() == [0.25 + 0.25 + 2.0, 0.5]
    assert total[-1].tolist() == [1.0 + 2.0 + 1.0, 1.0]  # counted by each connection
    np.testing.assert_allclose(last[-1], [2.5, 1.5])  # moved by net_move


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_event_fired_by_initial_is_a_spike_at_0(blocks, backend):
    relay = instances(loads(RELAY), [0, 1])
    block = blocks.simple(
        [relay], n_cell=0, sources=[(-1, 0, 0), (-1, 0, 1)], targets=[(0, 1)], weights=[1.0]
    )
    engine = make_engine(block, backend)
    for _ in range(2):  # reset forgets what was not taken
        found = blocks.advance(engine, at([0.5], [0]), 60, 30).spikes
        assert found.time.tolist() == [0.0, 0.0, 0.5]
        assert found.source.tolist() == [0, 1, 1]
        engine.reset()


@pytest.mark.parametrize("backend", BACKENDS)
def test_events_meet_self_events_in_order_of_time(blocks, backend):
    """An event comes before a self-event of the same time; later ones after it."""
    stim = instances(blocks.mechanism("NetStim"), [0], start=1.0, interval=1.0, number=2.0)
    block = blocks.simple([stim], n_cell=0, sources=[(-1, 0, 0)], targets=[(0, 0)], weights=[-1.0])
    assert len(run(blocks, block, backend, 90, at([1.0], [0])).spikes.time) == 0
    assert len(run(blocks, block, backend, 90, at([1.001], [0])).spikes.time) == 1


def test_too_many_spikes_of_artificial_cells_are_an_error(blocks):
    """Also where a cell of the same group wants to spike after them."""
    stim = instances(blocks.mechanism("NetStim"), [1], start=0.0, interval=0.001, number=1e9)
    clamp = instances(blocks.mechanism("IClamp"), [0], [0], delay=0.5, dur=1.0, amp=2.0)
    block = blocks.simple([clamp, stim], sources=[(0, -1, -1), (-1, 1, 0)])
    with pytest.raises(QueueOverflow, match="steps 0 to 80: more than .* spikes"):
        run(blocks, block, "cpu", 80)


def test_too_many_self_events_are_an_error(blocks):
    text = TICK.replace("net_move(t + 0.5)", "").replace("net_send(1, 2)", "net_send(1e6, 2)")
    tick = instances(loads(text.replace("Tick", "Late")), [0], [0])
    block = blocks.simple([tick], targets=[(0, 0)], weights=[1.0])
    events = at(np.linspace(0.1, 1.0, 2000), [0] * 2000)
    with pytest.raises(QueueOverflow, match="self-events pending"):
        run(blocks, block, "cpu", 80, events)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_crossing_is_found_once(blocks, backend):
    """At the step whose voltage is first above, again only after it was not above."""
    clamp = instances(blocks.mechanism("IClamp"), [0], [0], delay=0.5, dur=1.0, amp=1.0)
    hh = instances(blocks.mechanism("hh"), [0], [0])
    block = blocks.simple(
        [clamp, hh], sources=[(0, -1, -1)], probes=[Probe("v", np.zeros(1, int), 1)]
    )
    found = run(blocks, block, backend, 600)
    voltage = found.samples[0][:, 0]
    above = voltage > -20.0
    expected = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    assert len(expected)
    np.testing.assert_array_equal(found.spikes.step, expected)
    np.testing.assert_array_equal(found.spikes.time, expected * 0.025)


#: What reads the time: currents in the middle of a step, states at its end.
CLOCK = """
NEURON { POINT_PROCESS Clock NONSPECIFIC_CURRENT i RANGE i, tau }
PARAMETER { tau = 0.7 (ms) }
ASSIGNED { v (mV) i (nA) }
STATE { s }
INITIAL { s = 0 }
BREAKPOINT { SOLVE follow METHOD cnexp  i = 1e-3*t }
DERIVATIVE follow { s' = (t - s)/tau }
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_currents_see_the_middle_of_a_step_and_states_its_end(blocks, backend):
    clock = instances(loads(CLOCK), [0], [0])
    probes = [Probe(name, np.zeros(1, int), 1) for name in ("v", "Clock.s", "Clock.i")]
    found = run(blocks, blocks.simple([clock], probes=probes), backend, 40).samples
    voltage, state, current = (rows[:, 0] for rows in found)
    dt, steps, decay = 0.025, np.arange(39), np.exp(-0.025 / 0.7)
    np.testing.assert_allclose(current[1:], 1e-3 * (steps + 0.5) * dt, rtol=1e-12)
    np.testing.assert_allclose(np.diff(voltage), -current[1:] * dt / 0.01, rtol=1e-9)
    expected = [0.0]
    for step in steps:
        end = (step + 1) * dt
        expected.append(end + (expected[-1] - end) * decay)
    np.testing.assert_allclose(state, expected, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cell_that_begins_above_its_threshold_spikes_at_0(blocks, backend):
    block = blocks.simple([], v_init=0.0, sources=[(0, -1, -1)])
    assert run(blocks, block, backend, 20).spikes.step.tolist() == [0]
