"""One process that stands for one of many ranks: the others' spikes are scripted.

Every source fires at a steady rate of its own, known from its gid. A rank hears all of them, as
with an allgather, or those of the ranks that it has connections from, as from neighbours.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from distnet.exchange.base import NO_NOTICE, SPIKE, Links, Notice


class DryExchange:
    """Rank `rank` of `size`; see `distnet.exchange.base.Exchange`."""

    reach = 1

    def __init__(self, rank: int, size: int, sources: np.ndarray, period: int, dt: float):
        """Script the spikes of all sources.

        Args:
            rank: which one this process is.
            size: number of ranks.
            sources: (n,) i8, gids on other ranks whose spikes arrive.
            period: steps between the spikes of a source.
            dt: [ms].
        """
        self.rank, self.size = rank, size
        phase = (sources.astype(np.int64) * 7919) % period
        order = np.argsort(phase, kind="stable")
        self._gid, self._phase = sources[order].astype(np.int32), phase[order]
        self._period, self._dt = period, dt
        self._step, self.epoch = 0, 1
        self._held: deque[tuple[np.ndarray, Notice, int]] = deque()
        self.n_arrived = 0
        self.links: Links | None = None

    def connect(self, links: Links) -> None:
        """Keep who listens to whom."""
        self.links = links
        self._step = 0

    def start(self, spikes: np.ndarray, notice: Notice = NO_NOTICE) -> None:
        """Hold the spikes of an epoch."""
        self._held.append((spikes, notice, self._step))
        self._step += self.epoch

    def finish(self) -> tuple[np.ndarray, Notice]:
        """What was held longest, and what the others sent in that epoch."""
        spikes, notice, first = self._held.popleft()
        arrived = np.concatenate([spikes, self._scripted(first, first + self.epoch)])
        self.n_arrived += len(arrived)
        return arrived, notice

    def _scripted(self, first: int, last: int) -> np.ndarray:
        parts = []
        for turn in range(first // self._period, -(-last // self._period)):
            begin, end = first - turn * self._period, last - turn * self._period
            here = slice(*np.searchsorted(self._phase, [begin, end]))
            part = np.zeros(here.stop - here.start, SPIKE)
            part["gid"] = self._gid[here]
            part["step"] = self._phase[here] + turn * self._period
            part["time"] = part["step"] * self._dt
            parts.append(part)
        return np.concatenate([np.zeros(0, SPIKE), *parts])

    def minimum(self, value: float) -> float:
        """The value: the others are like this rank."""
        return value

    def gather(self, value: Any) -> list[Any] | None:
        """A list of the value."""
        return [value]

    def broadcast(self, value: Any) -> Any:
        """The value."""
        return value
