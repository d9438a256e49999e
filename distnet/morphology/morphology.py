"""The shape of a cell: named sections in order, each a cylinder or a line of 3-D points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from distnet.errors import InputError

#: (n, 4) [um]: x, y, z, diam.
Points = Sequence[Sequence[float]] | np.ndarray


@dataclass(frozen=True, eq=False)
class Section:
    """An unbranched piece of a cell."""

    name: str  # "soma[0]", "dend[12]", ...
    region: str  # "soma", "axon", "dend", "apic", or the builder's own word
    parent: int  # index of the parent section, -1 at the root
    parent_x: float  # where on the parent, 0 to 1
    length: float  # [um]
    diam: float  # [um], of a cylinder; at the middle of a section with points
    points: np.ndarray | None = None  # (n, 4) f4 [um]: x, y, z, diam; None for a cylinder

    @cached_property
    def arc(self) -> np.ndarray:
        """(n,) f8 [um], path length at each point."""
        if self.points is None:
            return np.array([0.0, self.length])
        return path_length(self.points)


class Morphology:
    """Sections in the order that gives them their index.

    A section's parent may stand after it (an axon that leaves a dendrite). There is one root.

    >>> morphology = Morphology()
    >>> soma = morphology.add("soma", length=20.0, diam=20.0)
    >>> dend = morphology.add("dend", length=200.0, diam=(2.0, 1.0), parent=soma)
    >>> [section.name for section in morphology]
    ['soma', 'dend']
    """

    def __init__(self, source: str = "morphology"):
        self.source = source  # a file or a name, for messages
        self._sections: list[Section] = []
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sections)

    def __iter__(self) -> Iterator[Section]:
        return iter(self._sections)

    def __getitem__(self, section: str | int) -> Section:
        return self._sections[self.index(section)]

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(self._sections)

    @property
    def regions(self) -> tuple[str, ...]:
        """Region names, in the order of their first section."""
        return tuple(dict.fromkeys(section.region for section in self._sections))

    @property
    def root(self) -> int:
        """Index of the section without a parent: the soma, where there is one."""
        return next(i for i, section in enumerate(self._sections) if section.parent < 0)

    @property
    def lengths(self) -> np.ndarray:
        """(n_section,) f8 [um]."""
        return np.array([section.length for section in self._sections])

    def index(self, section: str | int | Section) -> int:
        """Index of a section; "soma" also finds "soma[0]".

        Raises:
            InputError: there is no such section.
        """
        if isinstance(section, Section):
            section = section.name
        if isinstance(section, str):
            found = self._index.get(section, self._index.get(f"{section}[0]"))
            if found is not None:
                return found
        elif 0 <= section < len(self._sections):
            return int(section)
        known = summarise(self._index)
        raise InputError(self.source, f"there is no section {section!r}; known are {known}")

    def add(
        self,
        name: str,
        *,
        length: float | None = None,
        diam: float | tuple[float, float] | None = None,
        points: Points | None = None,
        parent: Section | str | int | None = None,
        parent_x: float = 1.0,
        region: str | None = None,
    ) -> Section:
        """Append a section: a cylinder, a tapered cylinder, or a line of points.

        Args:
            name: unique in this morphology.
            length: [um], with `diam`.
            diam: [um]; a pair is the diameter at the start and at the end.
            points: (n, 4) [um], x, y, z and diameter; instead of length and diam. Kept in float32.
            parent: the section it starts from; the first section has none, every other has one.
            parent_x: where on the parent it starts, 0 to 1.
            region: default is the name up to its bracket, "dend" for "dend[3]".

        Raises:
            InputError: a name twice, a parent missing, a length or diameter that is not positive.
        """
        where = f"{self.source}: section {name}"
        if name in self._index:
            raise InputError(where, "the name is used by an earlier section")
        if (parent is None) != (not self._sections):
            raise InputError(where, "every section but the first has one parent")
        if not 0.0 <= parent_x <= 1.0:
            raise InputError(where, f"parent_x is {parent_x}; allowed is 0 to 1")
        section = make_section(
            where,
            name,
            region or name.partition("[")[0],
            -1 if parent is None else self.index(parent),
            float(parent_x),
            points=points,
            length=length,
            diam=diam,
        )
        self._index[name] = len(self._sections)
        self._sections.append(section)
        return section

    def copy(self) -> Morphology:
        """A morphology with the same sections, to which others may be added."""
        twin = Morphology(self.source)
        twin._sections, twin._index = list(self._sections), dict(self._index)
        return twin

    @classmethod
    def from_sections(cls, sections: Sequence[Section], source: str) -> Morphology:
        """A morphology of ready sections, whose parents are indices into the sequence.

        Raises:
            InputError: there is not exactly one root, or a section is its own ancestor.
        """
        morphology = cls(source)
        morphology._sections = list(sections)
        morphology._index = {section.name: i for i, section in enumerate(sections)}
        roots = [section.name for section in sections if section.parent < 0]
        if len(roots) != 1:
            found = summarise(roots) or "none"
            raise InputError(source, f"a morphology has one root; found {found}")
        topological_order([section.parent for section in sections], source)
        return morphology


def make_section(
    where: str,
    name: str,
    region: str,
    parent: int,
    parent_x: float,
    *,
    points: Points | None = None,
    length: float | None = None,
    diam: float | tuple[float, float] | None = None,
) -> Section:
    """A section of checked length, diameter and float32 points; `where` is for messages."""
    if points is not None and (length is not None or diam is not None):
        raise InputError(where, "give either points, or length and diam")
    if points is None:
        if length is None or diam is None:
            raise InputError(where, "give length and diam, or points")
        if isinstance(diam, int | float):
            checked = _check_cylinder(where, length, diam)
            return Section(name, region, parent, parent_x, *checked)
        points = [[0.0, 0.0, 0.0, diam[0]], [length, 0.0, 0.0, diam[1]]]
    table = _check_points(where, points)
    arc = path_length(table)
    if arc[-1] <= 0.0:
        raise InputError(where, "its length is 0 um; it must be positive")
    middle = float(np.interp(arc[-1] / 2, arc, table[:, 3]))
    return Section(name, region, parent, parent_x, float(arc[-1]), middle, table)


def path_length(points: np.ndarray) -> np.ndarray:
    """Path length at each 3-D point, in NEURON's float order: float32 differences, float64 sums.

    Args:
        points: (n, 4) f4 [um].

    Returns:
        (n,) f8 [um].
    """
    step = np.diff(points[:, :3], axis=0).astype(np.float64)
    x, y, z = step[:, 0], step[:, 1], step[:, 2]
    return np.concatenate([[0.0], np.cumsum(np.sqrt(x * x + y * y + z * z))])


def topological_order(parents: Sequence[int], source: str) -> list[int]:
    """Section indices, a parent before its children, otherwise in the order given.

    Raises:
        InputError: a section is its own ancestor.
    """
    order: list[int] = []
    placed = [False] * len(parents)
    for start in range(len(parents)):
        path: list[int] = []
        section = start
        while section >= 0 and not placed[section]:
            path.append(section)
            section = parents[section]
            if len(path) > len(parents):
                raise InputError(source, f"section {start} is its own ancestor")
        for section in reversed(path):
            placed[section] = True
            order.append(section)
    return order


def summarise(names: Sequence[str] | dict[str, int], most: int = 8) -> str:
    """Names for a message: all, or the first few and their number."""
    listed = list(names)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])}, ... ({len(listed)} in all)"


def _check_cylinder(where: str, length: float, diam: float) -> tuple[float, float]:
    """Length and diameter, both positive."""
    for what, value in (("length", length), ("diameter", diam)):
        if not (value > 0.0 and np.isfinite(value)):
            raise InputError(where, f"{what} is {value} um; it must be positive")
    return float(length), float(diam)


def _check_points(where: str, points: Points) -> np.ndarray:
    """(n, 4) f4 points with positive diameters."""
    table = np.array(points, dtype=np.float32)
    if table.ndim != 2 or table.shape[1] != 4 or len(table) < 2:
        problem = f"points have shape {table.shape}; give two or more rows of x, y, z, diam"
        raise InputError(where, problem)
    if not np.isfinite(table).all():
        raise InputError(where, "a point is not a finite number")
    if (table[:, 3] <= 0.0).any():
        raise InputError(where, f"diameter is {table[:, 3].min():g} um; it must be positive")
    table.flags.writeable = False
    return table
