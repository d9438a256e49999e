"""From spikes to events: the targets of every source on this rank, and a queue binned by epoch.

Times are steps here. A threshold crossing at step n over a delay d is delivered at the start of
step n + floor(d / dt + 1/2); an event at an exact time te at the first step m with te <= (m + 1/2)
dt. Both are NEURON's rule: what is due by the middle of a step is delivered at its start.
"""

from __future__ import annotations

import numpy as np

from distnet.errors import SimulationError
from distnet.lower import Lowered
from kernels.block import Events

ROUND = 1e-9  # steps: what counts as the very middle of a step


class Routing:
    """Connections of one rank, in rows by source gid, each row in the order of the block."""

    def __init__(self, lowered: Lowered, n_gids: int, dt: float):
        source = lowered.connection_source
        order = np.argsort(source, kind="stable")
        self.dt = dt
        self.connection = order.astype(np.int32)
        self.delay = lowered.connection_delay[order]
        self.delay_steps = np.floor(self.delay / dt + 0.5 + ROUND).astype(np.int64)
        heard, first = np.unique(source[order], return_index=True)
        self.heard = heard
        self.row_ptr = np.append(first, len(order)).astype(np.int64)
        self.row_of_gid = np.full(n_gids, -1, np.int32)
        self.row_of_gid[heard] = np.arange(len(heard))

    def expand(self, spikes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Events of some spikes (SPIKE).

        Returns:
            step at whose start each is delivered, exact time [ms], source gid, connection.
        """
        row = self.row_of_gid[spikes["gid"]]
        spikes, row = spikes[row >= 0], row[row >= 0]
        count = self.row_ptr[row + 1] - self.row_ptr[row]
        of = np.repeat(np.arange(len(spikes)), count)
        start = np.cumsum(count) - count
        k = self.row_ptr[row][of] + np.arange(len(of)) - start[of]
        step = spikes["step"][of].astype(np.int64)
        time = spikes["time"][of] + self.delay[k]
        exact = np.ceil(time / self.dt - 0.5 - ROUND).astype(np.int64)
        due = np.where(step >= 0, step + self.delay_steps[k], exact)
        return due, time, spikes["gid"][of], self.connection[k]


class EventQueue:
    """Events to come, in bins of one epoch each."""

    def __init__(self, routing: Routing, epoch: int):
        self.routing, self.epoch = routing, epoch
        self._bins: dict[int, list[tuple[np.ndarray, ...]]] = {}
        self._taken = -1  # number of the last epoch whose events were taken

    def add(self, spikes: np.ndarray) -> None:
        """Put the events of some spikes into their bins.

        Raises:
            SimulationError: an event is due in an epoch that was computed already: a mechanism
                called net_event with a time in the past.
        """
        if not len(spikes):
            return
        events = self.routing.expand(spikes)
        number = events[0] // self.epoch
        if number.min(initial=self._taken + 1) <= self._taken:
            late = int(np.argmin(number))
            raise SimulationError(
                f"gid {events[2][late]}: its event for {events[1][late]:g} ms comes after that time"
            )
        order = np.argsort(number, kind="stable")
        numbers, first = np.unique(number[order], return_index=True)
        for n, part in zip(numbers.tolist(), np.split(order, first[1:]), strict=False):
            self._bins.setdefault(n, []).append(tuple(array[part] for array in events))

    def take(self, first: int) -> Events:
        """Events of the epoch that starts at step `first`, by (step, time, source, connection)."""
        self._taken = first // self.epoch
        parts = self._bins.pop(self._taken, None)
        if parts is None:
            empty = np.zeros(0, np.int64)
            return Events(empty, np.zeros(0), np.zeros(0, np.int32))
        step, time, gid, connection = (np.concatenate(a) for a in zip(*parts, strict=True))
        order = np.lexsort((connection, gid, time, step))
        return Events(step[order], time[order], connection[order])
