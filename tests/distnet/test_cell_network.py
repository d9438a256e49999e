"""Networks put together in Python."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.errors import InputError
from distnet.morphology import Morphology
from distnet.network import ArtificialCell, SpikeTrain


@pytest.fixture
def cell():
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    cell = Cell(morphology)
    cell.insert("pas", g=1e-4)
    cell.detect(Location("soma"), threshold=-20.0)
    cell.place(Location("soma"), "ExpSyn", tau=2.0)
    return cell


@pytest.fixture
def network(cell):
    """Gids: 0 and 1 cells, 2 a NetStim, 3 a spike train, 4 a cell that never spikes."""
    network = CellNetwork()
    network.add_cell(cell, "first")
    network.add_cell(cell.copy())
    network.add_artificial("NetStim", interval=10, start=1)
    network.add_spike_train([3.0, 1.0])
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    network.add_cell(Cell(morphology), "mute")
    return network


def test_every_kind_has_a_gid_and_a_name(network):
    assert network.n_cells == 5
    assert network.kinds().tolist() == [0, 0, 1, 2, 0]
    names = [network.describe(gid) for gid in range(5)]
    assert names == ["first", "cell 1", "NetStim 2", "spike train 3", "mute"]
    assert network.cell(2) == ArtificialCell("NetStim", {"interval": 10.0, "start": 1.0})
    assert isinstance(network.cell(3), SpikeTrain)
    assert network.cell(3).times.tolist() == [1.0, 3.0]


def test_connections_keep_the_order_in_which_they_were_made(network):
    network.connect(3, (1, 0), weight=0.3, delay=1.0)
    network.connect(0, (1, 0), weight=0.1, delay=2.0)
    network.connect(1, 2, weight=1.0, delay=3.0)
    network.own(np.array([0, 1]))
    found = network.connections_to(1)
    assert found.source.tolist() == [3, 0]
    assert found.target.tolist() == [0, 0]
    assert found.weight.tolist() == [0.3, 0.1]
    assert found.delay.tolist() == [1.0, 2.0]
    assert network.connections_to(2).source.tolist() == [1]
    assert network.connections_to(0).source.dtype == np.int64
    assert len(network.connections_to(0).source) == 0


def test_costs_count_nodes_mechanisms_and_connections(network):
    network.connect(3, (1, 0), weight=0.3, delay=1.0)
    assert network.costs().tolist() == [2.0, 2.5, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("source", "target", "weight", "delay", "message"),
    [
        (9, (0, 0), 1.0, 1.0, r"from gid 9 to gid 0: there is no gid 9; allowed are 0 to 4"),
        (0, (9, 0), 1.0, 1.0, r"there is no gid 9"),
        (-1, (0, 0), 1.0, 1.0, r"there is no gid -1"),
        (0, (1, 1), 1.0, 1.0, r"cell 1 has no point process 1; allowed are 0 to 0"),
        (0, (4, 0), 1.0, 1.0, r"mute has no point process 0; allowed are none"),
        (4, (0, 0), 1.0, 1.0, r"mute has no spike detector"),
        (0, 3, 1.0, 1.0, r"spike train 3 is a spike train, which takes no spikes"),
        (0, (2, 1), 1.0, 1.0, r"NetStim 2 has no point process 1"),
        (0, (1, 0), 1.0, -1.0, r"weight is 1\.0 and delay is -1\.0 ms; both must be numbers"),
        (0, (1, 0), float("nan"), 1.0, r"weight is nan and delay is 1\.0 ms"),
    ],
)
def test_wrong_connections(network, source, target, weight, delay, message):
    with pytest.raises(InputError, match=message):
        network.connect(source, target, weight, delay)


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf")])
def test_wrong_spike_times(time):
    with pytest.raises(InputError, match="a spike time is negative or not a number"):
        CellNetwork().add_spike_train([1.0, time])


def test_a_thing_that_is_no_cell():
    with pytest.raises(InputError, match="cell 0: is a str, not a Cell"):
        CellNetwork().add_cell("cell")
