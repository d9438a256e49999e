"""Neurolucida ASC files against NEURON's Import3d."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distnet.cell import Cell
from distnet.discretisation import d_lambda, nseg_rule
from distnet.errors import InputError
from distnet.morphology import load_asc

SOMA = '("CellBody"\n (CellBody)\n (8 0 0 0)\n (0 6 0 0)\n (-8 0.5 0 0)\n (0 -6 0 0)\n)\n'
TREE = "((Dendrite)\n (0 6 0 2)\n (0 20 1 1.5)\n)\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "cell.asc"
    path.write_text(text)
    return path


def synthetic_neuron(seed: int, digits: int) -> str:
    """An outline, three dendrites, an apical tree and an axon that wander and branch."""
    random = np.random.default_rng(seed)
    centre = random.uniform(-300, 300, 3)

    def row(point: np.ndarray, diam: float) -> str:
        return "(" + " ".join(f"{value:.{digits}f}" for value in (*point, diam)) + ")"

    def branch(point: np.ndarray, heading: np.ndarray, diam: float, depth: int) -> str:
        rows = []
        for _ in range(random.integers(4, 12)):
            heading = heading + random.normal(0, 0.35, 3)
            heading /= np.linalg.norm(heading)
            point = point + heading * random.uniform(1, 9)
            diam = max(0.3, diam * random.uniform(0.85, 1.05))
            rows.append(row(point, diam))
        if depth < 3 and random.random() < 0.8:
            children = [
                branch(point, heading + random.normal(0, 0.8, 3), diam * 0.8, depth + 1)
                for _ in range(2 if random.random() < 0.8 else 3)
            ]
            rows.append("(\n" + "\n|\n".join(children) + "\n)")
        else:
            rows.append("Normal")
        return "\n".join(rows)

    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = random.uniform(0.92, 1.08, 24)
    outline = centre + np.column_stack(
        [9 * radius * np.cos(angle), 6 * radius * np.sin(angle + 0.4), np.zeros(24)]
    )
    text = '; a comment\n("CellBody"\n (Color Red)\n (CellBody)\n'
    text += "\n".join(row(point, 0.0) for point in outline) + "\n)\n"
    for kind in ("Dendrite", "Axon", "Dendrite", "Apical", "Dendrite"):
        heading = random.normal(0, 1, 3)
        start = centre + 6 * heading / np.linalg.norm(heading)
        text += f"( (Color Yellow)\n ({kind})\n{branch(start, heading, 2.5, 0)}\n)\n"
    return text


@pytest.mark.neuron
@pytest.mark.parametrize(("seed", "digits"), [(1, 2), (2, 4), (3, 9)])
def test_cable_is_that_of_neuron(
    seed, digits, tmp_path, import3d, assert_same_tree, cable_differences
):
    path = write(tmp_path, synthetic_neuron(seed, digits))
    cell = Cell(load_asc(path))
    cell.set(Ra=110.0, cm=1.1)
    cell.discretise(nseg_rule(20.0))
    sections = import3d(path)
    assert {section.region for section in cell.sections} == {"soma", "axon", "dend", "apic"}
    assert len(sections) > 20
    assert_same_tree(cell, sections)
    worst = cable_differences(cell, sections)
    assert max(worst["L"], worst["area"], worst["diam"]) == 0.0
    assert worst["ri"] < 1e-15
    assert worst["distance"] < 1e-11


@pytest.mark.neuron
def test_d_lambda_is_that_of_neuron(tmp_path, import3d, neuron):
    path = write(tmp_path, synthetic_neuron(4, 3))
    cell = Cell(load_asc(path))
    cell.set(Ra=150.0)
    cell.set("dend", cm=2.0)
    cell.discretise(d_lambda(0.02, 300.0))
    nseg = []
    for i, section in enumerate(import3d(path)):
        section.Ra, section.cm = cell.Ra[i], cell.cm[i]
        ratio = section.L / (0.02 * neuron.lambda_f(300.0, sec=section))
        nseg.append(int((ratio + 0.9) / 2) * 2 + 1)
    assert max(nseg) > 3
    np.testing.assert_array_equal(cell.nseg, nseg)


def test_outline_keeps_the_size_of_an_ellipse(tmp_path):
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    rows = "\n".join(
        f"({12 * x:.4f} {7 * y:.4f} 0 0)" for x, y in zip(np.cos(angle), np.sin(angle), strict=True)
    )
    morphology = load_asc(write(tmp_path, f'("CellBody"\n(CellBody)\n{rows}\n)\n'))
    soma = morphology["soma"]
    assert len(soma.points) == 21
    assert soma.length == pytest.approx(24, rel=0.02)
    assert soma.diam == pytest.approx(14, rel=0.01)


def test_trees_start_in_the_middle_of_the_soma(tmp_path):
    soma, dend = load_asc(write(tmp_path, SOMA + TREE))
    assert (soma.name, dend.name, dend.parent, dend.parent_x) == ("soma[0]", "dend[0]", 0, 0.5)
    np.testing.assert_array_equal(dend.points, [[0, 6, 0, 2], [0, 20, 1, 1.5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cell.asc:1: Can't iterate past the end"),
        ("hello\n", r"cell.asc: holds no tree and no outline"),
        (SOMA + TREE[:-2], r"cell.asc:11: Hit end of file"),
        (SOMA + TREE.replace("1.5", "abc"), r'cell.asc:10: Error converting: "abc"'),
        (SOMA + TREE.replace("1.5", "-1.5"), r"dend\[0\]: diameter is -1.5 um at \(0, 20, 1\)"),
        (SOMA + TREE.replace("1.5", "0"), r"dend\[0\]: diameter is 0 um at .*must be positive"),
        (SOMA + SOMA, r"cell.asc:14: A soma is already defined"),
        (TREE + TREE.replace("0 6", "9 9"), r"one root; found dend\[0\], dend\[1\]"),
        (SOMA.replace("(8", "(0").replace("(-8", "(0"), r"soma has no width in the xy plane"),
    ],
)
def test_a_malformed_file_is_named(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_asc(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.asc: cannot be read: there is no such file"):
        load_asc(tmp_path / "nowhere.asc")
