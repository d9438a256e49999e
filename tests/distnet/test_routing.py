"""From spikes to events, against the rule applied one connection at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distnet.delivery import find_row, make_table
from distnet.errors import SimulationError
from distnet.exchange import SPIKE
from distnet.lower import Lowered
from distnet.routing import FIRST_POOL, EventQueue, Routing

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
        events = queue.take(first, first + epoch)
        assert ((events.step >= first) & (events.step < first + epoch)).all()
        found += zip(events.step, events.time, events.connection, strict=True)
    assert found == [(step, time, c) for step, time, _, c in expected]


def events_of(routing, *spikes):
    """All events of some spikes."""
    queue = EventQueue(routing, 1)
    queue.add(make_spikes(*spikes))
    return queue.take(0, 1000)


@pytest.mark.parametrize(
    ("delay", "step"), [(1.0, 40), (1.0124, 40), (1.0125, 41), (1.0126, 41), (1.025, 41)]
)
def test_a_crossing_at_dt_of_no_power_of_two(delay, step):
    events = events_of(make_routing([0], [delay], 1, 0.025), (0, 100, 2.5))
    assert events.step.tolist() == [100 + step]
    assert events.time.tolist() == [2.5 + delay]
    assert events.connection.tolist() == [0]


@pytest.mark.parametrize(
    ("time", "step"), [(0.0, 0), (0.0125, 0), (0.0126, 1), (0.025, 1), (0.0375, 1), (0.0376, 2)]
)
def test_an_exact_time_is_due_to_the_middle_of_the_step(time, step):
    routing = make_routing([0], [0.0], 1, 0.025)
    assert events_of(routing, (0, -1, time)).step.tolist() == [step]


def test_spikes_that_nobody_hears_are_dropped():
    routing = make_routing([2, 2], [1.0, 2.0], 5, 0.025)
    queue = EventQueue(routing, 10)
    queue.add(make_spikes((0, 3, 0.075), (4, -1, 0.1)))
    queue.add(make_spikes())
    assert all(len(queue.take(first, first + 10).step) == 0 for first in range(0, 200, 10))


def test_a_network_without_connections_routes_nothing():
    routing = make_routing([], [], 3, 0.025)
    assert len(events_of(routing, (0, 1, 0.025)).step) == 0


def test_equal_times_are_ordered_by_source_and_connection():
    routing = make_routing([1, 0, 1, 0], [1.0, 1.0, 1.0, 0.5], 2, 0.025)
    queue = EventQueue(routing, 100)
    queue.add(make_spikes((1, 10, 0.25)))
    queue.add(make_spikes((0, 10, 0.25)))
    assert queue.take(0, 100).connection.tolist() == [3, 1, 0, 2]


def test_an_event_that_comes_too_late_is_an_error():
    queue = EventQueue(make_routing([0], [1.0], 1, 0.025), 10)
    queue.take(0, 20)
    queue.add(make_spikes((0, 0, 0.0)))  # due at step 40
    queue.take(20, 50)
    with pytest.raises(SimulationError, match="gid 0: its event for 1 ms comes after that time"):
        queue.add(make_spikes((0, 0, 0.0)))


def many_spikes(n, n_gids, seed=1):
    rng = np.random.default_rng(seed)
    rows = zip(rng.integers(0, n_gids, n), rng.integers(0, 40, n), strict=True)
    return make_spikes(*((gid, step, step * 0.025) for gid, step in rows))


def test_pending_events_can_be_put_into_another_queue():
    rng = np.random.default_rng(3)
    routing = make_routing(rng.integers(0, 50, 2000), rng.uniform(1.0, 30.0, 2000), 50, 0.025)
    one, two = EventQueue(routing, 40), EventQueue(routing, 7, first=60)
    one.add(many_spikes(300, 50))
    one.take(0, 60)
    pending = one.pending()
    assert len(pending[0]) > FIRST_POOL  # the pool has grown
    two.put_back(*pending)
    for a, b in zip(one.pending(), two.pending(), strict=True):
        assert len(a) == len(b)
    first, second = one.take(60, 1300), two.take(60, 1300)
    for name in ("step", "time", "connection"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert len(one.pending()[0]) == 0


def test_an_exact_time_far_ahead_is_kept():
    queue = EventQueue(make_routing([0], [1.0], 1, 0.025), 10)
    queue.add(make_spikes((0, -1, 500.0), (0, 0, 0.0)))
    found = [queue.take(first, first + 10).step for first in range(0, 20100, 10)]
    assert np.concatenate(found).tolist() == [40, 20040]


def test_bytes_of_the_tables_are_told():
    n_bytes = make_routing([0, 0, 3], [1.0, 2.0, 1.0], 10, 0.025).n_bytes()
    assert n_bytes["connection"] == 16
    assert n_bytes["all"] == 3 * 16 + 2 * 8 + 3 * 8 + 16 * 8  # heard, row_ptr, 16 places


@pytest.mark.parametrize("n_gids", [1, 7, 100, 10**6, 2**31 - 1])
def test_every_gid_finds_its_row_and_no_other(n_gids):
    rng = np.random.default_rng(5)
    heard = np.unique(np.append(rng.integers(0, n_gids, 300), np.arange(min(n_gids, 50))))
    table, spread = make_table(heard, n_gids)
    assert table.size <= max(64, 40 * len(heard))
    row = {gid: k for k, gid in enumerate(heard.tolist())}
    for gid in (*heard.tolist(), *rng.integers(0, n_gids, 1000).tolist()):
        assert find_row(gid, table, spread) == row.get(gid, -1)


@pytest.mark.parametrize("n_times", [1, 3, 1000])
def test_many_events_of_a_step_are_ordered(n_times):
    """More than are sorted by insertion, with and without equal times."""
    rng = np.random.default_rng(n_times)
    delay = 1.0 + 1e-6 * rng.integers(0, n_times, 900)
    routing = make_routing(rng.integers(0, 40, 900), delay, 40, 0.025)
    spikes = [(gid, 10, 0.25) for gid in rng.permutation(40)]
    events = events_of(routing, *spikes)
    place = routing.rows(np.arange(900))
    order = np.lexsort((place[events.connection], events.time, events.step))
    assert len(events.step) == 900
    assert np.array_equal(order, np.arange(900))
