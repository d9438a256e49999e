"""The loop over epochs on one rank: what is due when, and what cannot be simulated."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.errors import InputError, SimulationError
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

DT = 0.025


def make_cell(mechanism: str = "hh") -> Cell:
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    cell = Cell(morphology)
    cell.insert(mechanism)
    cell.place(Location("soma"), "ExpSyn", tau=2.0)
    cell.detect(Location("soma"), threshold=-20.0)
    return cell


def make_ring(n: int = 3, delay: float = 1.0, more: tuple[float, ...] = ()) -> CellNetwork:
    """A ring that a spike train starts; `more` are delays of further connections, of no weight."""
    network = CellNetwork()
    gids = [network.add_cell(make_cell()) for _ in range(n)]
    train = network.add_spike_train([1.0])
    network.connect(train, (gids[0], 0), weight=0.05, delay=0.0)
    for k, gid in enumerate(gids):
        network.connect(gid, (gids[(k + 1) % n], 0), weight=0.05, delay=delay)
    for d in more:
        network.connect(gids[0], (gids[0], 0), weight=0.0, delay=d)
    return network


def record(variable: str, gids, place: int = 0, dt: float = DT) -> Recording:
    return Recording(variable, np.array(gids), np.full(len(gids), place), dt)


def run(network, tstop=20.0, recordings=(), **options):
    return Simulation(network, Settings(dt=DT), recordings, **options).run(tstop)


# --- epochs ---


@pytest.mark.parametrize("delay", [DT, 0.05, 0.06, 0.075, 0.1, 0.26, 1.0, 3.33])
def test_the_shortest_delay_changes_no_bit(delay):
    """A connection of no weight shortens the epochs; nothing else may change."""
    recordings = [record("v", [0, 1, 2])]
    plain = run(make_ring(delay=3.5), recordings=recordings)
    more = run(make_ring(delay=3.5, more=(delay,)), recordings=recordings)
    assert len(plain.spike_time) > 3
    np.testing.assert_array_equal(plain.spike_time, more.spike_time)
    np.testing.assert_array_equal(plain.spike_gid, more.spike_gid)
    np.testing.assert_array_equal(plain.samples[0], more.samples[0])


@pytest.mark.parametrize("delay", [DT, 0.05, 0.075, 0.1, 1.0, 1.0125, 1.03, 2.5])
def test_an_event_is_delivered_in_the_step_that_is_due(delay):
    """The synapse's conductance jumps in the step that the rule names."""
    network = CellNetwork()
    one, two = network.add_cell(make_cell()), network.add_cell(make_cell("pas"))
    train = network.add_spike_train([1.0])
    network.connect(train, (one, 0), weight=0.05, delay=0.0)
    network.connect(one, (two, 0), weight=0.01, delay=delay)
    found = run(network, 8.0, [record("ExpSyn.g", [two])])
    spike = round(found.spike_time[0] / DT)
    jump = int(np.flatnonzero(found.samples[0][:, 0] > 0.0)[0])
    # delivered at the start of a step, decayed over it, seen at the start of the next
    assert jump - 1 == spike + int(np.floor(delay / DT + 0.5 + 1e-9))


def test_epochs_are_no_longer_than_half_the_shortest_delay():
    steps = []
    Simulation(make_ring(delay=1.0)).run(10.0, on_progress=lambda step, last: steps.append(step))
    assert steps == [*range(20, 400, 20), 400]


def test_without_connections_progress_is_still_shown():
    network = CellNetwork()
    network.add_cell(make_cell("pas"))
    steps = []
    found = Simulation(network).run(25.0, on_progress=lambda *one: steps.append(one))
    assert steps == [(400, 1000), (800, 1000), (1000, 1000)]
    assert len(found.spike_time) == 0


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.0249])
def test_a_delay_below_the_step_is_an_error_that_names_the_source(delay):
    with pytest.raises(
        InputError, match=rf"connection from cell 0: delay {delay} ms is shorter than the time step"
    ):
        Simulation(make_ring(more=(delay,)), Settings(dt=DT))


def test_a_delay_of_one_step_is_allowed_whatever_its_rounding():
    for dt in (0.1, 0.025, 0.3):
        Simulation(make_ring(more=(3 * dt / 3, (dt + 1.0) - 1.0)), Settings(dt=dt))


# --- sources ---


def expected_conductance(times, tstop, weight=0.01, tau=2.0):
    """ExpSyn's g at every step, events put into the first step m with t <= (m + 1/2) dt."""
    steps = np.ceil(np.array(times) / DT - 0.5 - 1e-9).astype(int)
    g, rows = 0.0, []
    for step in range(round(tstop / DT)):
        rows.append(g)
        g = (g + weight * np.sum(steps == step)) * np.exp(-DT / tau)
    return np.array(rows)


TRAINS = {
    "at 0": [0.0],
    "at middles of steps": [0.0125, 1.0125, 2.0375],
    "many at once": [1.0, 1.0, 1.0, 1.001],
    "around the ends of epochs": [9.987, 9.9875, 9.99, 10.0, 10.01, 10.0125, 10.013, 19.99, 20.0],
    "after the end": [5.0, 1e6],
    "none": [],
}


@pytest.mark.parametrize("name", TRAINS)
@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_known_trains_are_heard_at_their_times(name, delay):
    network = CellNetwork()
    cell = network.add_cell(make_cell("pas"))
    train = network.add_spike_train(TRAINS[name])
    network.connect(train, (cell, 0), weight=0.01, delay=delay)
    found = run(network, 25.0, [record("ExpSyn.g", [cell])]).samples[0][:, 0]
    expected = expected_conductance([t + delay for t in TRAINS[name]], 25.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-18)


def test_a_player_of_a_train_does_what_the_train_does():
    """VecStim goes through the exchange; a spike train does not."""
    times = [0.0, 0.7125, 3.3, 3.3, 9.9875, 12.04]
    samples = []
    for add in ("add_spike_train", "add_artificial"):
        network = CellNetwork()
        cell = network.add_cell(make_cell("pas"))
        if add == "add_artificial":
            source = network.add_artificial("VecStim", train=times)
        else:
            source = network.add_spike_train(times)
        network.connect(source, (cell, 0), weight=0.01, delay=0.6)
        samples.append(run(network, 15.0, [record("ExpSyn.g", [cell])]).samples[0])
    np.testing.assert_allclose(*samples, rtol=1e-13)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_artificial_cells_hear_each_other(backend):
    """A generator starts another one, at exact times."""
    network = CellNetwork()
    first = network.add_artificial("NetStim", start=0.3, interval=5.0, number=2)
    second = network.add_artificial("NetStim", start=-1.0, interval=0.7, number=2)
    network.connect(first, second, weight=1.0, delay=0.31)
    found = run(network, 10.0, backend=backend)
    assert found.spike_gid.tolist() == [first, second, second, first, second, second]
    np.testing.assert_allclose(found.spike_time, [0.3, 0.61, 1.31, 5.3, 5.61, 6.31])


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_network_of_trains_alone_runs(backend):
    network = CellNetwork()
    network.add_spike_train([1.0, 2.0])
    found = run(network, 5.0, backend=backend)
    assert len(found.spike_gid) == len(found.spike_time) == 0
    assert len(run(CellNetwork(), 5.0, backend=backend).spike_gid) == 0


# --- results ---


def test_spikes_are_sorted_by_time_and_gid():
    network = CellNetwork()
    cells = [network.add_cell(make_cell()) for _ in range(5)]
    train = network.add_spike_train([1.0])
    for gid in reversed(cells):
        network.connect(train, (gid, 0), weight=0.05, delay=0.0)
    found = run(network, 5.0)
    assert found.spike_gid.tolist() == cells
    assert len(set(found.spike_time)) == 1


def test_samples_are_the_same_whole_or_in_pieces():
    recordings = [record("v", [0, 2]), record("hh.m", [1], dt=0.1)]
    whole = run(make_ring(), recordings=recordings)
    pieces = []
    handed = Simulation(make_ring(), Settings(dt=DT), recordings).run(
        20.0, on_samples=pieces.append
    )
    assert handed.samples == ()
    joined = [np.concatenate(part) for part in zip(*pieces, strict=True)]
    assert [part.shape for part in joined] == [(800, 2), (200, 1)]
    for one, other in zip(whole.samples, joined, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_simulation_runs_again():
    simulation = Simulation(make_ring(), Settings(dt=DT), [record("v", [0, 1, 2])])
    first, second = simulation.run(15.0), simulation.run(15.0)
    np.testing.assert_array_equal(first.spike_time, second.spike_time)
    np.testing.assert_array_equal(first.samples[0], second.samples[0])
    shorter = simulation.run(7.0)
    np.testing.assert_array_equal(shorter.samples[0], first.samples[0][:280])


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_backends_agree(backend):
    found = run(make_ring(), 12.0, [record("v", [0, 1, 2])], backend=backend)
    oracle = run(make_ring(), 12.0, [record("v", [0, 1, 2])], backend="reference")
    np.testing.assert_array_equal(found.spike_time, oracle.spike_time)
    np.testing.assert_allclose(found.samples[0], oracle.samples[0], atol=1e-9)


# --- errors ---


@pytest.mark.parametrize("tstop", [0.0, -1.0, 0.001, float("nan"), float("inf")])
def test_the_end_is_a_positive_time(tstop):
    with pytest.raises(InputError, match="tstop: .* ms is not a positive time"):
        run(make_ring(), tstop)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_voltage_that_is_no_number_names_cell_section_and_time(backend):
    network = CellNetwork()
    network.add_cell(make_cell("pas"))
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=90.0, diam=2.0, parent=soma)
    cell = Cell(morphology)
    cell.place(Location("dend"), "ExpSyn")
    gid = network.add_cell(cell, "the bad one")
    network.connect(network.add_spike_train([3.0]), (gid, 0), weight=1e308, delay=0.0)
    network.connect(network.add_spike_train([3.0]), (gid, 0), weight=1e308, delay=0.0)
    with pytest.raises(
        SimulationError, match=r"^the bad one: section (soma|dend): voltage became .* before t = \d"
    ):
        run(network, 25.0, backend=backend)


@pytest.mark.parametrize(
    ("gid", "message"),
    [(9, "there is no gid 9; allowed are 0 to 3"), (3, "spike train 3 is a spike train")],
)
def test_recordings_of_what_has_no_state(gid, message):
    with pytest.raises(InputError, match=f"recording of v: {message}"):
        run(make_ring(), recordings=[record("v", [gid])])


def test_a_source_that_does_not_exist_is_an_error():
    network = make_ring()
    network._connections[1].append((77, 0, 1.0, 1.0))
    with pytest.raises(InputError, match="cell 1: a connection comes from gid 77, which does not"):
        Simulation(network)
