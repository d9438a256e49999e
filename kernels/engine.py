"""The protocol of an engine: reset, advance, read, save and load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from kernels.block import Events, Spikes


class Engine(Protocol):
    """Advances one block. Steps are integers; step n is the time n * dt."""

    def reset(self) -> None:
        """Initialise at step 0: v_init, ions, INITIAL of every mechanism."""

    def advance(self, first: int, last: int, events: Events) -> Spikes:
        """Advance from step `first` to step `last`; deliver `events`; return what fired.

        Raises:
            NotFinite: a voltage became NaN or infinite.
        """

    def read(self) -> list[np.ndarray]:
        """Samples taken since the last read, one (n_sample, n_place) array a probe.

        A probe is sampled at the start of every step s < last with s % every == 0.
        """

    def sample(self) -> list[np.ndarray]:
        """The state right now, one (n_place,) array a probe."""


@runtime_checkable
class DeviceEngine(Engine, Protocol):
    """An engine that computes beside the processor, which is free meanwhile."""

    def advance_beside(
        self, first: int, last: int, events: Events, meanwhile: Callable[[], None]
    ) -> Spikes:
        """As `advance`; `meanwhile` is called once, while the device computes."""


@runtime_checkable
class SavingEngine(Engine, Protocol):
    """An engine whose state can be written down and taken up again."""

    def save(self) -> dict[str, np.ndarray]:
        """The whole state in the order of the block, as `kernels.snapshot` says."""

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a state that `save` gave, of this block; the engine was reset before.

        Samples and spikes that were not yet read are dropped.
        """
