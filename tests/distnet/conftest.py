"""NEURON as the oracle of morphologies and cables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distnet.cell import Cell
from distnet.morphology.frusta import make_segments

TEMPLATE = Path(__file__).parents[1] / "imported_cell.hoc"


@pytest.fixture(scope="session")
def neuron() -> Any:
    """NEURON's interpreter."""
    h = pytest.importorskip("neuron", reason="NEURON is not installed").h
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    h.load_file(str(TEMPLATE))
    return h


@pytest.fixture
def import3d(neuron: Any) -> Callable[[Path], list[Any]]:
    """`import3d(path)` are the sections that NEURON's Import3d makes of a file; a test's own."""
    alive = []

    def load(path: Path) -> list[Any]:
        is_asc = path.suffix.lower() == ".asc"
        reader = neuron.Import3d_Neurolucida3() if is_asc else neuron.Import3d_SWC_read()
        reader.quiet = 1
        reader.input(str(path))
        cell = neuron.ImportedCell()
        neuron.Import3d_GUI(reader, 0).instantiate(cell)
        alive.append(cell)
        return list(cell.all)

    return load


@pytest.fixture(scope="session")
def assert_same_tree() -> Callable[[Cell, list[Any]], None]:
    """`assert_same_tree(cell, sections)`: names, parents and 3-D points are NEURON's, exactly."""

    def check(cell: Cell, sections: list[Any]) -> None:
        names = [section.name().split(".")[-1] for section in sections]
        assert [section.name for section in cell.sections] == names
        for ours, theirs in zip(cell.sections, sections, strict=True):
            at = theirs.parentseg()
            if at is None:
                assert ours.parent == -1
            else:
                parent = names[ours.parent], ours.parent_x
                assert parent == (at.sec.name().split(".")[-1], at.x)
            if ours.points is not None:
                points = [
                    (theirs.x3d(i), theirs.y3d(i), theirs.z3d(i), theirs.diam3d(i))
                    for i in range(theirs.n3d())
                ]
                np.testing.assert_array_equal(ours.points, np.array(points, dtype=np.float32))

    return check


@pytest.fixture(scope="session")
def cable_differences(neuron: Any) -> Callable[[Cell, list[Any]], dict[str, float]]:
    """`cable_differences(cell, sections)`: the largest relative difference of each quantity.

    Gives NEURON's sections the cell's nseg, Ra and cm first; `distance` is absolute [um].
    """

    def measure(cell: Cell, sections: list[Any]) -> dict[str, float]:
        for i, section in enumerate(sections):
            section.nseg, section.Ra, section.cm = int(cell.nseg[i]), cell.Ra[i], cell.cm[i]
        neuron.distance(0, sections[cell.morphology.root](0.5))
        theirs = np.array(
            [
                (s.L, seg.area(), seg.diam, seg.ri(), neuron.distance(seg))
                for s in sections
                for seg in s
            ]
        )
        cable = cell.cable
        node = cable.node_of_segment
        length = cell.morphology.lengths[cable.section[node]]
        found = [length, cable.area[node], cable.diam[node], own_resistance(cell)]
        worst = {
            name: float(np.abs(ours / theirs[:, i] - 1.0).max())
            for i, (name, ours) in enumerate(zip(("L", "area", "diam", "ri"), found, strict=True))
        }
        worst["distance"] = float(np.abs(cable.distance[node] - theirs[:, 4]).max())
        print({name: f"{value:.1e}" for name, value in worst.items()})
        return worst

    return measure


def own_resistance(cell: Cell) -> np.ndarray:
    """(n_segment,) f8 [Mohm]: from a segment to the one before it in its section, or its start.

    This is NEURON's `ri`; in the cable the halves of two sections may be added.
    """
    cable = cell.cable
    left, right = make_segments(cell.morphology, cell.nseg).resistance(cell.Ra)
    before = np.concatenate([[0.0], right[:-1]])
    before[cable.segment_ptr[:-1]] = 0.0
    ours = left + before
    inner = before > 0.0
    node = cable.node_of_segment
    np.testing.assert_allclose(1.0 / cable.axial[node][inner], ours[inner], rtol=1e-15)
    return ours
