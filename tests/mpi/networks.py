"""A network of every kind of source, drawn from a seed: what the jobs of several ranks run."""

from __future__ import annotations

import numpy as np

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology


def make_cell(k: int, diffusing: bool = False) -> Cell:
    """A soma with a dendrite of a length of its own; a plain and an adapting synapse.

    Something diffuses, if asked, in all but some somata.
    """
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=60.0 + 17.0 * (k % 5), diam=1.5, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, 1 + 2 * (k % 3)]))
    cell.insert("hh", "soma")
    cell.insert("pas", "dend", g=1e-4, e=-65.0)
    if diffusing:
        cell.insert("spread", "dend" if k % 4 == 3 else None)
    cell.place(Location("soma"), "ExpSyn", tau=2.0)
    cell.place(Location("dend", 0.5), "Exp2Syn", tau1=0.5, tau2=3.0)
    cell.detect(Location("soma"), threshold=-20.0)
    return cell


def make_network(
    n_cells: int = 24, seed: int = 1, fan_in: int = 6, diffusing: bool = False
) -> CellNetwork:
    """Random cells, a NetStim, a player of a train and known trains that start them."""
    rng = np.random.default_rng(seed)
    network = CellNetwork()
    for k in range(n_cells):
        network.add_cell(make_cell(k, diffusing))
    stim = network.add_artificial("NetStim", interval=7.3, start=2.0, number=1e9)
    player = network.add_artificial("VecStim", train=[3.0, 9.6, 21.4, 33.3])
    trains = [network.add_spike_train(np.sort(rng.uniform(0, 60, 8))) for _ in range(4)]
    for target in range(n_cells):
        for source in rng.choice(n_cells, fan_in, replace=False).tolist():
            delay = float(rng.uniform(1.0, 6.0))
            delay = 1.0 if target == 0 else delay  # epochs of 20 steps
            weight = float(rng.uniform(0.002, 0.008))
            network.connect(source, (target, int(rng.integers(2))), weight=weight, delay=delay)
        driver = [stim, player, *trains][target % 6]
        network.connect(driver, (target, 0), weight=0.03, delay=float(rng.uniform(1.0, 3.0)))
        network.connect(trains[target % 4], (target, 1), weight=0.01, delay=0.3)
    return network
