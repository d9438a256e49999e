"""The ring in distnet, through its Python API."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import ring_model as ring
from ring_run import Run, Stopwatch, main

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology
from distnet.settings import Settings
from distnet.simulation import Simulation

WARM_UP = 30.0  # ms: long enough that every kernel has run


def build(model: ring.RingModel) -> CellNetwork:
    """All cells, then all connections."""
    network = CellNetwork()
    for gid in range(len(model.cells)):
        network.add_cell(build_cell(model, gid))
    for gid, one in enumerate(model.cells):
        for k, source in enumerate(one.source):
            network.connect(
                int(source), (gid, k), weight=float(one.weight[k]), delay=float(one.delay[k])
            )
    return network


def build_cell(model: ring.RingModel, gid: int) -> Cell:
    """One cell with its synapses in order, and the clamp of a first cell."""
    one = model.cells[gid]
    morphology = Morphology(f"ring cell {gid}")
    morphology.add("soma", length=one.length[0], diam=one.diam[0])
    for k in range(1, len(one.parent)):
        shape = {"length": one.length[k], "diam": one.diam[k], "parent": int(one.parent[k])}
        morphology.add(f"dend[{k - 1}]", **shape)
    cell = Cell(morphology)
    cell.set(Ra=ring.RA, cm=ring.CM)
    cell.discretise(lambda morphology, Ra, cm: one.nseg)
    cell.insert("hh", "soma")
    if model.dendrites == "hh":
        cell.insert("hh", "dend")
    else:
        cell.insert("pas", "dend", **ring.PASSIVE)
    for section, x in zip(one.section, one.x, strict=True):
        cell.place(Location(int(section), float(x)), "ExpSyn", tau=ring.TAU, e=ring.E)
    if model.is_first(gid):
        cell.place(Location("soma", 0.5), "IClamp", **ring.CLAMP)
    cell.detect(Location("soma", 0.5), threshold=ring.THRESHOLD)
    return cell


def simulate(
    model: ring.RingModel, tstop: float, mechanisms: Path | None, precision: str = "double"
) -> Run:
    """Build, compile, warm up, then time the loop."""
    how = {"celsius": ring.CELSIUS, "v_init": ring.V_INIT, "exact": True, "precision": precision}
    settings = Settings(dt=ring.DT, **how)  # type: ignore[arg-type]
    simulation = Simulation(build(model), settings, backend="cpu")
    simulation.run(WARM_UP)
    watch = Stopwatch()
    reset = simulation.engine.reset

    def reset_then_start() -> None:
        reset()
        watch.start()

    simulation.engine.reset = reset_then_start  # type: ignore[method-assign]
    result = simulation.run(tstop)
    watch.stop()
    steps = np.rint(result.spike_time / ring.DT).astype(np.int64)
    return Run(find_version(), watch, result.spike_gid, steps)


def find_version() -> str:
    """Of the installed package; "checkout" where it runs uninstalled."""
    try:
        return version("distnet")
    except PackageNotFoundError:
        return "checkout"


if __name__ == "__main__":
    main("distnet", simulate)
