"""The null engine: everything but the arithmetic.

Cells never change; every threshold source fires at a steady rate of its own, so that routing,
exchange and output run as in earnest. Artificial cells stay silent.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernels.block import Block, Events, Spikes
from kernels.snapshot import no_self_events

INTERVAL = 20.0  # ms between the spikes of one source


class NullEngine:
    """Scripted spikes; see `kernels.engine.Engine`."""

    def __init__(self, block: Block):
        self.block = block
        self.period = max(1, round(INTERVAL / block.dt))
        self.sources = np.flatnonzero(block.source_node >= 0)
        self.phase = (self.sources * 7919) % self.period
        self.delivered = 0

    def reset(self) -> None:
        """Back to step 0."""
        self.delivered = 0
        self._rows: list[int] = []

    def advance(self, first: int, last: int, events: Events) -> Spikes:
        """Count the events; fire on schedule."""
        self.delivered += len(events.step)
        counts = self._rows or [0] * len(self.block.probes)
        self._rows = [
            row + len(range(-(-first // p.every), -(-last // p.every)))
            for row, p in zip(counts, self.block.probes, strict=True)
        ]
        start = first + (self.phase - first) % self.period
        count = np.maximum(0, -(-(last - start) // self.period))
        source = np.repeat(self.sources, count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        step = np.repeat(start, count) + within * self.period
        order = np.lexsort((source, step))
        step = step[order].astype(np.int64)
        return Spikes(step, step * self.block.dt, source[order].astype(np.int32))

    def save(self) -> dict[str, np.ndarray]:
        """Nothing changes but the step."""
        return {"v": self.block.v_init.astype(np.float64)} | no_self_events()

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Nothing to take."""
        self._rows = []

    def read(self) -> list[np.ndarray]:
        """The initial voltage, or zero, for every sample."""
        rows, self._rows = self._rows or [0] * len(self.block.probes), []
        return [np.tile(one, (n, 1)) for n, one in zip(rows, self.sample(), strict=True)]

    def sample(self) -> list[np.ndarray]:
        """The initial voltage, or zero."""
        return [
            self.block.v_init[p.place] if p.variable == "v" else np.zeros(len(p.place))
            for p in self.block.probes
        ]
