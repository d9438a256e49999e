"""SWC files against NEURON's Import3d, and the messages of malformed ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distnet.cell import Cell
from distnet.discretisation import nseg_rule
from distnet.errors import InputError
from distnet.morphology import load_swc

SONATA = [
    "Nr5a1_471087815_m",
    "Pvalb_469628681_m",
    "Pvalb_470522102_m",
    "Rorb_325404214_m",
    "Scnn1a_473845048_m",
]
SNUDDA = ["dspn", "ispn", "fs", "chin", "lts"]

SOMAS = {
    "one point": "1 1 1.5 2 3 6.5 -1\n",
    "two points": "1 1 0 0 0 5 -1\n2 1 9 1 0 6 1\n",
    "neuromorpho": "1 1 1 2 3 6.5 -1\n2 1 1 -4.5 3 6.5 1\n3 1 1 8.5 3 6.5 1\n",
    "three points": "1 1 1 2 3 6.5 -1\n2 1 1 -9 3 6 1\n3 1 1 8.5 3 6.5 1\n",
    "line": "1 1 0 0 0 3 -1\n2 1 4 0 0 5 1\n3 1 8 1 0 5.5 2\n4 1 12 1 1 3 3\n",
    "fork": "1 1 0 0 0 3 -1\n2 1 4 0 0 5 1\n3 1 8 1 0 5.5 2\n4 1 4 7 1 3 2\n5 1 4 9 1 2 4\n",
    "none": "1 3 0 0 0 2 -1\n2 3 4 0 0 1.5 1\n",
}

#: A dendrite that branches, one of one point, an axon on a dendrite, a tuft of another type.
TREES = """
10 3 10.123456789 1 0 1.23456789 {near}
11 3 20 2 0 1 10
12 3 30 9 1 0.8 11
13 3 41 -9 2 0.7 11
14 3 45 -9 2 0.6 13
15 3 50 -8 3 0.5 13
20 3 -10 1 0 1 {far}
21 2 -10 -20 5 0.4 20
22 2 -10 -30 5 0.3 21
30 4 0 30 0 1.5 {far}
31 4 0 60 7 1.2 30
32 3 0 90 9 1.1 31
33 4 0 60 7 1.2 31
40 3 5 5 5 1 10
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "cell.swc"
    path.write_text("# made by a test\n\n" + text)
    return path


@pytest.mark.neuron
@pytest.mark.parametrize("soma", SOMAS)
def test_soma_and_joints_are_those_of_import3d(
    soma, tmp_path, import3d, assert_same_tree, cable_differences
):
    n_soma = SOMAS[soma].count("\n")
    path = write(tmp_path, SOMAS[soma] + TREES.format(near=1, far=n_soma))
    cell = Cell(load_swc(path))
    cell.discretise(nseg_rule(5.0))
    sections = import3d(path)
    assert_same_tree(cell, sections)
    worst = cable_differences(cell, sections)
    assert max(worst["L"], worst["area"], worst["diam"]) == 0.0
    assert worst["ri"] < 1e-15
    assert worst["distance"] < 1e-12


def compare(path, import3d, assert_same_tree, cable_differences):
    cell = Cell(load_swc(path))
    cell.set(Ra=137.0, cm=0.9)
    cell.discretise(nseg_rule(40.0))
    sections = import3d(path)
    assert_same_tree(cell, sections)
    worst = cable_differences(cell, sections)
    assert max(worst["L"], worst["area"], worst["diam"]) == 0.0
    assert worst["ri"] < 1e-15
    assert worst["distance"] < 1e-11


@pytest.mark.neuron
@pytest.mark.parametrize("name", SONATA)
def test_allen_cells_are_those_of_neuron(
    name, assets, import3d, assert_same_tree, cable_differences
):
    path = assets / "sonata_small" / "components" / "morphologies" / f"{name}.swc"
    compare(path, import3d, assert_same_tree, cable_differences)


@pytest.mark.neuron
@pytest.mark.parametrize("kind", SNUDDA)
def test_striatal_cells_are_those_of_neuron(
    kind, assets, import3d, assert_same_tree, cable_differences
):
    folder = assets / "snudda_small" / "data" / "neurons" / "striatum" / kind
    path = sorted(folder.glob("**/*.swc"))[0]
    compare(path, import3d, assert_same_tree, cable_differences)


def test_one_point_soma_is_a_cylinder_of_its_diameter(tmp_path):
    path = write(tmp_path, "1 1 1 2 3 6.5 -1\n2 3 20 0 0 1 1\n3 3 30 0 0 1 2\n")
    soma, dend = load_swc(path)
    np.testing.assert_array_equal(soma.points, [[-5.5, 2, 3, 13], [1, 2, 3, 13], [7.5, 2, 3, 13]])
    assert (dend.name, dend.parent, dend.parent_x, len(dend.points)) == ("dend[0]", 0, 0.5, 2)


def test_rows_may_stand_in_any_order(tmp_path):
    rows = ["1 1 0 0 0 5 -1", "2 3 10 0 0 1 1", "3 3 20 0 0 1 2", "4 3 30 0 0 1 3"]
    tables = [
        [section.points.tolist() for section in load_swc(write(tmp_path, "\n".join(order)))]
        for order in (rows, rows[::-1])
    ]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", r"cell.swc: holds no points; an SWC file needs one row or more"),
        ("1 1 0 0 0 5", r"cell.swc:3: found 6 values; a row is id, type, x, y, z, radius"),
        ("1 1 0 x 0 5 -1", r'cell.swc:3: "x" is not a number'),
        ("1 1 0 nan 0 5 -1", r"cell.swc:3: a value is not finite"),
        ("1 1 0 0 0 5 -1\n1.5 1 0 0 0 5 1", r"cell.swc:4: id is 1.5; it must be a whole number"),
        ("1 1 0 0 0 -5 -1", r"cell.swc:3: radius is -5 um; it must be positive"),
        ("1 1 0 0 0 5 -1\n2 3 1 0 0 0 1", r"cell.swc:4: radius is 0 um; it must be positive"),
        ("1 1 0 0 0 5 -1\n2 3 9 0 0 1 7", r"cell.swc:4: parent 7 of point 2 is missing"),
        ("1 1 0 0 0 5 -1\n2 3 9 0 0 1 -1", r"cell.swc:4: a second root, the first is in line 3"),
        ("1 1 0 0 0 5 -1\n1 3 9 0 0 1 1", r"cell.swc:4: id 1 is used in line 3 already"),
        ("1 1 0 0 0 5 -1\n2 3 9 0 0 1 3\n3 3 9 0 0 1 1", r"cell.swc:4: parent 3 of point 2; .*"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(rows, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_swc(write(tmp_path, rows))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.swc: cannot be read: No such file"):
        load_swc(tmp_path / "nowhere.swc")
