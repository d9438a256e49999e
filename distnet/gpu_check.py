"""A network with cells of many sizes on the CPU and on a GPU: the same bits?

What a card computes cannot be known before it has computed it. This asks it, in some seconds: cells
from one compartment to thousands, so that kernels of all kinds run; channels, synapses, artificial
cells, in both precisions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.discretisation import max_length
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Result, Simulation

#: Compartments of the largest cells: one that is a single cable, one with branches.
CABLE, BRANCHES = 900, 8_000
LENGTH = 10.0  # um, of a compartment


@dataclass(frozen=True)
class Comparison:
    """What two backends made of the network."""

    precision: str
    n_compartment: int
    n_spike: int
    same: bool  # in every bit
    seconds: tuple[float, float]  # of the CPU and of the other, compilation apart


def compare_backends(
    backend: str = "cuda", n_cells: int = 200, large: bool = True, tstop: float = 20.0
) -> list[Comparison]:
    """Run the network on the CPU and on a backend, in each precision.

    Args:
        backend: a name of `kernels.BACKENDS`.
        n_cells: small cells.
        large: whether there are cells of thousands of compartments, too.
        tstop: [ms]

    Raises:
        KernelsError: the backend cannot be used.
    """
    found = []
    for precision in ("double", "single"):
        (cpu, n, one), (other, _, two) = (
            _run(sample_network(n_cells, large), precision, name, tstop)
            for name in ("cpu", backend)
        )
        n_spike = len(cpu.spike_gid)
        found.append(Comparison(precision, n, n_spike, _same(cpu, other), (one, two)))
    return found


def sample_network(n_cells: int, large: bool) -> CellNetwork:
    """A ring of cells, no two alike, that artificial cells start."""
    network = CellNetwork()
    sizes = [1 + 7 * k % 300 for k in range(n_cells)] + ([CABLE, BRANCHES] if large else [])
    gids = [network.add_cell(make_cell(k, size)) for k, size in enumerate(sizes)]
    train = network.add_spike_train([1.0, 6.0, 6.5])
    for k, gid in enumerate(gids):
        following = gids[(k + 1) % len(gids)]
        network.connect(gid, (following, k % 2), weight=0.004, delay=1.0 + 0.1 * (k % 9))
        if k % 5 == 0:
            stim = network.add_artificial("NetStim", start=0.5, interval=3.1 + 0.01 * k, number=5)
            network.connect(stim, (gid, 0), weight=0.05, delay=1.0)
        else:
            network.connect(train, (gid, 1), weight=0.001 * (1 + k % 40), delay=1.0 + 0.05 * k)
    return network


def make_cell(k: int, n_compartment: int) -> Cell:
    """A soma and about so many compartments: every third cell one cable, others with branches."""
    morphology = Morphology()
    soma = morphology.add("soma", length=LENGTH, diam=15.0)
    n_branch = 1 if k % 3 == 0 or n_compartment == CABLE else min(8, n_compartment)
    length = LENGTH * max(1, n_compartment // n_branch)
    for branch in range(n_branch):
        near, far = f"dend[{2 * branch}]", f"dend[{2 * branch + 1}]"
        parent = morphology.add(near, length=length / 2, diam=2.0, parent=soma)
        morphology.add(far, length=length / 2, diam=1.0 + 0.1 * branch, parent=parent)
    cell = Cell(morphology)
    cell.discretise(max_length(LENGTH))
    cell.insert("hh", region="soma")
    if k % 4 == 0:
        cell.insert("hh", region="dend", gnabar=0.05)
    else:
        cell.insert("pas", region="dend", g=1e-4 + 1e-6 * (k % 11), e=-65.0)
    cell.place(Location("soma", 0.5), "ExpSyn", tau=2.0, e=0.0)
    cell.place(Location("dend", 0.5), "Exp2Syn", tau1=0.5, tau2=3.0, e=0.0)
    cell.detect(Location("soma", 0.5), threshold=-10.0)
    return cell


def _run(
    network: CellNetwork, precision: str, backend: str, tstop: float
) -> tuple[Result, int, float]:
    """What a backend makes of the network, its compartments, and the seconds of a second run."""
    gids = np.flatnonzero(network.kinds() == 0)
    recording = Recording("v", gids, np.zeros(len(gids), int), 0.5)
    settings = Settings(precision=precision)
    simulation = Simulation(network, settings, [recording], backend)
    simulation.run(tstop)
    begin = time.perf_counter()
    result = simulation.run(tstop)
    seconds = time.perf_counter() - begin
    return result, int((simulation.lowered.block.area > 0.0).sum()), seconds


def _same(one: Result, other: Result) -> bool:
    """Whether two results have the same bits."""

    def arrays(result: Result) -> Sequence[np.ndarray]:
        return (result.spike_gid, result.spike_time, *result.samples)

    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))
