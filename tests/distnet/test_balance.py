"""Rank 0 divides the cells; every rank hears the same, its failures too."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from distnet import CellNetwork, Location, Morphology, Settings
from distnet.balance import divide, make_workload, read_assignment, write_assignment
from distnet.cell import Cell
from distnet.errors import DistnetError, InputError
from partition import METHODS


class FakeExchange:
    """One of several ranks; what rank 0 broadcasts is passed on by the test."""

    def __init__(self, rank, size, told=None):
        self.rank, self.size, self.told = rank, size, told

    def broadcast(self, value):
        if self.rank == 0:
            self.told = pickle.dumps(value)
        return pickle.loads(self.told)


@pytest.fixture
def network():
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    cell = Cell(morphology)
    cell.insert("pas")
    synapse = cell.place(Location("soma"), "ExpSyn")
    cell.detect(Location("soma"), threshold=0.0)
    found = CellNetwork()
    train = found.add_spike_train([1.0])
    cells = [
        found.add_cell(cell.copy(), position=(100.0 * (k % 2), 0.0, float(k))) for k in range(6)
    ]
    found.connect(train, (cells[0], synapse), weight=0.1, delay=1.0)
    for k in range(6):
        found.connect(cells[k], (cells[(k + 2) % 6], synapse), weight=0.1, delay=1.0)
    return found


def owners(network, n, method):
    first = FakeExchange(0, n)
    answer = divide(network, Settings(), first, method)
    for rank in range(1, n):
        other = divide(None, Settings(), FakeExchange(rank, n, first.told), method)
        assert np.array_equal(other, answer)
    return answer


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_cell_has_an_owner_and_no_train_has(network, method):
    if method == "metis":
        pytest.importorskip("pymetis", reason="pymetis is not installed")
    owner = owners(network, 2, method)
    assert owner.dtype == np.int32
    assert owner[0] == -1
    assert np.bincount(owner[1:]).tolist() == [3, 3]


@pytest.mark.parametrize("method", ["auto", "bisection", "fennel"])
def test_neighbours_share_a_rank(network, method):
    owner = owners(network, 2, method)
    assert len(set(owner[1::2])) == 1
    assert len(set(owner[2::2])) == 1


def test_cells_without_positions_are_balanced_by_cost(network):
    network.add_artificial("NetStim")
    assert network.positions() is None
    owners(network, 3, "auto")
    with pytest.raises(Exception, match="needs the positions"):
        owners(network, 3, "bisection")


def test_the_graph_is_of_the_cells_alone(network):
    workload, gids = make_workload(network, Settings(), with_graph=True)
    assert gids.tolist() == [1, 2, 3, 4, 5, 6]
    assert workload.graph.target.tolist() == [2, 3, 4, 5, 0, 1]
    assert workload.placed


def test_an_assignment_comes_back(network, tmp_path):
    path = tmp_path / "ranks.txt"
    owner = np.array([-1, 2, 0, 1, 2, 0, 1], np.int32)
    write_assignment(path, owner)
    assert path.read_text().startswith("# distnet assignment")
    assert owners(network, 3, str(path)).tolist() == owner.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["ranks.txt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0\n1\n", "has 2 lines; the network has 7 gids"),
        ("0\n1\n1\n1\n3\n1\n1\n", "gid 4 is on rank 3; this job has ranks 0 to 2"),
        ("0\n1\n-1\n1\n0\n1\n1\n", "gid 2 is on rank -1"),
        ("zero\n", "holds no list of ranks"),
    ],
)
def test_a_wrong_assignment_is_told(network, tmp_path, text, words):
    path = tmp_path / "ranks.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_assignment(path, network.kinds(), 3)


def test_a_failure_of_the_first_rank_is_that_of_all(network):
    first = FakeExchange(0, 2)
    with pytest.raises(InputError) as told:
        divide(network, Settings(), first, "sudoku")
    with pytest.raises(DistnetError) as heard:
        divide(None, Settings(), FakeExchange(1, 2, first.told), "sudoku")
    assert str(told.value) == str(heard.value)
    assert "sudoku: is neither a file nor a partition method (auto, " in str(told.value)
