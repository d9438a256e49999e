"""The exchange of a single process: what goes in comes out."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from distnet.exchange.base import NO_NOTICE, Links, Notice


class LocalExchange:
    """One rank."""

    rank = 0
    size = 1
    reach = 0

    def __init__(self) -> None:
        self._held: deque[tuple[np.ndarray, Notice]] = deque()

    def connect(self, links: Links) -> None:
        """Nobody else is there."""
        self._held.clear()

    def start(self, spikes: np.ndarray, notice: Notice = NO_NOTICE) -> None:
        """Hold the spikes of an epoch."""
        self._held.append((spikes, notice))

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Return what was held longest."""
        return self._held.popleft()

    def minimum(self, value: float) -> float:
        """The value."""
        return value

    def gather(self, value: Any) -> list[Any] | None:
        """A list of the value."""
        return [value]

    def broadcast(self, value: Any) -> Any:
        """The value."""
        return value
