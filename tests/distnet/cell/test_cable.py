"""Cables: NEURON's geometry and voltages, and what holds for every cable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distnet.cell import Cell, Location
from distnet.discretisation import (
    Rule,
    d_lambda,
    lambda_f,
    max_length,
    n_segments,
    nseg_rule,
)
from distnet.errors import InputError
from distnet.morphology import Morphology

BENT = [[0, 0, 0, 1], [9, 3, 1, 2], [9, 3, 1, 3], [30, 40, 1, 0.5], [31, 60, 9, 0.5]]


def awkward() -> Morphology:
    """Every kind of joint: at 0, at 1 and between, of one section and of several."""
    morphology = Morphology("awkward")
    soma = morphology.add("soma", length=20, diam=18)
    morphology.add("dend[0]", length=150, diam=(3, 1), parent=soma)
    morphology.add("dend[1]", length=90, diam=0.8, parent="dend[0]")
    morphology.add("dend[2]", points=BENT, parent="dend[1]")
    morphology.add("dend[3]", length=70, diam=1.1, parent="dend[1]")
    morphology.add("dend[4]", length=40, diam=1.2, parent="dend[1]", parent_x=0.3)
    morphology.add("dend[5]", length=50, diam=1, parent="dend[4]", parent_x=0)
    morphology.add("axon[0]", length=60, diam=1, parent=soma, parent_x=0)
    morphology.add("axon[1]", points=BENT, parent=soma, parent_x=0)
    morphology.add("axon[2]", length=30, diam=(1, 0.5), parent="axon[0]")
    morphology.add("apic[0]", length=300, diam=(4, 2), parent=soma, parent_x=0.5)
    morphology.add("apic[1]", length=100, diam=1, parent="apic[0]", parent_x=1)
    return morphology


def in_neuron(neuron, cell: Cell) -> list:
    """The same cell in NEURON."""
    sections = []
    for i, ours in enumerate(cell.sections):
        theirs = neuron.Section(name=ours.name)
        if ours.points is None:
            theirs.L, theirs.diam = ours.length, ours.diam
        else:
            for point in ours.points:
                theirs.pt3dadd(*map(float, point))
        theirs.nseg, theirs.Ra, theirs.cm = int(cell.nseg[i]), cell.Ra[i], cell.cm[i]
        if ours.parent >= 0:
            theirs.connect(sections[ours.parent](ours.parent_x), 0)
        sections.append(theirs)
    return sections


RULES = {
    "one": n_segments(1),
    "even": n_segments(4),
    "nseg": nseg_rule(20.0),
    "d_lambda": d_lambda(0.05, 200.0),
}


@pytest.mark.neuron
@pytest.mark.parametrize("rule", RULES)
def test_geometry_is_that_of_neuron(rule, neuron, assert_same_tree, cable_differences):
    cell = Cell(awkward())
    cell.set(Ra=123.4)
    cell.set("axon", Ra=77.0, cm=0.3)
    cell.discretise(RULES[rule])
    sections = in_neuron(neuron, cell)
    assert_same_tree(cell, sections)
    worst = cable_differences(cell, sections)
    assert max(worst["L"], worst["area"], worst["diam"]) == 0.0
    assert worst["ri"] < 1e-15
    assert worst["distance"] < 1e-12


def passive_voltage(cell: Cell, g: float, stimulus: int, n_step: int, dt: float) -> np.ndarray:
    """(n_step + 1, n_node) [mV]: backward Euler from 0 mV, 0.1 nA into one node."""
    cable = cell.cable
    n = cable.n_node
    matrix = np.diag(cable.capacitance / dt + g * cable.area * 1e-2)  # S/cm2 um2 = 1e-2 uS
    for node, parent in enumerate(cable.parent):
        if parent >= 0:
            pair = np.ix_([node, parent], [node, parent])
            matrix[pair] += cable.axial[node] * np.array([[1, -1], [-1, 1]])
    v = np.zeros((n_step + 1, n))
    current = np.zeros(n)
    current[stimulus] = 0.1
    for step in range(n_step):
        right = cable.capacitance / dt * v[step] + current
        v[step + 1] = np.linalg.solve(matrix, right)
    return v


@pytest.mark.neuron
@pytest.mark.parametrize(
    "place", [("dend[3]", 1.0), ("axon[0]", 0.0), ("dend[5]", 0.0), ("dend[0]", 1.0), ("soma", 0.5)]
)
def test_passive_voltages_are_those_of_neuron(place, neuron):
    cell = Cell(awkward())
    cell.set(Ra=123.4)
    cell.discretise(n_segments(4))
    number = cell.place(Location(*place), "IClamp")
    process = cell.processes[number]
    ours = passive_voltage(cell, g=1e-4, stimulus=process.node, n_step=100, dt=0.025)

    sections = in_neuron(neuron, cell)
    for section in sections:
        section.insert("pas")
        section.g_pas, section.e_pas = 1e-4, 0.0
    index = cell.morphology.index(place[0])
    clamp = neuron.IClamp(sections[index](place[1]))
    clamp.delay, clamp.dur, clamp.amp = -1, 1e9, 0.1
    neuron.secondorder = 0
    neuron.dt = 0.025
    neuron.finitialize(0.0)
    for _ in range(100):
        neuron.fadvance()
    theirs = [seg.v for section in sections for seg in section]
    there = sections[index](place[1]).v
    difference = np.abs(ours[-1, cell.cable.node_of_segment] - theirs).max()
    print(f"largest difference {difference:.1e} mV of {np.max(theirs):.1f} mV")
    assert difference < 1e-10
    assert abs(ours[-1, process.node] - there) < 1e-10


def test_ends_are_nodes_only_where_needed():
    cell = Cell(awkward())
    cell.discretise(n_segments(2))
    n_segment = 2 * len(cell.sections)
    ends = {(cell.sections[s].name, cell.cable.x[node]) for (s, _), node in cell.cable.ends.items()}
    assert ends == {("soma", 0.0), ("dend[1]", 1.0)}
    assert cell.cable.n_node == n_segment + 2
    assert (cell.cable.area == 0).sum() == 2
    for name in ("dend[0]", "axon[2]"):  # on the way to dend[1]; at a tip
        cell.keep(Location(name, 1.0))
    assert cell.cable.n_node == n_segment + 4


def test_arrays_are_read_only_and_shared():
    cell = Cell(awkward())
    cable = cell.cable
    assert not any(a.flags.writeable for a in vars(cable).values() if isinstance(a, np.ndarray))
    twin = cell.copy()
    assert twin.cable is cable
    twin.place(Location("soma"), "ExpSyn")
    assert twin.cable is cable
    twin.set(cm=2.0)
    assert twin.cable is not cable
    assert cell.cable is cable


RANDOM_RULES: dict[str, Rule] = {
    "n_segments": n_segments(3),
    "max_length": max_length(12.0),
    "nseg_rule": nseg_rule(33.0),
    "d_lambda": d_lambda(0.1, 100.0),
}


@st.composite
def morphologies(draw: st.DrawFn) -> Morphology:
    """A random tree of cylinders, tapers and lines of points."""
    size = st.floats(0.25, 60.0, width=32)
    morphology = Morphology("random")
    for i in range(draw(st.integers(1, 12))):
        parent = draw(st.integers(0, i - 1)) if i else None
        parent_x = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
        kind = draw(st.sampled_from(["cylinder", "taper", "points"]))
        shape: dict[str, object] = {"length": draw(size), "diam": draw(size)}
        if kind == "taper":
            shape["diam"] = (draw(size), draw(size))
        elif kind == "points":
            rows = draw(st.lists(st.tuples(size, size, size, size), min_size=2, max_size=6))
            rows.append((99.0, 99.0, 99.0, 1.0))
            shape = {"points": rows}
        morphology.add(f"dend[{i}]", parent=parent, parent_x=parent_x, **shape)
    return morphology


@settings(max_examples=60, deadline=None)
@given(morphology=morphologies(), rule=st.sampled_from(sorted(RANDOM_RULES)))
def test_area_is_conserved_and_parents_come_first(morphology, rule):
    cell = Cell(morphology)
    cell.discretise(RANDOM_RULES[rule])
    cable = cell.cable
    whole = sum(cone_area(section) for section in cell.sections)
    assert cable.area.sum() == pytest.approx(whole, rel=1e-6)
    assert (cable.parent < np.arange(cable.n_node)).all()
    assert (cable.parent == -1).sum() == 1
    assert cable.axial[0] == 0
    assert (cable.axial[1:] > 0).all()
    np.testing.assert_allclose(cable.capacitance, 1e-5 * cable.area)
    assert set(np.flatnonzero(cable.area == 0)) == set(cable.ends.values())
    assert (cable.distance >= 0).all()


def cone_area(section) -> float:
    if section.points is None:
        return np.pi * section.diam * section.length
    diam = section.points[:, 3].astype(float)
    slant = np.hypot(np.diff(section.arc), np.diff(diam) / 2)
    return float((np.pi / 2 * (diam[:-1] + diam[1:]) * slant).sum())


def test_rules_give_what_they_say():
    morphology = awkward()
    lengths = morphology.lengths
    at = np.ones(len(morphology))
    np.testing.assert_array_equal(n_segments(7)(morphology, at, at), 7)
    np.testing.assert_array_equal(
        nseg_rule(40.0)(morphology, at, at), [1 + 2 * int(length / 40) for length in lengths]
    )
    longest = lengths / max_length(15.0)(morphology, at, at)
    assert longest.max() <= 15
    dend = morphology["dend[1]"]
    assert lambda_f(dend, 100.0, 100.0, 1.0) == pytest.approx(1e5 * np.sqrt(0.8 / (4e4 * np.pi)))
    assert lambda_f(dend, 100.0, 100.0, 0.0) == 1e10


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: n_segments(0), "n_segments: n is 0; it must be 1 or more"),
        (lambda: nseg_rule(0.0), "nseg_rule: dl is 0.0; it must be positive"),
        (lambda: max_length(-1.0), "max_length: length is -1.0; it must be positive"),
        (lambda: d_lambda(0.1, 0.0), "d_lambda: frequency is 0.0; it must be positive"),
    ],
)
def test_a_rule_needs_a_positive_number(rule, message):
    with pytest.raises(InputError, match=message):
        rule()
