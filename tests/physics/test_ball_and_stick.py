"""A ball and stick, spike for spike with NEURON."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology

pytestmark = pytest.mark.neuron

NSEG = 11
CLAMP = {"delay": 5.0, "dur": 120.0, "amp": 0.6}
WATCHED = (("soma", 0.5), ("dend", 0.95), ("dend", 1.0))

SCRIPT = """
soma, dend = h.Section(name="soma"), h.Section(name="dend")
soma.L = soma.diam = 20
dend.L, dend.diam, dend.nseg = 200, 2, p["nseg"]
dend.connect(soma(1))
for section in (soma, dend):
    section.Ra, section.cm = 100, 1
soma.insert("hh")
dend.insert("pas")
for segment in dend:
    segment.pas.g, segment.pas.e = 1e-3, -65
synapse = h.ExpSyn(dend(0.8))
synapse.tau, synapse.e = 2, 0
clamp = h.IClamp(soma(0.5))
clamp.delay, clamp.dur, clamp.amp = p["clamp"]
connections = [h.NetCon(None, synapse) for _ in p["delays"]]
for connection in connections:
    connection.weight[0] = 0.01

def send():
    for connection, delay in zip(connections, p["delays"]):
        for time in p["times"]:
            connection.event(time + delay)

simulate([soma(0.5), dend(0.95), dend(1)], [soma(0.5)], send)
"""


def build(times: list[float], delays: list[float], clamp: dict[str, float] = CLAMP) -> CellNetwork:
    """hh in the ball, a passive stick, a synapse that hears one spike train over each delay."""
    morphology = Morphology("ball and stick")
    soma = morphology.add("soma", length=20, diam=20)
    morphology.add("dend", length=200, diam=2, parent=soma)
    cell = Cell(morphology)
    cell.set(Ra=100, cm=1)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, NSEG]))
    cell.insert("hh", "soma")
    cell.insert("pas", "dend", g=1e-3, e=-65.0)
    synapse = cell.place(Location("dend", 0.8), "ExpSyn", tau=2.0, e=0.0)
    cell.place(Location("soma", 0.5), "IClamp", **clamp)
    cell.detect(Location("soma", 0.5), threshold=-10.0)
    network = CellNetwork()
    gid = network.add_cell(cell)
    train = network.add_spike_train(times)
    for delay in delays:
        network.connect(train, (gid, synapse), weight=0.01, delay=delay)
    return network


@pytest.fixture(scope="module")
def compare(run_neuron, run_distnet, assert_same):
    """Both simulators with the same arguments."""

    def both(
        times: list[float],
        delays: list[float],
        tstop: float = 200.0,
        clamp: dict[str, float] = CLAMP,
        n_spikes: int = 10,
        backend: str = "cpu",
        **settings,
    ) -> None:
        watched = [(0, Location(section, x)) for section, x in WATCHED]
        ours = run_distnet(build(times, delays, clamp), watched, tstop, backend, **settings)
        given = {"nseg": NSEG, "clamp": list(clamp.values()), "times": times, "delays": delays}
        theirs = run_neuron(SCRIPT, tstop=tstop, **given, **settings)
        assert_same(ours, theirs, n_spikes)

    return both


TIMES = [10.0, 17.3333, 30.01, 150.0, 151.234]


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "table"])
@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
def test_ball_and_stick(compare, method, exact):
    compare(TIMES, [1.0], method=method, exact=exact)


@pytest.mark.parametrize("celsius", [6.3, 20.0])
@pytest.mark.parametrize("dt", [0.025, 0.1, 0.013])
def test_any_step_and_temperature(compare, dt, celsius):
    compare(TIMES, [1.0], tstop=2000 * dt, dt=dt, celsius=celsius, n_spikes=1)


def test_delays_that_are_not_multiples_of_the_step(compare):
    # None is due in the very middle of a step: there NEURON's sum of steps decides by its rounding.
    compare([10.0, 17.3333, 30.01, 60.0125, 150.0], [0.03, 1.0 / 3.0, 1.0126, 2.49 * 0.025, 7.77])


def test_start_above_the_threshold(compare):
    compare(TIMES, [1.0], v_init=20.0)


def test_start_below_rest(compare):
    compare(TIMES, [1.0], v_init=-80.0)


def test_every_backend(compare, backend):
    clamp = {"delay": 0.1, "dur": 3.0, "amp": 0.5}
    compare([1.0, 1.5], [0.5, 1.0 / 3.0], tstop=6.0, clamp=clamp, n_spikes=1, backend=backend)
