"""Cells of one rank as flat arrays."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.catalogue import Catalogue
from distnet.cell import Cell, Location
from distnet.errors import InputError
from distnet.lower import lower
from distnet.morphology import Morphology
from distnet.network import ArtificialCell, Connections
from distnet.recording import Recording
from distnet.settings import Settings


def make_cell(nseg: int = 3) -> Cell:
    """Soma and dendrite: hh on the soma, pas on the dendrite, two ExpSyn and an IClamp."""
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=90.0, diam=2.0, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda m, Ra, cm: np.array([1, nseg]))
    cell.insert("hh", "soma")
    cell.insert("pas", "dend", g=lambda distance: 1e-5 * distance, e=-70.0)
    cell.place(Location("dend", 0.9), "ExpSyn", tau=3.0)
    cell.place(Location("soma", 0.5), "ExpSyn")
    cell.place(Location("soma", 0.5), "IClamp", delay=1.0, amp=0.1)
    cell.detect(Location("soma", 0.5), threshold=-15.0)
    return cell


def connect(*rows: tuple[int, int, float, float]) -> Connections:
    source, target, weight, delay = zip(*rows, strict=True)
    return Connections(np.array(source), np.array(target), np.array(weight), np.array(delay))


def lowered(cells, connections=None, recordings=(), **settings):
    settings = Settings(**settings)
    onto = connections or {}
    return lower(cells, onto, settings, Catalogue(settings), recordings, lambda gid: f"cell {gid}")


def instances(block, name):
    k = [group.mechanism.name for group in block.mechanisms].index(name)
    return k, block.mechanisms[k]


def test_cells_follow_each_other_in_order_of_gid():
    one, two = make_cell(3), make_cell(5)
    found = lowered({9: two, 4: one})
    block, n = found.block, one.cable.n_node
    assert found.gid.tolist() == [4, 9]
    assert block.cell_ptr.tolist() == [0, n, n + two.cable.n_node]
    assert (block.parent[[0, n]] == -1).all()
    inner = np.flatnonzero(block.parent >= 0)
    assert (block.parent[inner] < inner).all()
    np.testing.assert_array_equal(block.area[n:], two.cable.area)
    np.testing.assert_array_equal(block.axial[:n], one.cable.axial)
    assert found.source_gid.tolist() == [4, 9]
    assert block.source_node.tolist() == [one.detector[0], n + two.detector[0]]
    assert block.source_threshold.tolist() == [-15.0, -15.0]


def test_instances_are_sorted_by_cell_and_node_with_their_parameters():
    cell = make_cell()
    block = lowered({0: cell, 1: cell.copy()}).block
    _, synapses = instances(block, "ExpSyn")
    assert (np.diff(synapses.cell) >= 0).all()
    for c in (0, 1):
        assert (np.diff(synapses.node[synapses.cell == c]) >= 0).all()
    at_soma = synapses.node == block.cell_ptr[synapses.cell] + cell.processes[1].node
    np.testing.assert_array_equal(synapses.parameters["tau"], np.where(at_soma, 0.1, 3.0))
    _, pas = instances(block, "pas")
    distance = cell.cable.distance[pas.node[: len(pas.node) // 2]]
    np.testing.assert_array_equal(pas.parameters["g"], np.tile(1e-5 * distance, 2))
    _, hh = instances(block, "hh")
    assert hh.parameters == {}


def test_connections_find_their_instances():
    cell = make_cell()
    found = lowered(
        {0: cell, 1: cell.copy(), 2: ArtificialCell("NetStim", {"start": 1.0})},
        {1: connect((5, 0, 0.1, 1.0), (7, 1, 0.2, 2.0)), 2: connect((5, 0, 0.3, 3.0))},
    )
    block = found.block
    assert found.connection_source.tolist() == [5, 7, 5]
    assert found.connection_delay.tolist() == [1.0, 2.0, 3.0]
    assert block.weight.tolist() == [0.1, 0.2, 0.3]
    k, synapses = instances(block, "ExpSyn")
    (m0, i0), (m1, i1), (m2, i2) = block.connection_target.tolist()
    assert m0 == m1 == k
    assert synapses.cell[[i0, i1]].tolist() == [1, 1]
    assert synapses.node[i0] == block.cell_ptr[1] + cell.processes[0].node
    assert synapses.node[i1] == block.cell_ptr[1] + cell.processes[1].node
    assert (m2, i2) == (instances(block, "NetStim")[0], 0)
    assert block.source_instance[2].tolist() == [m2, i2]
    assert block.source_node.tolist()[2] == -1


def test_initial_values_of_the_cell_come_before_those_of_the_simulation():
    one, two = make_cell(), make_cell()
    one.v_init = -50.0
    one.set_ion("na", e=60.0, region="soma")
    block = lowered({0: one, 1: two}, v_init=-80.0).block
    n = one.cable.n_node
    assert set(block.v_init[:n]) == {-50.0}
    assert set(block.v_init[n:]) == {-80.0}
    sodium = next(ion for ion in block.ions if ion.name == "na")
    soma = one.segment(Location("soma"))
    assert sodium.e[soma] == 60.0
    assert sodium.e[n + soma] == 50.0


def test_no_cells_give_an_empty_block():
    found = lowered({})
    assert (found.block.n_cell, found.block.n_node, len(found.block.mechanisms)) == (0, 0, 0)
    assert found.block.connection_target.shape == (0, 2)


def test_recordings_keep_the_places_of_this_rank():
    cell = make_cell()
    places = Recording("v", np.array([7, 0, 9, 0]), np.array([0, 2, 1, 1]), 0.1)
    found = lowered({0: cell, 9: cell.copy()}, recordings=[places])
    assert [part.tolist() for part in found.recorded] == [[1, 2, 3]]
    (probe,) = found.block.probes
    assert (probe.variable, probe.every) == ("v", 4)
    assert probe.place.tolist() == [2, cell.cable.n_node + 1, 1]


def test_recordings_of_mechanisms_are_instances():
    cell = make_cell()
    gids, dend = np.array([1, 0]), cell.segment(Location("dend", 0.5))
    recordings = [
        Recording("ExpSyn.g", gids, np.array([1, 0]), 0.025),
        Recording("pas.i", gids, np.array([dend, dend]), 0.025),
        Recording("na.i", gids, np.array([0, 0]), 0.025),
    ]
    block = lowered({0: cell, 1: cell.copy()}, recordings=recordings).block
    _, synapses = instances(block, "ExpSyn")
    found = block.probes[0].place
    assert synapses.cell[found].tolist() == [1, 0]
    assert (synapses.node[found] - block.cell_ptr[[1, 0]]).tolist() == [
        cell.processes[1].node,
        cell.processes[0].node,
    ]
    _, pas = instances(block, "pas")
    assert pas.node[block.probes[1].place].tolist() == [cell.cable.n_node + dend, dend]
    assert block.probes[2].place.tolist() == [cell.cable.n_node, 0]


def spoil(change):
    cell = make_cell()
    change(cell)
    return {3: cell}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            spoil(lambda c: c.insert("pas", G=1.0)),
            r'cell 3: pas: there is no RANGE parameter "G"; allowed are e, g',
        ),
        (
            spoil(lambda c: c.place(Location("soma"), "ExpSyn", Tau=1.0)),
            r'cell 3: ExpSyn: there is no RANGE parameter "Tau"; allowed are e, tau',
        ),
        (
            {3: ArtificialCell("NetStim", {"rate": 1.0})},
            r'cell 3: NetStim: there is no RANGE parameter "rate"; allowed are interval',
        ),
        (spoil(lambda c: c.insert("IClamp")), "cell 3: IClamp: is a point process: place it"),
        (
            spoil(lambda c: c.place(Location("soma"), "hh")),
            "cell 3: hh: is a density mechanism: insert it",
        ),
        (
            spoil(lambda c: c.place(Location("soma"), "NetStim")),
            "cell 3: NetStim: is an artificial cell: add it to the network",
        ),
        ({3: ArtificialCell("ExpSyn")}, "cell 3: ExpSyn: is a point process: place it"),
        ({3: ArtificialCell("pas")}, "cell 3: pas: is a density mechanism: insert it"),
        (spoil(lambda c: c.insert("Kv")), 'mechanism "Kv": no .mod file defines it; known are'),
    ],
)
def test_wrong_mechanisms(cells, message):
    with pytest.raises(InputError, match=message):
        lowered(cells)


@pytest.mark.parametrize(
    ("onto", "message"),
    [
        (connect((0, 5, 1.0, 1.0)), "ends on point process 5, but it has 3"),
        (connect((0, 2, 1.0, 1.0)), "cell 3: IClamp: has no NET_RECEIVE block"),
        (connect((8, 0, 1.0, -1.0)), r"the connection from cell 8 has delay -1\.0 ms"),
        (connect((8, 0, 1.0, np.nan)), "the connection from cell 8 has delay nan ms"),
        (connect((8, 0, np.inf, 1.0)), "weight inf"),
    ],
)
def test_wrong_connections(onto, message):
    with pytest.raises(InputError, match=message):
        lowered({3: make_cell()}, {3: onto})


@pytest.mark.parametrize(
    ("variable", "gid", "place", "message"),
    [
        ("v", 3, 99, "recording v of cell 3: there is no node 99"),
        ("v", 3, -1, "there is no node -1"),
        ("v", 4, 0, "an artificial cell has no voltage"),
        ("hh.q", 3, 0, 'there is no variable "q"; allowed are'),
        ("Kv.g", 3, 0, 'there is no mechanism or ion "Kv"'),
        ("hh.m", 3, 1, "hh is not inserted at node 1"),
        ("IClamp.i", 3, 0, "point process 0 is not a IClamp"),
        ("na.x", 3, 0, 'an ion has no "x"; allowed are e, ci, co, i'),
        ("na.e", 3, 99, "there is no node 99"),
        ("na.e", 4, 0, "there is no node 0"),
    ],
)
def test_wrong_recordings(variable, gid, place, message):
    cells = {3: make_cell(), 4: ArtificialCell("NetStim")}
    recording = Recording(variable, np.array([gid]), np.array([place]), 0.1)
    with pytest.raises(InputError, match=message):
        lowered(cells, recordings=[recording])


def test_an_interval_is_whole_steps():
    recording = Recording("v", np.array([0]), np.array([0]), 0.03)
    with pytest.raises(InputError, match=r"every 0\.03 ms is not a whole number of time steps"):
        lowered({0: make_cell()}, recordings=[recording])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (("hh", "gnabar"), 'hh: there is no GLOBAL "gnabar"; allowed are none'),
        (("Kv", "x"), 'mechanism "Kv": no .mod file defines it'),
    ],
)
def test_unknown_globals(name, message):
    with pytest.raises(InputError, match=message):
        lowered({0: make_cell()}, globals={name: 1.0})


def test_globals_reach_the_mechanism(tmp_path):
    (tmp_path / "scale.mod").write_text(
        "NEURON { SUFFIX scale NONSPECIFIC_CURRENT i GLOBAL factor RANGE i }\n"
        "PARAMETER { factor = 2 }\nASSIGNED { v (mV) i (mA/cm2) }\n"
        "BREAKPOINT { i = factor*1e-3 }\n"
    )
    cell = make_cell()
    cell.insert("scale")
    options = {"mechanism_folders": (tmp_path,), "globals": {("scale", "factor"): 3.0}}
    assert lowered({0: cell}, **options).block.globals == {("scale", "factor"): 3.0}
    with pytest.raises(InputError, match='no GLOBAL "fact"; allowed are factor'):
        lowered({0: cell}, **{**options, "globals": {("scale", "fact"): 3.0}})
    cell.insert("scale", factor=1.0)
    with pytest.raises(InputError, match="it is GLOBAL: set it for the whole simulation"):
        lowered({0: cell}, **options)
