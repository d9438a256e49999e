"""From spikes to events: the targets of every source on this rank, and the events to come.

Times are steps here. A threshold crossing at step n over a delay d is delivered at the start of
step n + floor(d / dt + 1/2); an event at an exact time te at the first step m with te <= (m + 1/2)
dt. Both are NEURON's rule: what is due by the middle of a step is delivered at its start.
"""

from __future__ import annotations

import numpy as np

from distnet.delivery import (
    ROUND,
    copy_pending,
    count_due,
    count_events,
    drain_events,
    make_table,
    push_events,
    push_known,
)
from distnet.errors import SimulationError
from distnet.lower import Lowered
from kernels.block import Events

FIRST_POOL = 1024  # events


class Routing:
    """Connections of one rank, in rows by source gid, each row in the order of the block."""

    def __init__(self, lowered: Lowered, n_gids: int, dt: float):
        source = lowered.connection_source
        order = np.argsort(source, kind="stable")
        self.dt = dt
        self.connection = order.astype(np.int32)
        self.delay = lowered.connection_delay[order]
        self.delay_steps = np.floor(self.delay / dt + 0.5 + ROUND).astype(np.int32)
        heard, first = np.unique(source[order], return_index=True)
        self.heard = heard
        self.row_ptr = np.append(first, len(order)).astype(np.int64)
        self.table, self.spread = make_table(heard, n_gids)

    @property
    def n(self) -> int:
        """Number of connections."""
        return len(self.connection)

    @property
    def source(self) -> np.ndarray:
        """(n,) i8: the source gid of every connection, in order of row."""
        return np.repeat(self.heard, np.diff(self.row_ptr))

    def rows(self, connection: np.ndarray) -> np.ndarray:
        """Places in the order of row of some connections of the block, (n,) i4."""
        place = np.empty(self.n, np.int32)
        place[self.connection] = np.arange(self.n)
        return place[connection]

    def n_bytes(self) -> dict[str, int]:
        """Bytes of the tables: per connection, per source that is heard, and all of them."""
        return {
            "connection": self.connection.itemsize
            + self.delay.itemsize
            + self.delay_steps.itemsize,
            "source": self.heard.itemsize
            + self.row_ptr.itemsize
            + self.table.nbytes // max(1, len(self.heard)),
            "all": self.connection.nbytes
            + self.delay.nbytes
            + self.delay_steps.nbytes
            + self.heard.nbytes
            + self.row_ptr.nbytes
            + self.table.nbytes,
        }


class EventQueue:
    """Events to come, in bins of one step each; see `distnet.delivery`."""

    def __init__(self, routing: Routing, ahead: int, first: int = 0):
        """Make empty bins.

        Args:
            routing: where spikes go.
            ahead: how many steps after `take` a spike may be that is added before the next one.
            first: the first step to be taken.
        """
        self.routing = routing
        self._now = first
        self._longest = int(routing.delay_steps.max(initial=0))
        self._head = np.full(self._longest + ahead + 2, -1, np.int32)
        self._time = np.zeros(FIRST_POOL)
        self._k = np.zeros(FIRST_POOL, np.int32)
        self._next = np.append(np.arange(1, FIRST_POOL), -1).astype(np.int32)
        self._free = np.zeros(2, np.int64)

    def _reserve(self, n: int) -> None:
        """Make room for n more events."""
        size = len(self._next)
        if size - self._free[1] >= n:
            return
        larger = max(2 * size, size + n)
        added = np.append(np.arange(size + 1, larger), self._free[0]).astype(np.int32)
        self._next = np.concatenate([self._next, added])
        self._free[0] = size
        self._time = np.concatenate([self._time, np.zeros(larger - size)])
        self._k = np.concatenate([self._k, np.zeros(larger - size, np.int32)])

    def _stretch(self, latest: int) -> None:
        """Make the ring long enough for an event due at step `latest`."""
        if latest - self._now < len(self._head):
            return
        pending = self.pending()
        self._head = np.full(2 * (latest - self._now) + 1, -1, np.int32)
        size = len(self._next)
        self._next = np.append(np.arange(1, size), -1).astype(np.int32)
        self._free[:] = 0
        self.put_back(*pending)

    def add(self, spikes: np.ndarray) -> None:
        """Put the events of some spikes (SPIKE) into their bins.

        Raises:
            SimulationError: an event is due at a step that was computed already: a mechanism
                called net_event with a time in the past.
        """
        if not len(spikes):
            return
        of = self.routing
        gid, step, time = (np.ascontiguousarray(spikes[name]) for name in ("gid", "step", "time"))
        self._reserve(count_events(gid, of.table, of.spread, of.row_ptr))
        exact = float(time[step < 0].max(initial=0.0))
        self._stretch(max(int(step.max()), int(exact / of.dt)) + self._longest + 2)
        late, k = push_events(
            gid, step, time, of.table, of.spread, of.row_ptr, of.delay, of.delay_steps, of.dt,
            self._now, self._time, self._k, self._next, self._head, self._free,
        )  # fmt: skip
        if late >= 0:
            due = time[late] + of.delay[k]
            problem = f"its event for {due:g} ms comes after that time"
            raise SimulationError(f"gid {gid[late]}: {problem}")

    def put_back(self, step: np.ndarray, time: np.ndarray, k: np.ndarray) -> None:
        """Add events as `pending` gave them."""
        self._reserve(len(step))
        self._stretch(int(step.max(initial=0)))
        pool = (self._time, self._k, self._next, self._head, self._free)
        push_known(step, time, k, self._now, *pool)

    def take(self, first: int, last: int) -> Events:
        """Events due in steps `first` to `last`, by (step, time, source gid, connection)."""
        end = min(last, first + len(self._head))  # nothing is due beyond the ring
        n = count_due(first, end, self._next, self._head)
        step, time, k = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int32)
        pool = (self._time, self._k, self._next, self._head, self._free)
        drain_events(first, end, *pool, step, time, k)
        self._now = last
        return Events(step, time, self.routing.connection[k])

    def pending(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Events not yet taken: step at whose start each is due, exact time [ms], place k in the
        rows of the routing.
        """
        n = int(self._free[1])
        step, time, k = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int32)
        pool = (self._time, self._k, self._next, self._head)
        copy_pending(self._now, len(self._head), *pool, step, time, k)
        return step, time, k


__all__ = ["ROUND", "EventQueue", "Routing"]
