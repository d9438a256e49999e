"""Exchange by a non-blocking allgather of fixed slots, over mpi4py.

Every rank sends one slot an epoch: a header with its number of spikes, then as many as fit. All
ranks see all counts, so when some slot overflowed all of them enter a second, variable allgather
for the rest; the slot then grows to hold such an epoch, by the same rule everywhere. Between start
and finish the message is in flight while the next epoch is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from distnet.exchange.base import NO_SPIKES, SPIKE

FIRST_SLOT = 15  # spikes; the header takes one more record


class AllgatherExchange:
    """All ranks of a communicator."""

    def __init__(self, communicator: Any):
        from mpi4py import MPI

        self._mpi = MPI
        self._comm = communicator.Dup()
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self._request: Any = None
        self._spikes = NO_SPIKES
        self._resize(FIRST_SLOT)

    def _resize(self, capacity: int) -> None:
        self._capacity = capacity
        self._outgoing = np.zeros(capacity + 1, SPIKE)
        self._incoming = np.zeros((self.size, capacity + 1), SPIKE)

    def start(self, spikes: np.ndarray) -> None:
        """Post the allgather of an epoch's spikes."""
        n = min(len(spikes), self._capacity)
        self._spikes = spikes
        self._outgoing["gid"][0] = len(spikes)
        self._outgoing[1 : n + 1] = spikes[:n]
        byte = self._mpi.BYTE
        self._request = self._comm.Iallgather(
            [self._outgoing.view(np.uint8), byte], [self._incoming.view(np.uint8), byte]
        )

    def finish(self) -> np.ndarray:
        """Wait for it; fetch what did not fit into the slots."""
        if self._request is None:
            return NO_SPIKES
        self._request.Wait()
        self._request = None
        count = self._incoming["gid"][:, 0].astype(np.int64)
        fits = np.minimum(count, self._capacity)
        parts = [self._incoming[r, 1 : fits[r] + 1].copy() for r in range(self.size)]
        if count.max() > self._capacity:
            parts += self._fetch_rest(count - fits)
            self._resize(int(2 * count.max()))
        return np.concatenate(parts)

    def _fetch_rest(self, count: np.ndarray) -> list[np.ndarray]:
        rest = np.ascontiguousarray(self._spikes[self._capacity :])
        result = np.zeros(int(count.sum()), SPIKE)
        size = count * SPIKE.itemsize
        start = np.concatenate([[0], np.cumsum(size)[:-1]])
        byte = self._mpi.BYTE
        self._comm.Allgatherv(
            [rest.view(np.uint8), byte], [result.view(np.uint8), (size, start), byte]
        )
        return [result]

    def minimum(self, value: float) -> float:
        """MPI_Allreduce with MIN."""
        return self._comm.allreduce(value, op=self._mpi.MIN)

    def gather(self, value: Any) -> list[Any] | None:
        """MPI_Gather of Python objects."""
        return self._comm.gather(value)

    def broadcast(self, value: Any) -> Any:
        """MPI_Bcast of a Python object."""
        return self._comm.bcast(value)
