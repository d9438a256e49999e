"""Spikes by an allgather between machines: one rank of each collects, exchanges, hands out.

An exchange has three stages, all of fixed slots: the ranks of a machine give theirs to the first
of them, the leader; the leaders of all machines gather them; each leader hands all slots to its
ranks. A rank posts the stage that it can post whenever it is called, so the stages of one exchange
overlap the epochs between its start and its finish:

- ranks other than the leader post stages one and three at once: both are collectives of their
  machine, and these come in the same order everywhere, exchange after exchange;
- the leader posts stage one at the start, stage two once stage one is complete, stage three once
  stage two is.

A leader must not post stage one of a later exchange before stage three of an earlier one where the
others posted them in the opposite order, so the two run on communicators of their own. Slots that
overflowed are followed by a variable allgather of all ranks, as in `distnet.exchange.allgather`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from distnet.exchange.allgather import Slots, fetch_rest, first_capacity, make_slots
from distnet.exchange.base import SPIKE, Links, Notice, Traffic
from distnet.exchange.nodes import Node
from distnet.exchange.waiting import Waiting


@dataclass
class Stages:
    """One exchange: its slots and how far it is."""

    slots: Slots  # incoming: the slots of all machines, each padded to the largest one
    node: np.ndarray  # (largest, capacity + 1) SPIKE, the slots of this machine, on the leader
    stage: int = 0  # 1 collecting, 2 between leaders, 3 handing out
    collect: Any = None
    between: Any = None
    hand_out: Any = None


class LeadersTransport:
    """All ranks of a communicator, machine by machine."""

    reach = 1

    def __init__(self, communicator: Any, links: Links, waiting: Waiting, node: Node):
        from mpi4py import MPI

        self._mpi, self._waiting = MPI, waiting
        self._comm = communicator.Dup()
        self._collecting, self._handing = node.communicator.Dup(), node.communicator.Dup()
        self._leads = self._collecting.Get_rank() == 0
        colour = 0 if self._leads else MPI.UNDEFINED
        self._leaders = self._comm.Split(colour, self._comm.Get_rank())
        self._shape = (node.n_nodes, node.largest)
        self._place = self._find_places()
        self.traffic = Traffic()
        expected = self._comm.allreduce(links.expected, op=MPI.MAX)
        capacity = first_capacity(expected)
        self._free = deque(self._make(capacity) for _ in range(max(1, links.depth)))
        self._busy: deque[Stages] = deque()

    def _find_places(self) -> np.ndarray:
        """(n_ranks,) i8: row of each rank among the padded slots of all machines."""
        index = self._leaders.Get_rank() if self._leads else None
        index = self._collecting.bcast(index)
        mine = index * self._shape[1] + self._collecting.Get_rank()
        return np.array(self._comm.allgather(mine), np.int64)

    def _make(self, capacity: int) -> Stages:
        n_nodes, largest = self._shape
        node = np.zeros((largest if self._leads else 0, capacity + 1), SPIKE)
        return Stages(make_slots(n_nodes * largest, capacity), node)

    def start(self, spikes: np.ndarray, notice: Notice) -> None:
        """Post stage one, and what else can be posted."""
        one = self._free.popleft()
        one.slots.fill(spikes, notice)
        byte = self._mpi.BYTE
        n = self._collecting.Get_size()
        received = [one.node[:n].view(np.uint8), byte] if self._leads else None
        one.collect = self._collecting.Igather([one.slots.outgoing.view(np.uint8), byte], received)
        one.stage = 1
        if not self._leads:
            one.hand_out = self._handing.Ibcast([one.slots.incoming.view(np.uint8), byte])
        self._busy.append(one)
        self.traffic.messages += 1
        self.traffic.n_bytes += one.slots.outgoing.nbytes
        for busy in self._busy:
            if not self._progress(busy):
                break

    def _progress(self, one: Stages) -> bool:
        """Post the next stage if it can be; whether an exchange is complete up to its last stage.

        Later exchanges are not looked at before: the leaders post theirs in the same order.
        """
        byte = self._mpi.BYTE
        if not self._leads:
            return True
        if one.stage == 1 and one.collect.Test():
            one.stage = 2
            slots = one.slots.incoming.view(np.uint8)
            one.between = self._leaders.Iallgather([one.node.view(np.uint8), byte], [slots, byte])
        if one.stage == 2 and one.between.Test():
            one.stage = 3
            one.hand_out = self._handing.Ibcast([one.slots.incoming.view(np.uint8), byte])
        return one.stage == 3

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Wait for the oldest; fetch what did not fit into the slots."""
        one = self._busy.popleft()
        self._waiting.wait(lambda: self._complete(one), "the spikes of all ranks")
        padded = one.slots
        slots = Slots(padded.outgoing, padded.incoming[self._place], padded.spikes)
        count, parts, notice = slots.read()
        if count.max() > slots.capacity:
            parts += fetch_rest(self._mpi, self._comm, self._waiting, slots, count)
            self.traffic.overflows += 1
            one = self._make(int(2 * count.max()))
        self._free.append(one)
        return np.concatenate([slots.spikes[:0], *parts]), notice

    def _complete(self, one: Stages) -> bool:
        if not self._progress(one):
            return False
        collected = self._leads or one.collect.Test()
        return bool(one.hand_out.Test() and collected)

    def close(self) -> None:
        """Free the communicators."""
        for communicator in (self._comm, self._collecting, self._handing):
            communicator.Free()
        if self._leads:
            self._leaders.Free()
