"""The samples that all groups of a block write in an epoch, joined over epochs until read."""

from __future__ import annotations

import numpy as np

from kernels.block import Block, Probe


class Sampler:
    """Rows of samples, one array a probe."""

    def __init__(self, block: Block):
        self.probes: tuple[Probe, ...] = block.probes
        self.clear()

    def clear(self) -> None:
        """Forget what was not read."""
        self.parts: list[list[np.ndarray]] = [[] for _ in self.probes]

    def open(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Make room for steps `first` to `last`; return what the compiled function takes."""
        start = [-(-first // probe.every) for probe in self.probes]
        stop = [-(-last // probe.every) for probe in self.probes]
        size = [(b - a) * len(p.place) for a, b, p in zip(start, stop, self.probes, strict=True)]
        offset = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        samples = np.zeros(int(offset[-1]))
        for p, probe in enumerate(self.probes):
            part = samples[offset[p] : offset[p + 1]]
            self.parts[p].append(part.reshape(stop[p] - start[p], len(probe.place)))
        return {
            "samples": samples,
            "probe_first": np.array(start, np.int64),
            "probe_offset": offset[:-1].copy(),
        }

    def read(self) -> list[np.ndarray]:
        """Everything since the last read."""
        values = [
            np.concatenate(parts) if parts else np.zeros((0, len(probe.place)))
            for parts, probe in zip(self.parts, self.probes, strict=True)
        ]
        self.clear()
        return values
