"""What is said of a partition is what counting by hand gives."""

from __future__ import annotations

import numpy as np
import pytest

from distnet import CellNetwork, InputError, Location, Morphology, Settings
from distnet.cell import Cell
from distnet.partition_report import exchange_time, read_costs, report_partition, write_costs


@pytest.fixture
def network():
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    cell = Cell(morphology)
    synapse = cell.place(Location("soma"), "ExpSyn")
    cell.detect(Location("soma"), threshold=0.0)
    found = CellNetwork()
    train = found.add_spike_train([1.0])
    cells = [found.add_cell(cell.copy(), position=(float(k), 0.0, 0.0)) for k in range(4)]
    found.connect(train, (cells[0], synapse), weight=0.1, delay=0.1)
    for source, target in ((0, 1), (1, 0), (1, 2), (2, 3)):
        found.connect(cells[source], (cells[target], synapse), weight=0.1, delay=2.0)
    return found


def test_a_line_of_four_cells_on_two_ranks(network):
    costs = np.array([0.0, 1.0, 2.0, 2.0, 1.0])
    report = report_partition(network, Settings(), 2, "bisection", costs, rate=100.0)
    assert report.rank.tolist() == [-1, 0, 0, 1, 1]
    assert (report.n_cells, report.n_connections) == (4, 4)
    assert report.imbalance == 1.0
    assert report.cut == 0.25
    assert report.reached == 0.25
    assert report.partners == 0.5
    assert report.interval == 1.0
    assert report.copies == pytest.approx(0.1)
    assert report.step_seconds == pytest.approx(3e-9)
    assert report.largest_cell == "cell 2"
    assert report.bound == 3.0


def test_one_rank_exchanges_nothing(network):
    report = report_partition(network, Settings(), 1)
    assert report.exchange_seconds == report.allgather_bytes == report.cut == 0.0
    assert report.efficiency == pytest.approx(1.0)


def test_balance_bounds_the_efficiency(network):
    costs = np.array([0.0, 4e6, 1e6, 1e6, 0.0])
    report = report_partition(network, Settings(), 2, "longest-first", costs)
    assert report.efficiency == pytest.approx(0.75)


def test_an_exchange_takes_longer_on_more_ranks():
    times = [exchange_time(n, 10 * n, 176 * n) for n in (1, 2, 64, 4096)]
    assert times[0] == 0.0
    assert times == sorted(times)


def test_costs_come_back(tmp_path):
    path = tmp_path / "costs"
    write_costs(path, np.array([1.5, 0.0, 3.0]))
    assert read_costs(path, 3).tolist() == [1.5, 0.0, 3.0]
    for wrong, words in (("1\n2\n", "has 2 lines"), ("a b\n", "holds no list of costs")):
        path.write_text(wrong)
        with pytest.raises(InputError, match=words):
            read_costs(path, 3)
    with pytest.raises(InputError, match="none: no such file"):
        read_costs(tmp_path / "none", 3)
