"""What is on a cell, worked out on its nodes: density mechanisms, point processes, POINTERs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Density:
    """A density mechanism on some nodes of a cell."""

    node: np.ndarray  # (n,) i4, ascending
    #: name -> (n,) f8, NaN where the mechanism's own default holds, as for those not named
    parameters: dict[str, np.ndarray]


@dataclass(frozen=True)
class Target:
    """What a POINTER stands for: a variable of a point process or density mechanism, or a voltage.

    `variable` is "v" (place is a node), or "NAME.var" (place is the index of a point process, or a
    node where density mechanism NAME is inserted).
    """

    variable: str
    place: int


@dataclass(frozen=True)
class Process:
    """A point process on a cell."""

    mechanism: str
    node: int
    parameters: dict[str, float]
    pointers: dict[str, Target] = field(default_factory=dict)
