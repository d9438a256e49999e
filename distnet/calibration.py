"""Fit the table of costs to this machine: time small networks, solve for the price of each piece.

Every network is a few identical cells with one more thing on them than another has: a mechanism,
synapses, events. The time of a step is linear in what the cells hold, so non-negative least squares
of the relative errors gives the prices.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.costs import CostModel, CostTable
from distnet.discretisation import n_segments
from distnet.morphology import Morphology
from distnet.settings import Settings
from distnet.simulation import Simulation
from kernels.block import Events

N_CELLS = 16
STEPS = 40  # an epoch of 1 ms
EPOCHS = 40  # of which the shortest counts
SYNAPSES = 100  # a cell


@dataclass(frozen=True)
class Sample:
    """A network to time: what its cells carry."""

    name: str
    n_compartments: int
    density: str = ""
    synapse: str = ""
    every: int = 0  # steps between the events of a connection; 0: none


SAMPLES = (
    Sample("bare", 50),
    Sample("bare, long", 200),
    Sample("pas", 100, "pas"),
    Sample("hh", 50, "hh"),
    Sample("hh, long", 200, "hh"),
    Sample("ExpSyn", 50, "pas", "ExpSyn"),
    Sample("Exp2Syn", 50, "pas", "Exp2Syn"),
    Sample("AlphaSynapse", 50, "pas", "AlphaSynapse"),
    Sample("ExpSyn with events", 50, "pas", "ExpSyn", 4),
)


@dataclass(frozen=True)
class Timing:
    """A sample and what one step of it took."""

    sample: Sample
    measured: float  # [ns] a step
    fitted: float  # [ns] a step, by the fitted table


def calibrate(
    backend: str = "cpu", on_sample: Callable[[str], None] | None = None
) -> tuple[CostTable, list[Timing]]:
    """Time the samples and fit a table.

    Args:
        backend: engine to time; a name of `kernels.BACKENDS`.
        on_sample: told the name of each sample before it is timed.
    """
    settings = Settings(exact=True)
    rows, measured = [], []
    for sample in SAMPLES:
        if on_sample is not None:
            on_sample(sample.name)
        network = _build(sample)
        rows.append(_contents(sample, network, settings))
        measured.append(_time(sample, network, settings, backend))
    contents, seconds = np.array(rows), np.array(measured)
    prices = fit_prices(contents / seconds[:, None], np.ones(len(seconds)))
    fitted = contents @ prices
    timings = [
        Timing(s, float(m), float(f)) for s, m, f in zip(SAMPLES, seconds, fitted, strict=True)
    ]
    return CostTable(*(float(price) for price in prices)), timings


def _build(sample: Sample) -> CellNetwork:
    """Identical cells: a soma with two dendrites of `n_compartments` in all."""
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend[0]", length=300.0, diam=1.0, parent=soma)
    morphology.add("dend[1]", length=300.0, diam=1.0, parent=soma)
    cell = Cell(morphology)
    cell.discretise(n_segments(sample.n_compartments // 2))
    if sample.density:
        cell.insert(sample.density)
    network = CellNetwork()
    drive = network.add_spike_train(())
    x = (np.arange(SYNAPSES) + 0.5) / SYNAPSES
    for _ in range(N_CELLS):
        one = cell.copy()
        for k in range(SYNAPSES if sample.synapse else 0):
            one.place(Location(f"dend[{k % 2}]", float(x[k])), sample.synapse)
        gid = network.add_cell(one)
        for k in range(SYNAPSES if sample.every else 0):
            network.connect(drive, (gid, k), weight=1e-6, delay=1.0)
    return network


def _contents(sample: Sample, network: CellNetwork, settings: Settings) -> list[float]:
    """How often each field of `CostTable` counts in a step of a sample."""
    unit = [CostTable(*row) for row in np.eye(5).tolist()]
    models = [CostModel(one, settings) for one in unit]
    cells = [network.cell(gid) for gid in range(1, network.n_cells)]
    counts = [float(sum(model.cell(c) for c in cells if isinstance(c, Cell))) for model in models]
    counts[4] = N_CELLS * SYNAPSES / sample.every if sample.every else 0.0
    return counts


def _time(sample: Sample, network: CellNetwork, settings: Settings, backend: str) -> float:
    """Shortest of several epochs, a step [ns]."""
    engine = Simulation(network, settings, backend=backend).engine
    engine.reset()
    best = np.inf
    for epoch in range(EPOCHS):
        first = epoch * STEPS
        events = _events(sample, first, settings.dt)
        begin = time.thread_time_ns()
        engine.advance(first, first + STEPS, events)
        if epoch:
            best = min(best, (time.thread_time_ns() - begin) / STEPS)
    return float(best)


def _events(sample: Sample, first: int, dt: float) -> Events:
    """An event on every connection, every so many steps of an epoch."""
    steps = np.arange(first, first + STEPS, sample.every) if sample.every else np.zeros(0, int)
    n_connection = N_CELLS * SYNAPSES
    step = np.repeat(steps, n_connection).astype(np.int64)
    connection = np.tile(np.arange(n_connection), len(steps)).astype(np.int32)
    return Events(step, step * dt, connection)


def fit_prices(contents: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Least squares with prices that are not negative.

    C. L. Lawson, R. J. Hanson, Solving least squares problems, 1974, ch. 23; with so few unknowns
    every choice of the ones that are not zero is tried.

    Args:
        contents: (n, k) f8.
        measured: (n,) f8.

    Returns:
        (k,) f8.
    """
    k = contents.shape[1]
    best, least = np.zeros(k), float(measured @ measured)
    for chosen in range(1, 1 << k):
        columns = [j for j in range(k) if chosen >> j & 1]
        found = np.linalg.lstsq(contents[:, columns], measured, rcond=None)[0]
        if (found < 0).any():
            continue
        error = float(((contents[:, columns] @ found - measured) ** 2).sum())
        if error < least * (1 - 1e-12):
            best, least = np.zeros(k), error
            best[columns] = found
    return best
