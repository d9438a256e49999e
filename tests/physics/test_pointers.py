"""POINTERs of density mechanisms and point processes, value for value with NEURON's setpointer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

pytestmark = pytest.mark.neuron

MODS = {
    # a current dipole: the axial current to a neighbour, summed over the cell
    "axial": """
NEURON { SUFFIX axial RANGE r, q POINTER next, sum }
PARAMETER { r = 10 }
ASSIGNED { v next q sum }
AFTER SOLVE {
    q = (next - v)/r
    sum = sum + q
}
""",
    "gather": """
NEURON { POINT_PROCESS Gather RANGE total }
ASSIGNED { total }
BEFORE INITIAL { total = 0 }
BEFORE BREAKPOINT { total = 0 }
""",
    # a potassium current that another mechanism's gate opens
    "gated": """
NEURON { SUFFIX gated USEION k READ ek WRITE ik RANGE g POINTER gate, na }
PARAMETER { g = 1e-3 }
ASSIGNED { v ek ik gate na last }
BREAKPOINT { SOLVE read ik = g*gate*gate*(1 + last)*(v - ek) }
PROCEDURE read() { last = na }
""",
    # a point process that reads a state at its place and drives another's parameter
    "Reader": """
NEURON { POINT_PROCESS Reader RANGE seen, n POINTER gate, drive }
ASSIGNED { gate drive seen n }
BREAKPOINT { SOLVE read }
PROCEDURE read() {
    seen = gate
    drive = 0.4*(1 + gate)
}
NET_RECEIVE (w) { n = n + w*gate drive = drive + w }
""",
}
DT, STEPS, NSEG = 0.025, 400, 5
SCRIPT = f"""
import json, sys
import numpy as np
from neuron import h
p = json.loads(open(sys.argv[1]).read())
assert h.nrn_load_dll(p["library"])
soma, dend = h.Section(name="soma"), h.Section(name="dend")
soma.L = soma.diam = 20
dend.L, dend.diam, dend.nseg = 200, 2, {NSEG}
dend.connect(soma(1), 0)
for section in (soma, dend):
    section.insert("hh")
    section.insert("axial")
gather = h.Gather(soma(0.5))
dend.insert("gated")
clamp = h.IClamp(soma(0.5))
clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.1
reader = h.Reader(dend(0.5))
segments = [soma(0.5), *dend]
for i, segment in enumerate(segments):
    h.setpointer(segments[max(i - 1, 0)]._ref_v, "next", segment.axial)
    h.setpointer(gather._ref_total, "sum", segment.axial)
for segment in dend:
    h.setpointer(segment.hh._ref_n, "gate", segment.gated)
    h.setpointer(segment._ref_ina, "na", segment.gated)
h.setpointer(dend(0.5).hh._ref_m, "gate", reader)
h.setpointer(clamp._ref_amp, "drive", reader)
connection = h.NetCon(None, reader)
connection.weight[0], connection.delay = 0.02, 0
h.dt, h.celsius, h.usetable_hh = {DT}, 6.3, 0
handler = h.FInitializeHandler(lambda: [connection.event(t) for t in (2.03, 5.51)])
h.finitialize(-65)
rows = []
for step in range({STEPS} + 1):
    own = [gather.total, reader.seen, reader.n, clamp.amp]
    rows.append(own + [x for s in segments for x in (s.v, s.axial.q, s.ik)])
    h.fadvance()
np.save(sys.argv[2], np.array(rows))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cxx) -> Path:
    """The mechanisms, compiled by NEURON."""
    made = tmp_path_factory.mktemp("pointers")
    for name, text in MODS.items():
        (made / f"{name}.mod").write_text(text)
    command = Path(sys.executable).parent / "nrnivmodl"
    done = subprocess.run([command, "."], cwd=made, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def build() -> tuple[CellNetwork, list[Recording]]:
    """The cell of the script, and what it keeps."""
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=200.0, diam=2.0, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, NSEG]))
    cell.insert("hh")
    cell.insert("axial")
    cell.insert("gated", "dend")
    places = [Location("soma"), *(Location("dend", (i + 0.5) / NSEG) for i in range(NSEG))]
    gather = cell.place(places[0], "Gather")
    clamp = cell.place(places[0], "IClamp", delay=1.0, dur=1e9, amp=0.1)
    reader = cell.place(places[3], "Reader")
    for i, place in enumerate(places):
        cell.point("axial", "next", "v", places[max(i - 1, 0)], region=place)
    cell.point("axial", "sum", "Gather.total", gather)
    cell.point("gated", "gate", "hh.n")
    cell.point("gated", "na", "na.i")
    cell.point(reader, "gate", "hh.m")
    cell.point(reader, "drive", "IClamp.amp", clamp)
    network = CellNetwork()
    gid = network.add_cell(cell)
    train = network.add_spike_train([2.03, 5.51])
    network.connect(train, (gid, reader), weight=0.02, delay=0.0)
    node = np.array([cell.segment(place) for place in places])
    kept = [("Gather.total", gather), ("Reader.seen", reader), ("Reader.n", reader)]
    asked = [(name, np.array([at])) for name, at in [*kept, ("IClamp.amp", clamp)]]
    asked += [("v", node), ("axial.q", node), ("k.i", node)]
    return network, [Recording(n, np.full(len(at), gid), at, DT) for n, at in asked]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_values_are_those_of_neuron(folder, tmp_path, run_python, backend):
    network, recordings = build()
    settings = Settings(dt=DT, celsius=6.3, v_init=-65.0, mechanism_folders=(folder,), exact=True)
    simulation = Simulation(network, settings, recordings, backend)
    rows: list[list[np.ndarray]] = []
    simulation.run(STEPS * DT, on_samples=lambda new: rows.append([x.copy() for x in new]))
    rows.append([x[None] for x in simulation.engine.sample()])
    ours = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    (library,) = folder.glob("*/libnrnmech.so")
    (tmp_path / "task.json").write_text(json.dumps({"library": str(library)}))
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run_python(
        [tmp_path / "script.py", tmp_path / "task.json", tmp_path / "rows.npy"],
        env={"NEURON_MODULE_OPTIONS": "-nogui"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.output
    theirs = np.load(tmp_path / "rows.npy")
    assert np.ptp(theirs[:, 4]) > 80.0  # the soma fires
    for k in range(4):
        np.testing.assert_allclose(ours[k][:, 0], theirs[:, k], rtol=1e-9, atol=1e-12)
    for k in range(3):
        np.testing.assert_allclose(ours[4 + k], theirs[:, 4 + k :: 3], rtol=1e-9, atol=1e-12)
