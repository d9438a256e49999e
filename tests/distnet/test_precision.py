"""Single precision through the whole simulator: spikes beside those of double, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "mpi"))
from networks import make_network

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.checkpoint import Checkpoint, Saving
from distnet.discretisation import n_segments
from distnet.errors import InputError
from distnet.exchange import LocalExchange
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

DT, END = 0.025, 40.0
ULP = 2.0**-17  # mV, of a voltage from 64 to 128 mV in float32


def simulate(network, precision, tstop=END, **options):
    n = int((network.kinds() == 0).sum())
    voltage = Recording("v", np.arange(n), np.zeros(n, int), 0.5)
    simulation = Simulation(network, Settings(dt=DT, precision=precision), [voltage])
    return simulation.run(tstop, **options)


def test_spikes_are_those_of_double_precision():
    """Within a step; voltages differ where an upstroke moves by a part of a step."""
    network = make_network(8, fan_in=2)
    double, single = (simulate(network, precision) for precision in ("double", "single"))
    assert len(double.spike_gid) > 20
    assert np.array_equal(double.spike_gid, single.spike_gid)
    assert np.abs(double.spike_time - single.spike_time).max() < 1.5 * DT
    apart = np.abs(double.samples[0] - single.samples[0])
    print(f"voltages: median {np.median(apart):.1e}, largest {apart.max():.1e} mV")
    assert 0.0 < np.median(apart) < 1e-3
    assert apart.max() < 0.1


def test_a_state_goes_on_to_the_same_bits_in_its_precision_alone(tmp_path):
    network = make_network(8, fan_in=2)
    simulate(network, "single", 15.0, saving=Saving(tmp_path, LocalExchange(), 10.0))
    checkpoint = Checkpoint.open(tmp_path)
    whole, rest = simulate(network, "single"), simulate(network, "single", restart=checkpoint)
    assert np.array_equal(whole.spike_time, rest.spike_time)
    assert np.array_equal(whole.samples[0][20:], rest.samples[0])
    with pytest.raises(InputError, match="precision was single then and is double now"):
        simulate(network, "double", restart=checkpoint)


def test_what_is_no_precision_is_refused():
    with pytest.raises(InputError, match='"half" is not one of double, single'):
        Settings(precision="half")


def fine_cable(n: int) -> CellNetwork:
    """A passive cable of n compartments, current into its end."""
    morphology = Morphology("cable")
    morphology.add("cable", length=1000.0, diam=1.0)
    cell = Cell(morphology)
    cell.set(Ra=100.0, cm=1.0)
    cell.discretise(n_segments(n))
    cell.insert("pas", g=2.5e-5, e=-65.0)
    cell.place(Location("cable", 0.0), "IClamp", delay=0.0, dur=1e9, amp=0.05)
    network = CellNetwork()
    network.add_cell(cell)
    return network


@pytest.mark.parametrize("n", [20, 400])
def test_a_fine_cable_is_as_good_as_a_coarse_one(n):
    """The step solves for the change of the voltage, so rounding the matrix costs nothing.

    A voltage rests where its change in a step rounds to nothing: half an ulp off for every step
    of its time constant, C / (g dt) = 1,600 of them.
    """
    network = fine_cable(n)
    cable = network.cell(0).cable
    nodes = np.arange(len(cable.parent))
    ends = Recording("v", 0 * nodes, nodes, 1.0)
    found = []
    for precision in ("double", "single"):
        settings = Settings(dt=DT, precision=precision)
        found.append(Simulation(network, settings, [ends]).run(100.0).samples[0])
    bound = 0.5 * ULP * 1.0 / (1e3 * 2.5e-5 * DT)
    assert np.ptp(found[0]) > 40.0
    print(f"{n} compartments: {np.abs(found[0] - found[1]).max():.1e} of {bound:.1e} mV")
    assert np.abs(found[0] - found[1]).max() < bound
