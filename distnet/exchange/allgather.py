"""Spikes by a non-blocking allgather of fixed slots.

Every rank sends one slot an epoch: a header with its number of spikes, then as many as fit. All
ranks see all counts, so when some slot overflowed all of them enter a second, variable allgather
for the rest; the buffer then grows to hold such an epoch, by the same rule everywhere. There is a
buffer for every exchange in flight; each is posted anew only after it was finished.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from distnet.exchange.base import FIRST_SLOT, HEADER, SPIKE, Links, Notice, Traffic, strongest
from distnet.exchange.waiting import Waiting


@dataclass
class Slots:
    """Buffers of one exchange: what this rank sends, and the slots of all ranks."""

    outgoing: np.ndarray  # (capacity + 1,) SPIKE; the first is the header
    incoming: np.ndarray  # (n_ranks, capacity + 1) SPIKE
    spikes: np.ndarray  # what was to be sent
    request: Any = None

    @property
    def capacity(self) -> int:
        """Spikes that fit into a slot."""
        return len(self.outgoing) - 1

    def fill(self, spikes: np.ndarray, notice: Notice) -> None:
        """Write the message."""
        n = min(len(spikes), self.capacity)
        self.spikes = spikes
        self.outgoing[:1].view(HEADER)[0] = (len(spikes), *notice)
        self.outgoing[1 : n + 1] = spikes[:n]

    def read(self) -> tuple[np.ndarray, list[np.ndarray], Notice]:
        """Counts of all ranks, the spikes that are here, the strongest notice."""
        header = np.ascontiguousarray(self.incoming[:, 0]).view(HEADER)
        count = header["count"].astype(np.int64)
        spoken = np.flatnonzero(count)
        parts = [self.incoming[r, 1 : min(count[r], self.capacity) + 1].copy() for r in spoken]
        asked = header[header["kind"] != 0]
        notice = strongest([Notice(int(one["kind"]), int(one["epoch"])) for one in asked])
        return count, parts, notice


def make_slots(n_ranks: int, capacity: int) -> Slots:
    """Empty buffers."""
    none = np.zeros(0, SPIKE)
    return Slots(np.zeros(capacity + 1, SPIKE), np.zeros((n_ranks, capacity + 1), SPIKE), none)


def first_capacity(expected: float) -> int:
    """Spikes for which a slot has room at first: seldom exceeded where `expected` is true."""
    return max(FIRST_SLOT, int(np.ceil(expected + 4.0 * np.sqrt(expected))) + 4)


class AllgatherTransport:
    """All ranks of a communicator, each to all."""

    reach = 1

    def __init__(self, communicator: Any, links: Links, waiting: Waiting):
        from mpi4py import MPI

        self._mpi = MPI
        self._comm = communicator.Dup()
        self._waiting = waiting
        self.traffic = Traffic()
        expected = self._comm.allreduce(links.expected, op=MPI.MAX)
        size = self._comm.Get_size()
        self._free = deque(
            make_slots(size, first_capacity(expected)) for _ in range(max(1, links.depth))
        )
        self._busy: deque[Slots] = deque()

    def start(self, spikes: np.ndarray, notice: Notice) -> None:
        """Post the allgather of an epoch's spikes."""
        slots = self._free.popleft()
        slots.fill(spikes, notice)
        byte = self._mpi.BYTE
        slots.request = self._comm.Iallgather(
            [slots.outgoing.view(np.uint8), byte], [slots.incoming.view(np.uint8), byte]
        )
        self._busy.append(slots)
        self.traffic.messages += 1
        self.traffic.n_bytes += slots.outgoing.nbytes

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Wait for the oldest; fetch what did not fit into the slots."""
        slots = self._busy.popleft()
        self._waiting.wait(slots.request.Test, "the spikes of all ranks")
        count, parts, notice = slots.read()
        if count.max() > slots.capacity:
            parts += fetch_rest(self._mpi, self._comm, self._waiting, slots, count)
            self.traffic.overflows += 1
            slots = make_slots(len(count), int(2 * count.max()))
        self._free.append(slots)
        return np.concatenate([slots.spikes[:0], *parts]), notice

    def close(self) -> None:
        """Free the communicator."""
        self._comm.Free()


def fetch_rest(
    mpi: Any, communicator: Any, waiting: Waiting, slots: Slots, count: np.ndarray
) -> list[np.ndarray]:
    """The spikes of all ranks that did not fit into their slots."""
    rest = np.ascontiguousarray(slots.spikes[slots.capacity :])
    left = np.maximum(count - slots.capacity, 0)
    result = np.zeros(int(left.sum()), SPIKE)
    size = left * SPIKE.itemsize
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    request = communicator.Iallgatherv(
        [rest.view(np.uint8), mpi.BYTE], [result.view(np.uint8), (size, start), mpi.BYTE]
    )
    waiting.wait(request.Test, "the spikes that did not fit into their slots")
    return [result]
