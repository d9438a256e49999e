"""Cells: what is said of them, and what lowering reads."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.discretisation import n_segments, nseg_rule
from distnet.errors import InputError
from distnet.morphology import Morphology


@pytest.fixture
def cell() -> Cell:
    """A soma with two dendrites in a row and an axon; three segments each."""
    morphology = Morphology("stick")
    morphology.add("soma[0]", length=20, diam=20)
    morphology.add("dend[0]", length=90, diam=2, parent="soma")
    morphology.add("dend[1]", length=30, diam=1, parent="dend[0]")
    morphology.add("axon[0]", length=60, diam=1, parent="soma", parent_x=0.5)
    cell = Cell(morphology)
    cell.discretise(n_segments(3))
    return cell


def test_later_insertions_win_where_they_act(cell):
    cell.insert("hh", gnabar=0.1, gl=1e-4)
    cell.insert("hh", "dend", gnabar=0.2)
    cell.insert("pas", ["axon[0]"], e=-65.0)
    cell.insert("pas", "axon", g=2e-4)
    hh, pas = cell.density["hh"], cell.density["pas"]
    section = cell.cable.section
    assert list(cell.density) == ["hh", "pas"]
    np.testing.assert_array_equal(hh.node, np.flatnonzero(cell.cable.area > 0))
    np.testing.assert_array_equal(
        hh.parameters["gnabar"], np.where(np.isin(section[hh.node], [1, 2]), 0.2, 0.1)
    )
    np.testing.assert_array_equal(hh.parameters["gl"], 1e-4)
    assert set(section[pas.node]) == {3}
    assert {name: set(value) for name, value in pas.parameters.items()} == {"e": {-65}, "g": {2e-4}}


def test_a_parameter_of_a_part_is_the_default_elsewhere(cell):
    cell.insert("hh")
    cell.insert("hh", "soma", gnabar=0.3)
    hh = cell.density["hh"]
    is_soma = cell.cable.section[hh.node] == 0
    np.testing.assert_array_equal(hh.parameters["gnabar"][is_soma], 0.3)
    assert np.isnan(hh.parameters["gnabar"][~is_soma]).all()


def test_a_parameter_may_depend_on_path_distance(cell):
    cell.insert("pas", "dend", g=lambda distance: 1e-4 if distance < 60 else 2e-4)
    pas = cell.density["pas"]
    distance = cell.cable.distance[pas.node]
    np.testing.assert_allclose(distance, [25, 55, 85, 105, 115, 125])
    np.testing.assert_array_equal(pas.parameters["g"], np.where(distance < 60, 1e-4, 2e-4))


def test_ions_are_set_by_field(cell):
    cell.set_ion("na", e=50.0)
    cell.set_ion("na", "soma", e=55.0)
    cell.set_ion("ca", "dend", ci=5e-5, co=lambda distance: 2.0 + distance / 1000)
    na, ca = cell.ions["na"], cell.ions["ca"]
    section = cell.cable.section
    np.testing.assert_array_equal(na["e"], np.where(section == 0, 55.0, 50.0))
    assert na["ci"] is None
    np.testing.assert_array_equal(np.isnan(ca["ci"]), ~np.isin(section, [1, 2]))
    assert np.nanmax(ca["co"]) == pytest.approx(2.125)


def test_processes_keep_their_order_when_nodes_are_added(cell):
    near = cell.place(Location("dend[0]", 0.6), "ExpSyn", tau=2)
    before = cell.processes[near].node
    end = cell.place(Location("soma", 1.0), "IClamp", amp=0.1)
    start = cell.place(Location("dend[0]", 0.0), "ExpSyn")
    tip = cell.place(Location("dend[1]", 1.0), "ExpSyn")
    assert (near, end, start, tip) == (0, 1, 2, 3)
    names = [process.mechanism for process in cell.processes]
    assert names == ["ExpSyn", "IClamp", "ExpSyn", "ExpSyn"]
    assert cell.processes[near].node == before + 1  # the end of the soma is a node now
    assert cell.processes[near].parameters == {"tau": 2.0}
    cable = cell.cable
    nodes = [cell.processes[i].node for i in (end, start)]
    assert nodes[0] == nodes[1]
    assert (cable.section[nodes[0]], cable.x[nodes[0]], cable.area[nodes[0]]) == (0, 1, 0)
    assert (cable.section[cell.processes[tip].node], cable.x[cell.processes[tip].node]) == (2, 1)


def test_the_start_of_a_section_is_where_it_is_attached(cell):
    cell.place(Location("axon", 0.0), "ExpSyn")
    node = cell.processes[0].node
    assert (cell.cable.section[node], cell.cable.x[node]) == (0, 0.5)


def test_segment_finds_the_node(cell):
    cable = cell.cable
    for node in np.flatnonzero(cable.area > 0):
        assert cell.segment(Location(int(cable.section[node]), float(cable.x[node]))) == node
    assert cell.segment(Location("dend[1]", 1.0)) == cell.segment(Location("dend[1]", 0.99))


def test_the_detector_is_one_place(cell):
    assert cell.detector is None
    cell.detect(Location("soma"), threshold=-10)
    cell.detect(Location("axon", 0.5), threshold=-20)
    node, threshold = cell.detector
    assert (cell.cable.section[node], threshold) == (3, -20.0)


def test_copies_share_until_they_differ(cell):
    cell.insert("hh", gnabar=0.1)
    cell.place(Location("soma"), "ExpSyn")
    twin = cell.copy()
    assert twin.density is cell.density
    twin.place(Location("dend", 1.0), "ExpSyn")
    twin.insert("hh", "soma", gnabar=0.4)
    twin.v_init = -70.0
    twin.set("soma", Ra=50.0)
    assert (len(cell.processes), len(twin.processes)) == (1, 2)
    assert (cell.cable.n_node, twin.cable.n_node) == (12, 13)
    assert set(cell.density["hh"].parameters["gnabar"]) == {0.1}
    assert set(twin.density["hh"].parameters["gnabar"]) == {0.1, 0.4}
    assert (cell.v_init, cell.Ra[0], twin.Ra[0]) == (None, 35.4, 50.0)


def test_a_morphology_may_grow_after_its_cell_was_made():
    morphology = Morphology()
    morphology.add("soma", length=20, diam=20)
    cell = Cell(morphology)
    morphology.add("dend", length=20, diam=1, parent="soma")
    assert cell.cable.n_node == len(cell.sections) == 1


def test_regions_of_ones_own(cell):
    cell.region("tuft", sections=["dend[1]", 3])
    cell.set("tuft", Ra=200.0, cm=2.0)
    np.testing.assert_array_equal(cell.Ra, [35.4, 35.4, 200.0, 200.0])
    cable = cell.cable
    doubled = np.isin(cable.section, [2, 3])
    np.testing.assert_array_equal(cable.capacitance / cable.area, np.where(doubled, 2e-5, 1e-5))


def test_a_copy_is_cheap(cell):
    import time

    cell.insert("hh")
    cell.density  # noqa: B018
    start = time.perf_counter()
    for _ in range(1000):
        cell.copy()
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda c: c.set(Ra=0), "cell of stick: Ra is 0 ohm cm; it must be positive"),
        (lambda c: c.set(cm=-1), "cell of stick: cm is -1 uF/cm2; it must not be negative"),
        (lambda c: c.set("tuft", Ra=1), 'no region "tuft"; known are soma, dend, axon'),
        (lambda c: c.insert("hh", ["dend[7]"]), r"no section 'dend\[7\]'; known are soma\[0\], de"),
        (lambda c: c.insert("hh", gnabar=np.nan), "hh: gnabar is nan; it must be a finite number"),
        (lambda c: c.insert("hh", gnabar="big"), "hh: gnabar is 'big'; it must be a finite number"),
        (lambda c: c.set_ion("na", e=np.inf), "na: e is inf; it must be a finite number"),
        (lambda c: c.place(Location("dend", 1.5), "ExpSyn"), r"x is 1.5; allowed is 0 to 1"),
        (lambda c: c.place(Location("dend", np.nan), "ExpSyn"), r"x is nan; allowed is 0 to 1"),
        (lambda c: c.place(Location(9), "ExpSyn"), "there is no section 9; known are"),
        (lambda c: c.detect(Location("soma"), np.nan), "threshold is nan mV; it must be finite"),
        (lambda c: c.region("dend", ["soma"]), 'region "dend" is already one of the morphology'),
        (lambda c: c.discretise(lambda m, r, k: np.zeros(4)), "gives 1 or more for every section"),
    ],
)
def test_what_is_wrong_is_said(action, message, cell):
    with pytest.raises(InputError, match=message):
        action(cell)


def test_a_function_must_give_finite_values(cell):
    cell.insert("pas", "dend", g=lambda distance: np.nan if distance > 100 else 1.0)
    with pytest.raises(InputError, match="pas: g: not a finite value at 105 um"):
        cell.density  # noqa: B018


def test_discretise_comes_before_placing(cell):
    cell.place(Location("soma"), "ExpSyn")
    with pytest.raises(InputError, match="discretise before anything is placed"):
        cell.discretise(nseg_rule(10.0))


def test_a_cell_has_a_section():
    with pytest.raises(InputError, match="a cell needs at least one section"):
        Cell(Morphology())
