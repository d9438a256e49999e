"""A job on ranks: run small networks, rank 0 stores what all ranks found.

python networks.py OUT BACKEND PRECISION NAME...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.exchange import make_exchange
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

DT = 0.025


def make_cell(n_dendrite: int = 1, nseg: int = 3, active: bool = True) -> Cell:
    """A soma with dendrites, and a synapse on each section."""
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    for k in range(n_dendrite):
        morphology.add(f"dend[{k}]", length=80.0 + 30.0 * k, diam=2.0, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda m, Ra, cm: np.array([1] + [nseg] * n_dendrite))
    cell.insert("hh" if active else "pas", "soma")
    for k in range(n_dendrite):
        cell.insert("pas", f"dend[{k}]", g=1e-4, e=-65.0)
    cell.place(Location("soma"), "ExpSyn", tau=2.0)
    for k in range(n_dendrite):
        cell.place(Location(f"dend[{k}]"), "Exp2Syn", tau1=0.3, tau2=3.0)
    cell.detect(Location("soma"), threshold=-20.0)
    return cell


def ring(n: int = 11) -> CellNetwork:
    """Cells of different trees in a ring, with shortcuts; delays are no multiples of dt."""
    rng = np.random.default_rng(5)
    network = CellNetwork()
    angle = 2 * np.pi * np.arange(n) / n
    place = 100.0 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    gids = [
        network.add_cell(make_cell(k % 4, 1 + 2 * (k % 3)), position=place[k].tolist())
        for k in range(n)
    ]
    train = network.add_spike_train([1.0, 3.0125, 22.0])
    network.connect(train, (gids[0], 0), weight=0.05, delay=0.0)
    for k, gid in enumerate(gids):
        network.connect(gid, (gids[(k + 1) % n], 0), weight=0.05, delay=1.0125)
        for other in rng.choice(gids, 3).tolist():
            process = int(rng.integers(0, 1 + other % 4))
            network.connect(gid, (other, process), 0.004, float(rng.uniform(0.7, 6.0)))
    return network


def burst(n: int = 90) -> CellNetwork:
    """All cells spike in one step, far more than an exchange expects; then all hear of it."""
    network = CellNetwork()
    gids = [network.add_cell(make_cell(0)) for _ in range(n)]
    train = network.add_spike_train([1.0])
    for k, gid in enumerate(gids):
        network.connect(train, (gid, 0), weight=0.05, delay=0.0)
        for j in (1, 2, n // 2, n - 1):
            network.connect(gids[(k + j) % n], (gid, 0), weight=0.001 * (1 + k % 7), delay=1.3)
    return network


def artificial(n: int = 7) -> CellNetwork:
    """Generators, players and trains onto cells and onto each other, on all ranks."""
    network = CellNetwork()
    gids = [network.add_cell(make_cell(k % 2, active=k % 3 > 0)) for k in range(n)]
    stims = [
        network.add_artificial("NetStim", start=0.3 * k, interval=1.7 + 0.01 * k, number=4)
        for k in range(n)
    ]
    slaves = [
        network.add_artificial("NetStim", start=-1.0, interval=0.713, number=2) for _ in range(n)
    ]
    players = [network.add_artificial("VecStim", train=[0.5, 0.5 + k, 9.9875]) for k in range(n)]
    trains = [network.add_spike_train([0.0, 2.0125, 3.0 + k]) for k in range(n)]
    for k in range(n):
        network.connect(stims[k], slaves[(k + 2) % n], weight=1.0, delay=0.61)
        network.connect(players[k], slaves[(k + 3) % n], weight=-1.0, delay=3.3)
        for source in (stims[(k + 1) % n], slaves[(k + 5) % n], players[(k + 3) % n]):
            network.connect(source, (gids[k], 0), weight=0.004, delay=0.987)
        network.connect(trains[(k + 4) % n], (gids[k], 0), weight=0.01, delay=0.001 * k)
    return network


def few() -> CellNetwork:
    """Two cells: most ranks own nothing."""
    return ring(2)


def silent() -> CellNetwork:
    """Cells that are not connected."""
    network = CellNetwork()
    for _ in range(3):
        network.add_cell(make_cell(1))
    return network


NETWORKS = {f.__name__: f for f in (ring, burst, artificial, few, silent)}


def run(network: CellNetwork, tstop: float, backend: str, precision: str) -> dict[str, np.ndarray]:
    """Spikes and soma voltages of all ranks, on rank 0; empty elsewhere."""
    cells = np.flatnonzero(network.kinds() == 0)
    recording = Recording("v", cells, np.zeros(len(cells), int), DT)
    exchange = make_exchange(MPI.COMM_WORLD)
    settings = Settings(dt=DT, precision=precision)
    simulation = Simulation(network, settings, [recording], backend, exchange)
    found = simulation.run(tstop)
    again = simulation.run(tstop)
    assert np.array_equal(found.spike_time, again.spike_time)
    assert np.array_equal(found.samples[0], again.samples[0])
    own = (found.spike_gid, found.spike_time, simulation.lowered.recorded[0], found.samples[0])
    parts = exchange.gather(own)
    if parts is None:
        return {}
    gid, time, column = (np.concatenate([part[k] for part in parts]) for k in range(3))
    voltage = np.zeros((len(found.samples[0]), len(cells)))
    voltage[:, column] = np.concatenate([part[3] for part in parts], axis=1)
    order = np.lexsort((gid, time))
    owned = np.array([len(part[2]) for part in parts])
    return {"gid": gid[order], "time": time[order], "voltage": voltage, "owned": owned}


def main(out: str, backend: str, precision: str, *names: str) -> None:
    for name in names:
        found = run(NETWORKS[name](), 30.0, backend, precision)
        if found:
            np.savez(Path(out) / f"{name}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
