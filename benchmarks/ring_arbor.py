"""The ring in Arbor: the same compartments, its own hh, expsyn and threshold detector.

Arbor interpolates threshold crossings, so its spikes are close to NEURON's, not equal.
"""

from __future__ import annotations

from pathlib import Path

import arbor as A
import numpy as np
import ring_model as ring
from arbor import units as U
from ring_run import Run, Stopwatch, main


class Recipe(A.recipe):
    """The ring, asked cell by cell."""

    def __init__(self, model: ring.RingModel):
        A.recipe.__init__(self)
        self.model = model
        self.properties = A.neuron_cable_properties()

    def num_cells(self) -> int:
        return len(self.model.cells)

    def cell_kind(self, gid: int) -> A.cell_kind:
        return A.cell_kind.cable

    def global_properties(self, kind: A.cell_kind) -> A.cable_global_properties:
        return self.properties

    def cell_description(self, gid: int) -> A.cable_cell:
        return describe_cell(self.model, gid)

    def connections_on(self, gid: int) -> list[A.connection]:
        one = self.model.cells[gid]
        return [
            A.connection(
                (int(one.source[k]), "detector"),
                f"synapse{k}",
                float(one.weight[k]),
                float(one.delay[k]) * U.ms,
            )
            for k in range(len(one.source))
        ]


def describe_cell(model: ring.RingModel, gid: int) -> A.cable_cell:
    """One cell: a branch a section."""
    one = model.cells[gid]
    tree = A.segment_tree()
    segment_of: list[int] = []
    end = np.zeros(len(one.parent))
    for k, parent in enumerate(one.parent):
        start = end[parent] if k else 0.0
        end[k] = start + one.length[k]
        y = float(k)
        radius = float(one.diam[k]) / 2
        before = segment_of[parent] if k else A.mnpos
        near, far = A.mpoint(start, y, 0, radius), A.mpoint(end[k], y, 0, radius)
        segment_of.append(tree.append(before, near, far, tag=1 if k == 0 else 3))
    morphology = A.morphology(tree)
    branch = {}
    for b in range(morphology.num_branches):
        (segment,) = morphology.branch_segments(b)
        branch[round(segment.prox.y)] = b
    decor = A.decor()
    decor.set_property(
        Vm=ring.V_INIT * U.mV,
        cm=ring.CM * U.uF / U.cm2,
        rL=ring.RA * U.Ohm * U.cm,
        tempK=(ring.CELSIUS + 273.15) * U.Kelvin,
    )
    decor.paint("(tag 1)", A.density("hh"))
    if model.dendrites == "hh":
        decor.paint("(tag 3)", A.density("hh"))
    else:
        decor.paint("(tag 3)", A.density(f"pas/e={ring.PASSIVE['e']}", {"g": ring.PASSIVE["g"]}))
    for k, (section, x) in enumerate(zip(one.section, one.x, strict=True)):
        where = f"(location {branch[int(section)]} {x})"
        decor.place(where, A.synapse("expsyn", {"tau": ring.TAU, "e": ring.E}), f"synapse{k}")
    soma = f"(location {branch[0]} 0.5)"
    if model.is_first(gid):
        delay, dur, amp = (ring.CLAMP[key] for key in ("delay", "dur", "amp"))
        decor.place(soma, A.i_clamp(delay * U.ms, dur * U.ms, amp * U.nA))
    decor.place(soma, A.threshold_detector(ring.THRESHOLD * U.mV), "detector")
    nseg = int(one.nseg[-1])
    soma_policy = A.cv_policy_fixed_per_branch(1, "(tag 1)")
    policy = soma_policy | A.cv_policy_fixed_per_branch(nseg, "(tag 3)")
    return A.cable_cell(morphology, decor, None, policy)


def simulate(model: ring.RingModel, tstop: float, mechanisms: Path | None) -> Run:
    """Build, then time the loop, one thread."""
    recipe = Recipe(model)
    context = A.context(threads=1)
    simulation = A.simulation(recipe, context)
    simulation.record(A.spike_recording.all)
    simulation.run(5.0 * U.ms, ring.DT * U.ms)
    simulation.reset()
    watch = Stopwatch()
    watch.start()
    simulation.run(tstop * U.ms, ring.DT * U.ms)
    watch.stop()
    spikes = simulation.spikes()
    steps = np.ceil(spikes["time"] / ring.DT - 1e-6).astype(np.int64)
    return Run(A.__version__, watch, spikes["source"]["gid"].astype(np.int64), steps)


if __name__ == "__main__":
    main("arbor", simulate)
