"""The protocol of an engine: reset, advance, read."""

from __future__ import annotations

from typing import Protocol

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
