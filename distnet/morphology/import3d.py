"""From the pieces found in a file to named sections, by the rules of NEURON's Import3d.

Import3d hands its points to NEURON as text of eight significant digits; so does this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distnet.errors import InputError
from distnet.morphology.contour import stack_frusta
from distnet.morphology.morphology import Morphology, Section, make_section

#: Names of the types of SWC, in the order in which sections are numbered; others are dend_5, ...
NAMES = {1: "soma", 2: "axon", 3: "dend", 4: "apic"}

_SAME = 1e-11  # [um], points closer than this are one


@dataclass(eq=False)
class Piece:
    """An unbranched run of points of one type, not yet a section."""

    type: int  # of SWC
    points: (
        np.ndarray
    )  # (n, 4) f8 [um]: x, y, z, diam; of a child, first where it leaves its parent
    parent: Piece | None = None
    parent_x: float = 1.0
    is_wire: bool = False  # the first step only shows the way to the parent: it is no membrane
    is_contour: bool = False  # an outline, not a line of points

    @property
    def own(self) -> np.ndarray:
        """Points without the wire."""
        return self.points[1:] if self.is_wire else self.points


def make_morphology(pieces: Sequence[Piece], source: str) -> Morphology:
    """Make sections of pieces: by type in the order of `NAMES`, then in the order found."""
    kept = drop_empty(pieces)
    counted: Counter[int] = Counter()
    number = {}
    for piece in kept:
        number[piece] = counted[piece.type]
        counted[piece.type] += 1
    ordered = sorted(kept, key=lambda piece: piece.type)
    index = {piece: i for i, piece in enumerate(ordered)}
    sections = []
    for piece in ordered:
        region = NAMES.get(piece.type) or f"dend_{piece.type}".replace("dend_-", "minus_")
        parent = -1 if piece.parent is None else index[piece.parent]
        name = f"{region}[{number[piece]}]"
        sections.append(_section(f"{source}: {name}", name, region, parent, piece))
    return Morphology.from_sections(sections, source)


def drop_empty(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out children of one point, or of two equal ones; theirs move to their parent."""
    kept = list(pieces)
    for piece in reversed(pieces):
        if piece.parent is None:
            continue
        step = np.abs(np.diff(piece.own[:, :3], axis=0))
        if len(step) > 1 or (step > _SAME).any():
            continue
        kept.remove(piece)
        for child in kept:
            if child.parent is piece:
                child.parent, child.parent_x = piece.parent, piece.parent_x
    return kept


def eight_digits(values: np.ndarray) -> np.ndarray:
    """Values as they come back from text of eight significant digits."""
    return np.array([float(f"{value:.8g}") for value in values.flat]).reshape(values.shape)


def _section(where: str, name: str, region: str, parent: int, piece: Piece) -> Section:
    points = piece.own
    if piece.is_contour:
        points = stack_frusta(points[:, :3], where)
    elif len(points) == 1:
        points = _sphere(points[0])
    if (points[:, 3] <= 0.0).any():
        x, y, z, diam = points[np.argmin(points[:, 3])]
        found = f"diameter is {diam:g} um at ({x:g}, {y:g}, {z:g})"
        raise InputError(where, f"{found}; it must be positive")
    return make_section(where, name, region, parent, piece.parent_x, points=eight_digits(points))


def _sphere(point: np.ndarray) -> np.ndarray:
    """A point that stands for a sphere: a cylinder along x of its diameter and length."""
    points = np.tile(point, (3, 1))
    points[0, 0] -= point[3] / 2
    points[2, 0] += point[3] / 2
    return points
