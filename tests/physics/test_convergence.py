"""Order of the methods: backward Euler one, Crank-Nicolson two, as NEURON staggers them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology

ORDER = {"backward-euler": 1.0, "crank-nicolson": 2.0}


def membrane(mechanism: str) -> CellNetwork:
    """A ball and stick of few compartments whose potassium or leak is uneven: a smooth current."""
    morphology = Morphology("ball and stick")
    soma = morphology.add("soma", length=20, diam=20)
    morphology.add("dend", length=300, diam=2, parent=soma)
    cell = Cell(morphology)
    cell.set(Ra=100, cm=1)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, 5]))
    if mechanism == "hh":
        cell.insert("hh", gkbar=lambda distance: 0.036 * (1 + distance / 300))
    else:
        cell.insert("pas", g=lambda distance: 1e-4 * (1 + distance / 100), e=-70.0)
    network = CellNetwork()
    network.add_cell(cell)
    return network


def measure_order(run_distnet, mechanism: str, method: str, dt: float, tstop: float) -> float:
    """From three runs, each with half the step of the one before."""
    network, v = membrane(mechanism), []
    watched = [(0, Location("soma", 0.5)), (0, Location("dend", 0.9))]
    for k in range(3):
        settings = {"dt": dt / 2**k, "v_init": -50.0, "method": method}
        trace = run_distnet(network, watched, tstop, **settings)
        v.append(trace.v[:: 2**k])
    coarse, fine = (np.abs(b - a).max() for a, b in pairwise(v))
    return float(np.log2(coarse / fine))


@pytest.mark.parametrize("method", ORDER)
@pytest.mark.parametrize(("mechanism", "dt", "tstop"), [("pas", 0.02, 10.0), ("hh", 0.005, 4.0)])
def test_order(run_distnet, method, mechanism, dt, tstop):
    order = measure_order(run_distnet, mechanism, method, dt, tstop)
    assert order == pytest.approx(ORDER[method], abs=0.1)
