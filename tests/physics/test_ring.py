"""Networks, spike for spike with NEURON: the ring of the benchmarks, delays of any kind."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology

pytestmark = pytest.mark.neuron

RING_SCRIPT = """
import ring_model
import ring_neuron
model = ring_model.make_ring(p["size"], p["dendrites"], p["cells"])
cells, kept = ring_neuron.build(model, "hh")
somas = [cell[0](0.5) for cell in cells]
simulate(somas + [cells[g][k](x) for g, k, x in p["watched"]], somas)
"""

PAIR_SCRIPT = """
first, second = h.Section(name="first"), h.Section(name="second")
for section in (first, second):
    section.L = section.diam = 20
    section.Ra, section.cm = 100, 1
    section.insert("hh")
clamp = h.IClamp(first(0.5))
clamp.delay, clamp.dur, clamp.amp = 1, 198, 0.3
synapses, connections = [], []
for delay in p["delays"]:
    for tau in (0.5, 3.0):
        synapse = h.ExpSyn(second(0.5))
        synapse.tau = tau
        connection = h.NetCon(first(0.5)._ref_v, synapse, sec=first)
        connection.threshold = p["threshold"]
        connection.weight[0], connection.delay = 0.002 / len(p["delays"]), delay
        synapses.append(synapse)
        connections.append(connection)
simulate([first(0.5), second(0.5)], [first(0.5), second(0.5)])
"""


@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("dendrites", ["hh", "pas"])
def test_ring(run_neuron, run_distnet, assert_same, ring, dendrites, size):
    n_cells, ends = 16, [(0, 3, 0.9), (5, 7, 0.1), (11, 12, 0.5)]
    model = ring.model.make_ring(size, dendrites, n_cells)
    network = ring.distnet.build(model)
    watched = [(gid, Location("soma", 0.5)) for gid in range(n_cells)]
    watched += [(gid, Location(section, x)) for gid, section, x in ends]
    ours = run_distnet(network, watched, 200.0)
    given = {"size": size, "dendrites": dendrites, "cells": n_cells, "watched": ends}
    theirs = run_neuron(RING_SCRIPT, tstop=200.0, **given)
    assert_same(ours, theirs, n_spikes=60)


@pytest.mark.parametrize(
    "delays",
    [[0.025], [0.0375], [0.06, 0.0625, 0.09], [1.0 / 3.0, 1.0125, 7.77], [5.0, 12.3456]],
    ids=str,
)
def test_delays_between_cells(run_neuron, run_distnet, assert_same, delays):
    morphology = Morphology("ball")
    morphology.add("soma", length=20, diam=20)
    network = CellNetwork()
    for _ in range(2):
        cell = Cell(morphology)
        cell.set(Ra=100, cm=1)
        cell.insert("hh")
        cell.detect(Location("soma", 0.5), threshold=-10.0)
        network.add_cell(cell)
    network.cell(0).place(Location("soma", 0.5), "IClamp", delay=1.0, dur=198.0, amp=0.3)
    for delay in delays:
        for tau in (0.5, 3.0):
            synapse = network.cell(1).place(Location("soma", 0.5), "ExpSyn", tau=tau)
            network.connect(0, (1, synapse), weight=0.002 / len(delays), delay=delay)
    watched = [(gid, Location("soma", 0.5)) for gid in (0, 1)]
    ours = run_distnet(network, watched, 200.0)
    theirs = run_neuron(PAIR_SCRIPT, tstop=200.0, delays=delays)
    assert_same(ours, theirs, n_spikes=20)
    assert len(np.unique(ours.gid)) == 2
