"""Spikes by persistent messages between ranks that have something to tell each other.

The partners of a rank are the owners of the cells it hears and the ranks that hear its own, an
edge each of a distributed graph; added are the edges of a binary tree over all ranks, so that a
notice reaches every rank, edge by edge, within the height of the tree twice over.

Every edge has a message of fixed size for every exchange in flight, persistent: started anew for
each epoch, complete before the epoch that needs it. What does not fit follows as a message of its
own, sent at once; the receiver learns from the header that there is more. Both ends then enlarge
that one message alike, when they finish the exchange: neither starts it again before. Tags keep
the messages of different exchanges in flight apart, and those of one are in order on each edge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from distnet.exchange.audience import find_audience
from distnet.exchange.base import (
    FIRST_SLOT,
    HEADER,
    NO_SPIKES,
    SPIKE,
    Links,
    Notice,
    Traffic,
    strongest,
)
from distnet.exchange.waiting import Waiting


def tree_edges(rank: int, size: int) -> list[int]:
    """The neighbours of a rank in a binary tree over all ranks, lower ranks to the left.

    Half of the edges join ranks that follow one another: where space is bisected these are mostly
    partners anyway.

    >>> tree_edges(3, 6), tree_edges(1, 6), tree_edges(2, 6)
    ([1, 5], [3, 0, 2], [1])
    """
    low, high, above = 0, size, []
    while (middle := (low + high) // 2) != rank:
        above = [middle]
        low, high = (low, middle) if rank < middle else (middle + 1, high)
    return above + [(a + b) // 2 for a, b in ((low, rank), (rank + 1, high)) if a < b]


def tree_reach(size: int) -> int:
    """The most edges between two ranks of that tree.

    >>> [tree_reach(size) for size in (1, 2, 3, 4, 8)]
    [0, 1, 2, 3, 5]
    """
    return (size // 2).bit_length() + ((size - 1) // 2).bit_length()


@dataclass
class Message:
    """One direction of an edge, for one exchange in flight."""

    partner: int
    buffer: np.ndarray  # (capacity + 1,) SPIKE; the first is the header
    request: Any = None
    rest: Any = None  # request of the message with what did not fit

    @property
    def capacity(self) -> int:
        """Spikes that fit."""
        return len(self.buffer) - 1

    @property
    def header(self) -> tuple[int, int, int]:
        """Number of spikes, kind and epoch of the notice."""
        return self.buffer[:1].view(HEADER).tolist()[0]


@dataclass
class Round:
    """All messages of one exchange in flight."""

    tag: int
    outgoing: list[Message]
    incoming: list[Message]
    kept: np.ndarray = field(default_factory=lambda: NO_SPIKES)  # this rank's own


class NeighboursTransport:
    """All ranks of a communicator, each with its partners."""

    def __init__(self, communicator: Any, links: Links, waiting: Waiting):
        from mpi4py import MPI

        self._mpi, self._waiting = MPI, waiting
        rank, size = communicator.Get_rank(), communicator.Get_size()
        self.rank = rank
        self.reach = tree_reach(size)
        self.audience = find_audience(MPI, communicator, links, waiting)
        tree = tree_edges(rank, size)
        self.sources = sorted({*self.audience.sources.tolist(), *tree} - {rank})
        self.targets = sorted({*self.audience.targets.tolist(), *tree} - {rank})
        self._comm = communicator.Create_dist_graph_adjacent(self.sources, self.targets)
        self.traffic = Traffic(detail={"partners": len(self.targets)})
        self._depth = max(1, links.depth)
        self._free = deque(self._make(tag) for tag in range(self._depth))
        self._busy: deque[Round] = deque()

    def _make(self, tag: int) -> Round:
        def message(partner: int) -> Message:
            return Message(partner, np.zeros(FIRST_SLOT + 1, SPIKE))

        one = Round(tag, [message(r) for r in self.targets], [message(r) for r in self.sources])
        for out in one.outgoing:
            self._enlarge(out, FIRST_SLOT, tag, sends=True)
        for come in one.incoming:
            self._enlarge(come, FIRST_SLOT, tag, sends=False)
        return one

    def _enlarge(self, message: Message, capacity: int, tag: int, sends: bool) -> None:
        """Make the persistent request of a message of this capacity."""
        if message.request is not None:
            message.request.Free()
        message.buffer = np.zeros(capacity + 1, SPIKE)
        init = self._comm.Send_init if sends else self._comm.Recv_init
        data = [message.buffer.view(np.uint8), self._mpi.BYTE]
        message.request = init(data, message.partner, tag)

    def start(self, spikes: np.ndarray, notice: Notice) -> None:
        """Start the messages of an epoch."""
        one = self._free.popleft()
        addressed = self.audience.address(spikes)
        one.kept = addressed.get(self.rank, NO_SPIKES)
        for come in one.incoming:
            come.request.Start()
        for out in one.outgoing:
            mine = addressed.get(out.partner, NO_SPIKES)
            n = min(len(mine), out.capacity)
            out.buffer[:1].view(HEADER)[0] = (len(mine), *notice)
            out.buffer[1 : n + 1] = mine[:n]
            out.request.Start()
            self.traffic.n_bytes += out.buffer.nbytes
            if n < len(mine):
                rest = np.ascontiguousarray(mine[n:]).view(np.uint8)
                out.rest = self._comm.Isend(
                    [rest, self._mpi.BYTE], out.partner, self._depth + one.tag
                )
        self.traffic.messages += len(one.outgoing)
        self._busy.append(one)

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Wait for the messages of the oldest exchange."""
        one = self._busy.popleft()
        self._wait(one, [come.request for come in one.incoming])
        parts = [one.kept]
        notices = []
        overflows = False
        for come in one.incoming:
            count, kind, epoch = come.header
            notices.append(Notice(kind, epoch))
            parts.append(come.buffer[1 : min(count, come.capacity) + 1].copy())
            if count > come.capacity:
                overflows = True
                parts.append(self._fetch_rest(come, count, one.tag))
        self._wait(one, [out.request for out in one.outgoing])
        for out in one.outgoing:
            if out.rest is not None:
                self._waiting.wait(out.rest.Test, f"rank {out.partner} to take its spikes")
                out.rest = None
                self._enlarge(out, 2 * out.header[0], one.tag, sends=True)
        self.traffic.overflows += overflows
        self._free.append(one)
        return np.concatenate(parts), strongest(notices)

    def _wait(self, one: Round, requests: list[Any]) -> None:
        """Wait for some requests of a round."""
        done = self._mpi.Request.Testall
        self._waiting.wait(lambda: done(requests), f"messages of ranks {self._names(one)}")

    @staticmethod
    def _names(one: Round) -> str:
        ranks = [str(come.partner) for come in one.incoming]
        return ", ".join(ranks[:8]) + (", ..." if len(ranks) > 8 else "")

    def _fetch_rest(self, come: Message, count: int, tag: int) -> np.ndarray:
        rest = np.zeros(count - come.capacity, SPIKE)
        request = self._comm.Irecv(
            [rest.view(np.uint8), self._mpi.BYTE], come.partner, self._depth + tag
        )
        self._waiting.wait(request.Test, f"more spikes of rank {come.partner}")
        self._enlarge(come, 2 * count, tag, sends=False)
        return rest

    def close(self) -> None:
        """Free what MPI holds; it may not be freed after the end of MPI."""
        for one in self._free:
            for message in (*one.outgoing, *one.incoming):
                message.request.Free()
        self._free.clear()
        self._comm.Free()
