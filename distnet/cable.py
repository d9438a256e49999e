"""A discretised cell: a tree of nodes, with NEURON's areas, diameters and axial conductances.

Nodes are the segments of every section and, without area, the section ends where at least two
other sections are attached or that were asked for. An end with one section attached is a mere point
on the way: the resistances on both sides of it add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from distnet.morphology.frusta import Segments
from distnet.morphology.morphology import Morphology, topological_order

#: Where something sits: (section, number of the segment), or (section, START) or (section, END).
Site = tuple[int, int]
START, END = -1, -2


@dataclass(frozen=True)
class Cable:
    """A discretised cell: nodes in an order where a parent comes before its children."""

    parent: np.ndarray  # (n_node,) i4, -1 at the root
    axial: np.ndarray  # (n_node,) f8 [uS], conductance to the parent; 0 at the root
    area: np.ndarray  # (n_node,) f8 [um2], 0 at section ends
    diam: np.ndarray  # (n_node,) f8 [um]
    length: np.ndarray  # (n_node,) f8 [um], along the section; 0 at section ends
    capacitance: np.ndarray  # (n_node,) f8 [nF]
    section: np.ndarray  # (n_node,) i4, section of the node
    x: np.ndarray  # (n_node,) f8, normalised distance along the section; 1 (or 0) at its ends
    distance: np.ndarray  # (n_node,) f8 [um], path distance from the middle of the root section
    segment_ptr: np.ndarray  # (n_section + 1,) i8, segments of each section
    node_of_segment: np.ndarray  # (n_segment,) i4, by section whatever the order of the nodes
    ends: dict[Site, int]  # node of each section end that is one

    @property
    def n_node(self) -> int:
        return len(self.parent)


@dataclass(frozen=True)
class Tree:
    """How the nodes of a discretised morphology hang together, whatever its Ra and cm."""

    parent: np.ndarray  # (n_node,) i4
    section: np.ndarray  # (n_node,) i4
    segment: np.ndarray  # (n_node,) i4, segment of the cell; of an end, the segment it ends
    is_end: np.ndarray  # (n_node,) b1
    x: np.ndarray  # (n_node,) f8
    distance: np.ndarray  # (n_node,) f8 [um]
    #: (n_node, 2) i4, the two half segments between a node and its parent: 0 none, 1 + 2 i the half
    #: nearer the root of segment i, 2 + 2 i its other half
    halves: np.ndarray
    node_of_segment: np.ndarray  # (n_segment,) i4
    ends: dict[Site, int]


def find_site(morphology: Morphology, nseg: np.ndarray, section: int, x: float) -> Site:
    """The segment or section end at a place, as NEURON takes it.

    x = 0 of a section that has a parent is the place where it is attached.
    """
    if x >= 1.0:
        return section, END
    if x > 0.0:
        n = int(nseg[section])
        return section, min(int(n * x), n - 1)
    parent = morphology.sections[section].parent
    if parent < 0:
        return section, START
    return find_site(morphology, nseg, parent, morphology.sections[section].parent_x)


def make_tree(morphology: Morphology, nseg: np.ndarray, keep: Iterable[Site] = ()) -> Tree:
    """Number the nodes: section by section, a parent first; segments, then the ends that are nodes.

    Args:
        morphology: n_section sections.
        nseg: (n_section,) i4.
        keep: section ends to make nodes whatever meets there.
    """
    sections = morphology.sections
    attached = [
        None if s.parent < 0 else find_site(morphology, nseg, s.parent, s.parent_x)
        for s in sections
    ]
    n_attached = Counter(attached)
    wanted = set(keep) | {s for s, n in n_attached.items() if s and s[1] in (START, END) and n > 1}
    first = np.concatenate([[0], np.cumsum(nseg)]).astype(np.int64)
    order = topological_order([s.parent for s in sections], morphology.source)
    nodes = _number(order, nseg, first, wanted)

    parent = np.full(len(nodes.section), -1, dtype=np.int32)
    halves = np.zeros((len(parent), 2), dtype=np.int32)
    inner = ~nodes.is_end
    parent[inner] = np.flatnonzero(inner) - 1  # segments of one section follow each other
    halves[inner, 0] = 2 * nodes.segment[inner]
    halves[inner, 1] = 2 * nodes.segment[inner] + 1
    for (section, end), node in nodes.ends.items():
        segment = first[section] if end == START else first[section + 1] - 1
        parent[node] = nodes.of_segment[segment]
        halves[node] = 0, 2 * segment + (1 if end == START else 2)
    for section, site in enumerate(attached):
        node = nodes.of_segment[first[section]]
        parent[node], halves[node, 0] = _joint(site, nodes, first)
        if site is None:
            halves[node] = 0
    x = (nodes.segment - first[nodes.section] + 0.5) / nseg[nodes.section]
    for (_, end), node in nodes.ends.items():
        x[node] = 0.0 if end == START else 1.0
    distance = _distances(morphology, nseg, order, attached, nodes, x)
    return Tree(
        parent, nodes.section, nodes.segment, nodes.is_end, x, distance, halves,
        nodes.of_segment, nodes.ends,
    )  # fmt: skip


def make_cable(tree: Tree, segments: Segments, Ra: np.ndarray, cm: np.ndarray) -> Cable:
    """Give the tree its values.

    Args:
        tree: n_node nodes.
        segments: geometry of the same discretisation.
        Ra: (n_section,) f8 [ohm cm].
        cm: (n_section,) f8 [uF/cm2].
    """
    left, right = segments.resistance(Ra)
    resistance = np.zeros(1 + 2 * len(left))
    resistance[1::2], resistance[2::2] = left, right
    between = resistance[tree.halves[:, 0]] + resistance[tree.halves[:, 1]]
    has_parent = tree.parent >= 0
    axial = np.where(has_parent, 1.0 / np.where(has_parent, between, 1.0), 0.0)
    area = np.where(tree.is_end, 0.0, segments.area[tree.segment])
    cable = Cable(
        parent=tree.parent,
        axial=axial,
        area=area,
        diam=segments.diam[tree.segment],
        length=np.where(tree.is_end, 0.0, segments.dx[tree.segment]),
        capacitance=cm[tree.section] * area * 1e-5,
        section=tree.section,
        x=tree.x,
        distance=tree.distance,
        segment_ptr=np.searchsorted(segments.section, np.arange(len(Ra) + 1)),
        node_of_segment=tree.node_of_segment,
        ends=tree.ends,
    )
    for array in vars(cable).values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return cable


@dataclass(frozen=True)
class _Nodes:
    section: np.ndarray
    segment: np.ndarray
    is_end: np.ndarray
    of_segment: np.ndarray
    ends: dict[Site, int]


def _number(order: list[int], nseg: np.ndarray, first: np.ndarray, wanted: set[Site]) -> _Nodes:
    """Number segments and wanted ends in the order of the sections."""
    section: list[np.ndarray] = []
    segment: list[np.ndarray] = []
    is_end: list[np.ndarray] = []
    ends: dict[Site, int] = {}
    of_segment = np.empty(first[-1], dtype=np.int32)
    n_node = 0
    for i in order:
        own = np.arange(first[i], first[i + 1])
        of_segment[own] = np.arange(n_node, n_node + len(own))
        n_node += len(own)
        extra = [end for end in (START, END) if (i, end) in wanted]
        for end in extra:
            ends[i, end] = n_node
            n_node += 1
        at = [own[0] if end == START else own[-1] for end in extra]
        segment.append(np.concatenate([own, np.array(at, dtype=np.int64)]))
        section.append(np.full(len(own) + len(extra), i, dtype=np.int32))
        is_end.append(np.repeat([False, True], [len(own), len(extra)]))
    return _Nodes(
        np.concatenate(section),
        np.concatenate(segment).astype(np.int32),
        np.concatenate(is_end),
        of_segment,
        ends,
    )


def _joint(site: Site | None, nodes: _Nodes, first: np.ndarray) -> tuple[int, int]:
    """Parent node of a section attached at a site, and the parent's half segment between them."""
    if site is None:
        return -1, 0
    if site in nodes.ends:
        return nodes.ends[site], 0
    section, segment = site
    if segment == START:
        return nodes.of_segment[first[section]], 2 * int(first[section]) + 1
    if segment == END:
        last = int(first[section + 1]) - 1
        return nodes.of_segment[last], 2 * last + 2
    return nodes.of_segment[first[section] + segment], 0


def _distances(
    morphology: Morphology,
    nseg: np.ndarray,
    order: list[int],
    attached: list[Site | None],
    nodes: _Nodes,
    x: np.ndarray,
) -> np.ndarray:
    """Path distance of each node from the node in the middle of the root, as in NEURON."""
    lengths = morphology.lengths

    def along(site: Site) -> float:
        section, segment = site
        at = {START: 0.0, END: 1.0}.get(segment, (segment + 0.5) / nseg[section])
        return float(lengths[section] * at)

    root = morphology.root
    origin = along(find_site(morphology, nseg, root, 0.5))
    base = np.zeros(len(morphology))  # [um], of the start of each section
    for section in order:
        site = attached[section]
        if site is not None:
            at = along(site)
            base[section] = abs(at - origin) if site[0] == root else base[site[0]] + at
    within = lengths[nodes.section] * x
    return np.where(nodes.section == root, np.abs(within - origin), base[nodes.section] + within)
