"""LONGITUDINAL_DIFFUSION along the branches of a real cell, state for state with NEURON."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distnet.cell import Cell
from distnet.cell_network import CellNetwork
from distnet.discretisation import nseg_rule
from distnet.morphology import load_swc
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

pytestmark = pytest.mark.neuron

#: Calcium in four shells, with a mobile buffer, a pump and an influx; both diffuse along the cable.
SHELLS = """
NEURON {
    SUFFIX shells
    USEION ca READ ica, cai WRITE cai
    RANGE reach, total
}
UNITS { (um) = (micron) (mM) = (milli/liter) (mA) = (milliamp) F = (faraday) (coulomb) }
DEFINE N 4
PARAMETER { reach = 0.6 (um2/ms) slow = 0.2 total = 0.05 on = 80 off = 0.3 pump = 0.02 diam (um) }
ASSIGNED { cai (mM) ica (mA/cm2) part[N] edge[N] }
STATE { ca[N] (mM) bound[N] (mM) }
INITIAL { LOCAL r, half
    r = 0.5 half = 0.5/(2*N - 1)
    FROM i = 0 TO N-1 {
        part[i] = 3.14159265358979*(r*r - (r - half)*(r - half))
        edge[i] = 2*3.14159265358979*r/(2*half)
        r = r - half
        if (i < N-1) { part[i] = part[i] + 3.14159265358979*(r*r - (r - half)*(r - half)) }
        r = r - half
        ca[i] = cai
        bound[i] = total*cai/(cai + off/on)
    }
}
BREAKPOINT { SOLVE scheme METHOD sparse }
KINETIC scheme {
    COMPARTMENT i, diam*diam*part[i] {ca bound}
    LONGITUDINAL_DIFFUSION i, reach*diam*diam*part[i] {ca}
    LONGITUDINAL_DIFFUSION i, slow*reach*diam*diam*part[i] {bound}
    ~ ca[0] << (-ica*3.14159265358979*diam*1e4/(2*F) - pump*diam*(ca[0] - 1e-4))
    FROM i = 0 TO N-2 { ~ ca[i] <-> ca[i+1] (reach*edge[i+1], reach*edge[i+1]) }
    FROM i = 0 TO N-1 { ~ ca[i] <-> bound[i] (on*(total - bound[i])*diam*diam*part[i],
                                              off*diam*diam*part[i]) }
    cai = ca[0]
}
"""
#: The concentration of an ion diffuses itself; its volume grows all the time.
MESSENGER = """
NEURON { SUFFIX messenger USEION mes READ mesi WRITE mesi VALENCE 1 RANGE made, size }
PARAMETER { D = 0.3 made = 0 diam }
ASSIGNED { size }
STATE { mesi }
INITIAL { size = 1 }
BREAKPOINT { size = 1 + 0.01*t SOLVE scheme METHOD sparse }
KINETIC scheme {
    COMPARTMENT diam*diam*size {mesi}
    LONGITUDINAL_DIFFUSION D*diam*diam {mesi}
    ~ mesi << (made - 0.02*mesi*diam)
}
"""
INFLUX = """
NEURON { SUFFIX influx USEION ca WRITE ica RANGE g }
PARAMETER { g = 1e-5 }
ASSIGNED { v ica }
BREAKPOINT { ica = g*(v - 120)*(1 + 0.5*sin(t)) }
"""
SCRIPT = """
import json, sys
import numpy as np
from neuron import h

p = json.loads(open(sys.argv[1]).read())
assert h.nrn_load_dll(p["library"])
h.load_file("stdlib.hoc")
h.load_file("import3d.hoc")
reader = h.Import3d_SWC_read()
reader.quiet = 1
reader.input(p["path"])
h.Import3d_GUI(reader, 0).instantiate(None)
sections = {section.name(): section for section in h.allsec()}
for name, section in sections.items():
    section.Ra, section.cm = 120, 1.2
    section.nseg = 1 + 2 * int(section.L / 40)
    section.insert("pas")
for name in p["shells"]:
    sections[name].insert("shells")
for name in p["messenger"]:
    sections[name].insert("messenger")
for name in p["influx"]:
    sections[name].insert("influx")
    for segment in sections[name]:
        segment.messenger.made = 0.5
h.celsius, h.dt = 34, p["dt"]
h.mesi0_mes_ion = 0.1
h.finitialize(-65)
rows = []
for step in range(p["steps"] + 1):
    if step % p["every"] == 0:
        row = [
            value
            for name in p["shells"]
            for s in sections[name]
            for value in (*s.shells.ca, *s.shells.bound, s.cai)
        ]
        rows.append(row + [s.mesi for name in p["messenger"] for s in sections[name]])
    h.fadvance()
np.save(sys.argv[2], np.array(rows))
"""
DT, STEPS, EVERY = 0.025, 800, 40
VARIABLES = [f"shells.{name}_{i}_" for name in ("ca", "bound") for i in range(4)] + ["ca.ci"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cxx) -> Path:
    """The mechanisms, compiled by NEURON."""
    made = tmp_path_factory.mktemp("diffusion")
    for name, text in (("shells", SHELLS), ("messenger", MESSENGER), ("influx", INFLUX)):
        (made / f"{name}.mod").write_text(text)
    command = Path(sys.executable).parent / "nrnivmodl"
    done = subprocess.run([command, "."], cwd=made, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="module")
def cell(assets) -> Callable[..., tuple[Cell, dict[str, list[str]]]]:
    """A cell, and the names of the sections that have each mechanism: parts of its branches."""
    (path,) = (assets / "sonata_small" / "components" / "morphologies").glob("Rorb*.swc")
    morphology = load_swc(path)
    dend = [s.name for s in morphology if s.region == "dend"]
    has = {
        "shells": ["soma[0]", *(name for name in dend if name != "dend[3]")],
        "messenger": dend,  # not in the soma, at which the stems meet
        "influx": dend[4:8],
    }

    def make() -> tuple[Cell, dict[str, list[str]]]:
        made = Cell(morphology)
        made.set(Ra=120, cm=1.2)
        made.discretise(nseg_rule(40.0))
        made.insert("pas")
        for name, sections in has.items():
            made.insert(name, sections)
        made.insert("messenger", has["influx"], made=0.5)
        made.set_ion("mes", ci=0.1)
        return made, {"path": str(path), **has}

    return make


def in_neuron(folder: Path, work: Path, run_python, **parameters) -> np.ndarray:
    (library,) = folder.glob("*/libnrnmech.so")
    (work / "task.json").write_text(json.dumps(parameters | {"library": str(library)}))
    (work / "script.py").write_text(textwrap.dedent(SCRIPT))
    done = run_python(
        [work / "script.py", work / "task.json", work / "rows.npy"],
        env={"NEURON_MODULE_OPTIONS": "-nogui"},
        cwd=work,
    )
    assert done.returncode == 0, done.output
    return np.load(work / "rows.npy")


def in_distnet(made: Cell, has: dict, settings: Settings) -> np.ndarray:
    """(n_row, n_value) in the order of the script."""

    def nodes(names: list[str]) -> np.ndarray:
        index = [made.morphology.index(name) for name in names]
        ptr = made.cable.segment_ptr
        return np.concatenate([made.cable.node_of_segment[ptr[i] : ptr[i + 1]] for i in index])

    network = CellNetwork()
    gid = network.add_cell(made)
    own, other = nodes(has["shells"]), nodes(has["messenger"])
    asked = [(name, own) for name in VARIABLES] + [("mes.ci", other)]
    recordings = [
        Recording(name, np.full(len(at), gid), at.astype(np.int32), DT * EVERY)
        for name, at in asked
    ]
    simulation = Simulation(network, settings, recordings, "cpu")
    rows: list[list[np.ndarray]] = []
    simulation.run(STEPS * DT, on_samples=lambda new: rows.append([x.copy() for x in new]))
    rows.append([x[None] for x in simulation.engine.sample()])
    values = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    shells = np.stack(values[:-1], axis=2).reshape(len(values[0]), -1)
    return np.concatenate([shells, values[-1]], axis=1)


def test_states_are_those_of_neuron(folder, cell, tmp_path, run_python):
    made, has = cell()
    settings = Settings(dt=DT, celsius=34.0, v_init=-65.0, mechanism_folders=(folder,))
    ours = in_distnet(made, has, settings)
    theirs = in_neuron(folder, tmp_path, run_python, dt=DT, steps=STEPS, every=EVERY, **has)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)
    messenger = len(theirs[0]) - sum(made.nseg[made.morphology.index(n)] for n in has["messenger"])
    for part in (slice(0, messenger), slice(messenger, None)):
        moved = np.ptp(theirs[:, part], axis=0) / theirs[0, part]
        assert (moved > 0.05).mean() > 0.5, "too little moves for the comparison to mean much"
