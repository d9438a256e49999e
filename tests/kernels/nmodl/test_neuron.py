"""The kernels, run in plain Python under NEURON's own voltage, against NEURON step by step."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from kernels.mechanism import Mechanism
from kernels.nmodl import find, load
from kernels.nmodl.parser import parse
from kernels.nmodl.python import run

pytest.importorskip("neuron", reason="NEURON is not installed")
pytestmark = pytest.mark.neuron

DT, CELSIUS, DIAM = 0.025, 25.0, 20.0  # as in neuron_trace.py
STEPS = 1000
#: Of the largest size of a variable. Rounding, some 1e-15, is amplified where the mechanism itself
#: subtracts nearly equal numbers: x / (exp(x) - 1) near 0, conserved sums of a scheme.
TOLERANCE = 1e-12


@dataclass
class Case:
    """A mechanism and its protocol."""

    path: Path
    set: dict[str, float] = field(default_factory=dict)
    variables: tuple[str, ...] = ()  # compared
    events: tuple[tuple[int, float], ...] = ()  # step, weight
    beside: tuple[str, ...] = ()  # other mechanisms of the compartment
    tables: bool = True

    @property
    def key(self) -> str:
        return f"{self.path.stem}-{self.tables}"


def compare(case: Case, traces: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest difference of each variable, relative to the variable's largest size."""
    mechanism = load(case.path, case.tables)
    rows = {n.partition("/")[2]: x for n, x in traces.items() if n.startswith(case.key + "/")}
    space = _defaults(mechanism, case)
    calls = {"table": _table(mechanism, space).__getitem__}
    written = [u.variable(f) for u in mechanism.ions for f in u.writes]
    read = [u.variable(f) for u in mechanism.ions for f in u.reads if u.variable(f) not in written]
    space |= {"v": -65.0, "t": 0.0, **{n: rows[n][0] for n in read}}
    run(mechanism.init, space, calls)
    worst = dict.fromkeys(case.variables, 0.0)
    for step in range(STEPS):
        for when, weight in case.events:
            if when == step and mechanism.receive is not None:
                argument = mechanism.receive.args[0]
                space = run(mechanism.receive, {**space, argument: weight, "flag": 0.0}, calls)
        space |= {n: rows[n][step] for n in read}
        space |= {"v": rows["v"][step], "t": (step + 0.5) * DT}
        run(mechanism.current, space, calls)
        space |= {n: rows[n][step + 1] for n in read}
        space |= {"v": rows["v"][step + 1], "t": (step + 1) * DT}
        run(mechanism.state, space, calls)
        for n in case.variables:
            scale = np.abs(rows[n]).max() or 1.0
            worst[n] = max(worst[n], abs(space[n] - rows[n][step + 1]) / scale)
    return worst


def _defaults(mechanism: Mechanism, case: Case) -> dict[str, float]:
    values = {n: x.default for n, x in {**mechanism.globals, **mechanism.variables()}.items()}
    values |= {"celsius": CELSIUS, "dt": DT, "diam": DIAM, "area": np.pi * DIAM * DIAM}
    return values | case.set


def _table(mechanism: Mechanism, values: dict[str, float]) -> dict[float, float]:
    rows: dict[float, float] = {}
    for table in mechanism.tables:
        x, step = table.start, (table.stop - table.start) / table.n
        for i in range(table.n + 1):
            found = run(table.body, {**values, table.argument: x})
            for j, output in enumerate(table.outputs):
                rows[table.offset + (table.n + 1) * j + i] = found[output]
            x += step
    return rows


def neuron_traces(cases: list[Case], library: str, folder: Path) -> dict[str, np.ndarray]:
    items = []
    for case in cases:
        mechanism = load(case.path, case.tables)
        ions = [u.variable(f) for u in mechanism.ions for f in u.reads]
        item = {
            "key": case.key,
            "mechanism": mechanism.name,
            "kind": mechanism.kind,
            "set": case.set,
            "variables": case.variables,
            "ions": ions,
            "events": case.events,
            "beside": case.beside,
            "tables": case.tables,
            "steps": STEPS,
        }
        items.append(item)
    (folder / "task.json").write_text(json.dumps({"library": library, "items": items}))
    script = Path(__file__).parent / "neuron_trace.py"
    done = subprocess.run(
        [sys.executable, script, folder / "task.json", folder / "out.npz"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "out.npz"))


EVENTS = ((40, 0.003), (41, 0.001), (300, 0.002))
OWN = find()
BUILT_IN = [
    Case(OWN["hh"], {}, ("m", "h", "n", "mtau", "hinf", "gna", "gk", "il")),
    Case(OWN["hh"], {}, ("m", "h", "n", "mtau", "hinf", "gna", "gk", "il"), tables=False),
    Case(OWN["pas"], {"g": 2e-4, "e": -60.0}, ("i",)),
    Case(OWN["ExpSyn"], {"tau": 1.7, "e": -10.0}, ("g",), EVENTS),
    Case(OWN["Exp2Syn"], {"tau1": 0.7, "tau2": 3.1}, ("A", "B"), EVENTS),
    Case(OWN["IClamp"], {"dur": 7.0, "amp": 0.1}, ("i",)),
    Case(OWN["AlphaSynapse"], {"onset": 3.0, "tau": 1.3, "gmax": 0.01}, ("i",)),
    Case(OWN["SEClamp"], {"dur1": 5.0, "amp1": -70.0, "dur2": 4.0, "amp2": -20.0}, ("vc",)),
]


@pytest.fixture(scope="module")
def built_in_traces(tmp_path_factory) -> dict[str, np.ndarray]:
    return neuron_traces(BUILT_IN, "", tmp_path_factory.mktemp("neuron"))


@pytest.mark.parametrize("case", BUILT_IN, ids=lambda c: c.key)
def test_built_in(case: Case, built_in_traces) -> None:
    worst = compare(case, built_in_traces)
    assert all(x < TOLERANCE for x in worst.values()), worst


@pytest.fixture(scope="module")
def allen_files(assets: Path) -> list[Path]:
    folder = assets / "sonata_small" / "components" / "mechanisms" / "modfiles"
    return [p for p in sorted(folder.glob("*.mod")) if p.stem != "vecevent"]


@pytest.fixture(scope="module")
def allen(allen_files, tmp_path_factory) -> tuple[list[Case], dict[str, np.ndarray]]:
    """Allen's mechanisms, compiled by NEURON into a folder of their own."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler: NEURON cannot compile .mod files")
    folder = tmp_path_factory.mktemp("allen")
    for path in allen_files:
        shutil.copy(path, folder)
    command = Path(sys.executable).parent / "nrnivmodl"
    done = subprocess.run([command, "."], cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    library = next(folder.glob("*/libnrnmech.so"))
    cases = [_allen_case(path) for path in allen_files]
    # elsewhere: NEURON loads by itself what it finds compiled in the working folder
    return cases, neuron_traces(cases, str(library), tmp_path_factory.mktemp("traces"))


def _allen_case(path: Path) -> Case:
    mechanism = load(path)
    file = parse(path.read_text(), str(path))
    ranges = {n.id for n in file.neuron.names.get("RANGE", ())} | set(mechanism.states)
    variables = tuple(n for n in [*mechanism.states, *mechanism.assigned] if n in ranges)
    variables += tuple(u.variable("ci") for u in mechanism.ions if "ci" in u.writes)
    own = {"gbar": 1e-5} if "gbar" in mechanism.parameters else {}
    beside = ("Ca_HVA", "CaDynamics") if mechanism.name in ("SK", "CaDynamics") else ()
    return Case(path, own, variables, beside=tuple(b for b in beside if b != mechanism.name))


@pytest.mark.slow
def test_allen(allen) -> None:
    cases, traces = allen
    failed = {}
    for case in cases:
        assert case.variables, case.key
        worst = compare(case, traces)
        failed |= {f"{case.key} {n}": x for n, x in worst.items() if not x < TOLERANCE}
    assert not failed
