"""What is on a cell, worked out on its nodes: density mechanisms, point processes, POINTERs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Target:
    """What a POINTER stands for.

    `variable` is "v", "NAME.var" of density mechanism NAME, or "ION.field" (place is a node), or
    "NAME.var" of a point process (place is its index).
    """

    variable: str
    place: int
    is_node: bool


@dataclass(frozen=True)
class Density:
    """A density mechanism on some nodes of a cell."""

    node: np.ndarray  # (n,) i4, ascending
    #: name -> (n,) f8, NaN where the mechanism's own default holds, as for those not named
    parameters: dict[str, np.ndarray]
    pointers: dict[str, dict[int, Target]] = field(default_factory=dict)  # name -> by node


@dataclass(frozen=True)
class Process:
    """A point process on a cell."""

    mechanism: str
    node: int
    parameters: dict[str, float]
    pointers: dict[str, Target] = field(default_factory=dict)
