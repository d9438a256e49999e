"""In which floating-point format an engine computes.

"double" is float64 throughout. In "single" everything that fills memory and costs arithmetic is
float32: voltages, the matrix, variables and parameters of mechanisms, ion arrays, tables,
thresholds. What the description gives is computed in float64 and rounded once. Float64 stay times
(`kernels.typed` says which variables are times), arguments of connections, random draws before
they are rounded, and everything between engines: events, spikes, samples, saved states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.errors import KernelsError


@dataclass(frozen=True)
class Precision:
    """A format of states, voltages and the matrix."""

    name: str
    dtype: type[np.floating[Any]]
    real: str  # its name in C
    largest: str  # its largest number, as a literal of C

    @property
    def is_single(self) -> bool:
        return self.dtype is np.float32

    @property
    def n_byte(self) -> int:
        """Bytes of a number."""
        return np.dtype(self.dtype).itemsize

    @property
    def lanes(self) -> int:
        """Numbers that fill a vector of 512 bits: instances in a tile of the CPU engine."""
        return 64 // self.n_byte


DOUBLE = Precision("double", np.float64, "double", "1.7976931348623157e308")
SINGLE = Precision("single", np.float32, "float", "3.4028234663852886e38f")

#: By name, as users choose them.
PRECISIONS = {one.name: one for one in (DOUBLE, SINGLE)}

#: What holds the rest of a float64 beside its float32, in slots of the same storage.
RESTS = ("_middle_", "_low_")


def find_precision(name: str) -> Precision:
    """The precision of a name.

    Raises:
        KernelsError: there is none of that name.
    """
    if name not in PRECISIONS:
        raise KernelsError(f'precision "{name}" is not one of {", ".join(PRECISIONS)}')
    return PRECISIONS[name]


def split(value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three float32 arrays whose sum, from the first to the last, is the float64 array exactly."""
    high = np.asarray(value, np.float64).astype(np.float32)
    rest = value - high.astype(np.float64)
    middle = rest.astype(np.float32)
    return high, middle, (rest - middle.astype(np.float64)).astype(np.float32)


def join(high: np.ndarray, middle: np.ndarray, low: np.ndarray) -> np.ndarray:
    """The float64 array of three parts."""
    return high.astype(np.float64) + middle.astype(np.float64) + low.astype(np.float64)
