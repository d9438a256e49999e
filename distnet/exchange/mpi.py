"""The ranks of an mpi4py communicator, and the transport between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from distnet.errors import InputError
from distnet.exchange.allgather import AllgatherTransport
from distnet.exchange.base import NO_NOTICE, NO_SPIKES, Links, Notice, Transport
from distnet.exchange.choice import Shape, candidates, predict
from distnet.exchange.leaders import LeadersTransport
from distnet.exchange.neighbours import NeighboursTransport, tree_edges
from distnet.exchange.nodes import Node, find_node
from distnet.exchange.waiting import Waiting

Maker = Callable[[Any, Links, Waiting, Node], Transport]

#: Transports by name.
TRANSPORTS: dict[str, Maker] = {
    "allgather": lambda comm, links, waiting, node: AllgatherTransport(comm, links, waiting),
    "leaders": LeadersTransport,
    "neighbours": lambda comm, links, waiting, node: NeighboursTransport(comm, links, waiting),
}

TRIALS = 20  # empty exchanges that are timed


class MpiExchange:
    """All ranks of a communicator; see `distnet.exchange.base.Exchange`."""

    def __init__(self, communicator: Any, transport: str = "auto", limit: float | None = None):
        """Join the other ranks.

        Args:
            communicator: of mpi4py; every rank calls this.
            transport: a name of `TRANSPORTS`, or "auto".
            limit: how long to wait for other ranks [s]; by default that of the environment.

        Raises:
            InputError: there is no such transport.
        """
        from mpi4py import MPI

        if transport != "auto" and transport not in TRANSPORTS:
            allowed = ", ".join(["auto", *TRANSPORTS])
            raise InputError("exchange", f'"{transport}" is not one of {allowed}')
        self._mpi = MPI
        self._comm = communicator.Dup()
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self.node = find_node(MPI, self._comm)
        crowded = self._comm.allreduce(self.node.crowded, op=MPI.LOR)
        self._waiting = Waiting(self._comm, crowded, limit)
        self._wanted = transport
        self.name = ""  # of the transport in use
        self._transport: Transport | None = None

    # --- spikes ---

    def connect(self, links: Links) -> None:
        """Choose a transport and make it."""
        self._meet("set-up of the exchange")
        if self._transport is not None:
            self._transport.close()
        if self._wanted != "auto":
            self._use(self._wanted, self._make(self._wanted, links))
            return
        names = candidates(predict(self._shape(links)))
        if len(names) == 1:
            self._use(names[0], self._make(names[0], links))
            return
        made = {name: self._make(name, links) for name in names}
        seconds = {name: self._time(transport) for name, transport in made.items()}
        best = min(seconds, key=lambda name: seconds[name])
        for name, transport in made.items():
            if name != best:
                transport.close()
        self._use(best, made[best])

    def _use(self, name: str, transport: Transport) -> None:
        self.name, self._transport, self.reach = name, transport, transport.reach

    def _make(self, name: str, links: Links) -> Transport:
        return TRANSPORTS[name](self._comm, links, self._waiting, self.node)

    def _shape(self, links: Links) -> Shape:
        """The same on every rank: the largest of each."""
        heard = set(links.owner.tolist()) - {self.rank}
        partners = len(heard | set(tree_edges(self.rank, self.size)))
        values = np.array([partners, len(heard), links.expected])
        largest = np.zeros_like(values)
        self._comm.Allreduce(values, largest, op=self._mpi.MAX)
        return Shape(
            self.size, self.node.n_nodes, int(largest[0]), int(largest[1]), float(largest[2])
        )

    def _time(self, transport: Transport) -> float:
        """Seconds of some empty exchanges, on the rank that takes longest."""
        for count in (2, TRIALS):
            self._meet("timing of the exchange")
            begin = time.perf_counter()
            for _ in range(count):
                transport.start(NO_SPIKES, NO_NOTICE)
                transport.finish()
            seconds = time.perf_counter() - begin
        return self._comm.allreduce(seconds, op=self._mpi.MAX)

    def start(self, spikes: np.ndarray, notice: Notice = NO_NOTICE) -> None:
        """Post the spikes of an epoch."""
        assert self._transport is not None
        self._transport.start(spikes, notice)

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Wait for the oldest exchange in flight."""
        assert self._transport is not None
        return self._transport.finish()

    @property
    def traffic(self) -> Any:
        """What this rank has sent; None before `connect`."""
        return self._transport.traffic if self._transport is not None else None

    @property
    def waited(self) -> float:
        """Time that this rank has waited for others so far [s]."""
        return self._waiting.seconds

    # --- everything else ---

    def _meet(self, what: str) -> None:
        """Wait until every rank is here: blocking collectives after it find all ranks present."""
        request = self._comm.Ibarrier()
        self._waiting.wait(request.Test, what)

    def minimum(self, value: float) -> float:
        """MPI_Allreduce with MIN."""
        self._meet("a smallest value")
        return self._comm.allreduce(value, op=self._mpi.MIN)

    def gather(self, value: Any) -> list[Any] | None:
        """MPI_Gather of Python objects."""
        self._meet("values of all ranks")
        return self._comm.gather(value)

    def broadcast(self, value: Any) -> Any:
        """MPI_Bcast of a Python object."""
        self._meet("a value of rank 0")
        return self._comm.bcast(value)

    def close(self) -> None:
        """Free what MPI holds (it has a few thousand communicators only); all ranks call it."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._waiting.close()
        self.node.communicator.Free()
        self._comm.Free()
