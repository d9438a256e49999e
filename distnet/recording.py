"""What a simulation samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distnet.errors import InputError


@dataclass(frozen=True)
class Recording:
    """One variable at some places, sampled at regular times from 0.

    `variable` is "v"; "MECHANISM.name" of a density mechanism or a point process; or "ION.e",
    "ION.ci", "ION.co", "ION.i". Places are nodes of the cell (`Cell.segment`), or for a point
    process its index in `Cell.processes`.
    """

    variable: str
    gid: np.ndarray  # (n,) i8
    place: np.ndarray  # (n,) i4
    dt: float  # [ms] between samples

    def steps(self, dt: float) -> int:
        """Simulation steps between samples.

        Raises:
            InputError: not a whole number of steps.
        """
        every = round(self.dt / dt)
        if every < 1 or abs(every * dt - self.dt) > 1e-9 * self.dt:
            raise InputError(
                f"recording of {self.variable}",
                f"every {self.dt} ms is not a whole number of time steps of {dt} ms",
            )
        return every
