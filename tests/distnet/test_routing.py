"""From spikes to events, against the rule applied one connection at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distnet.errors import SimulationError
from distnet.exchange import SPIKE
from distnet.lower import Lowered
from distnet.routing import EventQueue, Routing

HALF = Fraction(1, 2)


def make_routing(source, delay, n_gids, dt):
    none = np.zeros(0, np.int64)
    lowered = Lowered(None, none, none, np.array(source, np.int64), np.array(delay, np.float64), ())
    return Routing(lowered, n_gids, dt)


def make_spikes(*rows):
    return np.array(list(rows), SPIKE)


def due_step(step: int, time: float, delay: float, dt: Fraction) -> int:
    """The first step that delivers, by NEURON's rule.

    A crossing is found a moment after its step, so what is due at the very middle of a step comes
    with the next one; an exact time there is still due.
    """
    exact = Fraction(time) + Fraction(delay)
    if step >= 0:
        exact = step * dt + Fraction(delay)
    m = int(exact / dt) - 2
    while not (exact < (m + HALF) * dt if step >= 0 else exact <= (m + HALF) * dt):
        m += 1
    return m


#: Steps of a power of two, so that multiples and their halves are exact.
dts = st.sampled_from([Fraction(1, 32), Fraction(1, 64)])
delays = st.one_of(
    st.integers(2, 40).map(lambda k: Fraction(k, 2)),  # in steps: whole and half
    st.floats(1.0, 20.0).map(lambda x: Fraction(round(x, 3))),
)


@settings(deadline=None, derandomize=True, max_examples=120)
@given(data=st.data(), dt=dts, epoch=st.integers(1, 9), seed=st.integers(0, 2**31))
def test_every_event_comes_once_at_its_step_and_in_order(data, dt, epoch, seed):
    rng = np.random.default_rng(seed)
    n_gids, last = 6, 60
    rows = data.draw(st.lists(st.tuples(st.integers(0, 4), delays), max_size=25))
    source = [gid for gid, _ in rows]
    delay = [float(d * dt) for _, d in rows]
    routing = make_routing(source, delay, n_gids, float(dt))
    spikes = []
    for _ in range(data.draw(st.integers(0, 20))):
        gid, step = int(rng.integers(0, n_gids)), int(rng.integers(0, last))
        if gid % 2:  # an artificial cell: an exact time, sometimes in the middle of a step
            spikes.append((gid, -1, float((step + Fraction(int(rng.integers(0, 4)), 4)) * dt)))
        else:
            spikes.append((gid, step, float(step * dt)))
    expected = sorted(
        (due_step(step, time, delay[c], dt), time + delay[c], gid, c)
        for gid, step, time in spikes
        for c in range(len(rows))
        if source[c] == gid
    )
    queue = EventQueue(routing, epoch)
    parts = rng.permutation(len(spikes))  # arrival has no order
    for part in np.array_split(parts, 3):
        queue.add(make_spikes(*(spikes[k] for k in part)))
    found = []
    for first in range(0, last + 60, epoch):
        events = queue.take(first)
        assert ((events.step >= first) & (events.step < first + epoch)).all()
        found += zip(events.step, events.time, events.connection, strict=True)
    assert found == [(step, time, c) for step, time, _, c in expected]


@pytest.mark.parametrize(
    ("delay", "step"), [(1.0, 40), (1.0124, 40), (1.0125, 41), (1.0126, 41), (1.025, 41)]
)
def test_a_crossing_at_dt_of_no_power_of_two(delay, step):
    routing = make_routing([0], [delay], 1, 0.025)
    due, time, gid, connection = routing.expand(make_spikes((0, 100, 2.5)))
    assert due.tolist() == [100 + step]
    assert time.tolist() == [2.5 + delay]
    assert (gid.tolist(), connection.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("time", "step"), [(0.0, 0), (0.0125, 0), (0.0126, 1), (0.025, 1), (0.0375, 1), (0.0376, 2)]
)
def test_an_exact_time_is_due_to_the_middle_of_the_step(time, step):
    routing = make_routing([0], [0.0], 1, 0.025)
    assert routing.expand(make_spikes((0, -1, time)))[0].tolist() == [step]


def test_spikes_that_nobody_hears_are_dropped():
    routing = make_routing([2, 2], [1.0, 2.0], 5, 0.025)
    queue = EventQueue(routing, 10)
    queue.add(make_spikes((0, 3, 0.075), (4, -1, 0.1)))
    queue.add(make_spikes())
    assert all(len(queue.take(first).step) == 0 for first in range(0, 200, 10))


def test_a_network_without_connections_routes_nothing():
    routing = make_routing([], [], 3, 0.025)
    assert len(routing.expand(make_spikes((0, 1, 0.025)))[0]) == 0


def test_equal_times_are_ordered_by_source_and_connection():
    routing = make_routing([1, 0, 1, 0], [1.0, 1.0, 1.0, 0.5], 2, 0.025)
    queue = EventQueue(routing, 100)
    queue.add(make_spikes((1, 10, 0.25)))
    queue.add(make_spikes((0, 10, 0.25)))
    assert queue.take(0).connection.tolist() == [3, 1, 0, 2]


def test_an_event_that_comes_too_late_is_an_error():
    queue = EventQueue(make_routing([0], [1.0], 1, 0.025), 10)
    queue.take(0)
    queue.take(10)
    queue.add(make_spikes((0, 0, 0.0)))  # due at step 40
    queue.take(40)
    with pytest.raises(SimulationError, match="gid 0: its event for 1 ms comes after that time"):
        queue.add(make_spikes((0, 0, 0.0)))
