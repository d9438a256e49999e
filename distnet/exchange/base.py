"""What a simulation asks of an exchange, and the record of a spike on the wire."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

#: A spike: source gid, step at which it was found, exact time [ms]. Threshold crossings happen at a
#: step; a spike of an artificial cell has step -1 and counts by its time alone.
SPIKE = np.dtype([("gid", "<i4"), ("step", "<i4"), ("time", "<f8")])

NO_SPIKES = np.zeros(0, SPIKE)


class Exchange(Protocol):
    """All ranks call the same methods in the same order."""

    rank: int
    size: int

    def start(self, spikes: np.ndarray) -> None:
        """Send this rank's spikes (SPIKE) of an epoch to all; may return before they arrive."""

    def finish(self) -> np.ndarray:
        """Spikes of all ranks from the last start, this rank's included; empty without one."""

    def minimum(self, value: float) -> float:
        """The smallest value of all ranks."""

    def gather(self, value: Any) -> list[Any] | None:
        """Values of all ranks on rank 0, in order of rank; None elsewhere."""

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, everywhere."""
