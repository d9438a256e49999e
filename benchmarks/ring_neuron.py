"""The ring in NEURON; with --mechanisms in CoreNEURON, from where `ring_coreneuron` built them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import ring_model as ring
from neuron import coreneuron, h
from ring_run import Run, Stopwatch, main

SHORT = 2.0  # ms: NEURON's warm-up; what tells CoreNEURON's hand-over of the model from its loop


def build(model: ring.RingModel, hh: str) -> tuple[list, list]:
    """Build everything; return the sections of each cell, and what else must stay alive."""
    pc = h.ParallelContext()
    cells, kept, synapses = [], [], []
    for gid, one in enumerate(model.cells):
        sections = build_sections(model, gid, hh)
        soma = sections[0](0.5)
        detector = h.NetCon(soma._ref_v, None, sec=sections[0])
        detector.threshold = ring.THRESHOLD
        pc.set_gid2node(gid, 0)
        pc.cell(gid, detector)
        places = zip(one.section, one.x, strict=True)
        mine = [h.ExpSyn(sections[int(section)](float(x))) for section, x in places]
        for synapse in mine:
            synapse.tau, synapse.e = ring.TAU, ring.E
        if model.is_first(gid):
            clamp = h.IClamp(soma)
            clamp.delay, clamp.dur, clamp.amp = (ring.CLAMP[k] for k in ("delay", "dur", "amp"))
            kept.append(clamp)
        synapses.append(mine)
        cells.append(sections)
        kept.append(detector)
    for one, mine in zip(model.cells, synapses, strict=True):
        for k, synapse in enumerate(mine):
            connection = pc.gid_connect(int(one.source[k]), synapse)
            connection.weight[0], connection.delay = float(one.weight[k]), float(one.delay[k])
            kept.append(connection)
    return cells, [kept, synapses]


def build_sections(model: ring.RingModel, gid: int, hh: str) -> list:
    """The sections of one cell with their density mechanisms."""
    one = model.cells[gid]
    sections = [h.Section(name=f"cell{gid}_{k}") for k in range(len(one.parent))]
    for k, section in enumerate(sections):
        section.L, section.diam = float(one.length[k]), float(one.diam[k])
        section.nseg, section.Ra, section.cm = int(one.nseg[k]), ring.RA, ring.CM
        if k:
            section.connect(sections[int(one.parent[k])](1.0))
        if k == 0 or model.dendrites == "hh":
            section.insert(hh)
            continue
        section.insert("pas")
        for segment in section:
            segment.pas.g, segment.pas.e = ring.PASSIVE["g"], ring.PASSIVE["e"]
    return sections


def solve(tstop: float) -> Stopwatch:
    """Initialise, then time `psolve`."""
    h.finitialize(ring.V_INIT)
    watch = Stopwatch()
    watch.start()
    h.ParallelContext().psolve(tstop)
    watch.stop()
    return watch


def simulate(model: ring.RingModel, tstop: float, mechanisms: Path | None) -> Run:
    """Build, run briefly, then time the loop.

    CoreNEURON copies the model at each `psolve`: the time of the brief run is taken off.
    """
    if mechanisms is not None:
        os.environ["CORENEURONLIB"] = str(mechanisms / "libcorenrnmech.so")
        h.nrn_load_dll(str(mechanisms / "libnrnmech.so"))
    h.CVode().cache_efficient(1)
    kept = build(model, "hh" if mechanisms is None else "hhexact")
    pc = h.ParallelContext()
    h.dt, h.celsius, h.usetable_hh = ring.DT, ring.CELSIUS, 0
    pc.set_maxstep(10.0)
    times, gids = h.Vector(), h.Vector()
    pc.spike_record(-1, times, gids)
    coreneuron.enable, coreneuron.verbose = mechanisms is not None, 0
    brief = solve(SHORT)
    if mechanisms is None:
        watch = solve(tstop)
    else:
        times.resize(0)
        gids.resize(0)
        watch = solve(tstop)
        watch.take_off(brief, tstop / (tstop - SHORT))
    assert kept
    steps = np.rint(np.array(times) / ring.DT).astype(np.int64)
    return Run(h.nrnversion(5), watch, np.array(gids, dtype=np.int64), steps)


if __name__ == "__main__":
    main("neuron", simulate)
