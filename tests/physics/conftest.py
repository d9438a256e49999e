"""The same model in NEURON and in distnet: voltages and spikes of both."""

from __future__ import annotations

import importlib.util
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

HERE = Path(__file__).resolve().parent
DEFAULTS = {
    "dt": 0.025,
    "celsius": 6.3,
    "v_init": -65.0,
    "method": "backward-euler",
    "exact": True,
}
THRESHOLD = -10.0  # mV, of every detector in these tests


@dataclass(frozen=True)
class Trace:
    """What a run gave."""

    v: np.ndarray  # (n_step + 1, n_watched) f8 [mV]
    step: np.ndarray  # (n_spike,) i8
    gid: np.ndarray  # (n_spike,) i8


@pytest.fixture(scope="session")
def run_neuron(tmp_path_factory: pytest.TempPathFactory, repo: Path, run_python) -> Callable:
    """`run_neuron(script, tstop=..., ...)` runs a script with `neuron_side`, in a fresh process."""
    if importlib.util.find_spec("neuron") is None:
        pytest.skip("NEURON is not installed")

    def run(script: str, **parameters: Any) -> Trace:
        folder = tmp_path_factory.mktemp("neuron")
        inputs = DEFAULTS | {"threshold": THRESHOLD} | parameters
        (folder / "inputs.json").write_text(json.dumps(inputs))
        (folder / "script.py").write_text("from neuron_side import *\n" + textwrap.dedent(script))
        environment = {
            "PYTHONPATH": f"{HERE}:{repo}:{repo / 'benchmarks'}",
            "NEURON_MODULE_OPTIONS": "-nogui",
        }
        words = [folder / "script.py", folder / "inputs.json", folder / "trace.npz"]
        done = run_python(words, env=environment)
        assert done.returncode == 0, done.output
        with np.load(folder / "trace.npz") as data:
            return Trace(data["v"], data["step"], data["gid"])

    return run


@pytest.fixture(scope="session")
def run_distnet() -> Callable:
    """`run_distnet(network, [(gid, location), ...], tstop=..., backend="cpu", **settings)`."""

    def run(
        network: CellNetwork,
        watched: Sequence[tuple[int, Location]],
        tstop: float,
        backend: str = "cpu",
        **parameters: Any,
    ) -> Trace:
        settings = Settings(**(DEFAULTS | parameters))
        gid = np.array([gid for gid, _ in watched], dtype=np.int64)
        node = [node_of(network.cell(gid), location) for gid, location in watched]
        recording = Recording("v", gid, np.array(node, dtype=np.int32), settings.dt)
        simulation = Simulation(network, settings, [recording], backend)
        samples: list[np.ndarray] = []
        result = simulation.run(tstop, on_samples=lambda new: samples.append(new[0].copy()))
        samples.append(simulation.engine.sample()[0][np.newaxis])
        step = np.rint(result.spike_time / settings.dt).astype(np.int64)
        return Trace(np.concatenate(samples), step, result.spike_gid)

    return run


def node_of(cell: object, location: Location) -> int:
    """Node at a place, a section end included."""
    assert isinstance(cell, Cell)
    cell.keep(location)
    return cell.segment(location)


@pytest.fixture(scope="session")
def assert_same() -> Callable[..., None]:
    """`assert_same(ours, theirs)`: spikes in the same steps, voltages within 1e-6 mV."""

    def check(ours: Trace, theirs: Trace, n_spikes: int, tolerance: float = 1e-6) -> None:
        assert ours.v.shape == theirs.v.shape
        spikes = [list(zip(t.step.tolist(), t.gid.tolist(), strict=True)) for t in (ours, theirs)]
        assert spikes[0] == spikes[1]
        assert len(spikes[0]) >= n_spikes, "too few spikes for the comparison to mean much"
        assert np.abs(ours.v - theirs.v).max() < tolerance

    return check


@pytest.fixture(scope="session")
def ring(repo: Path) -> SimpleNamespace:
    """The ring of the benchmarks: `model` is its data, `distnet` its builder."""
    folder = str(repo / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import ring_distnet
        import ring_model
    finally:
        sys.path.remove(folder)
    return SimpleNamespace(model=ring_model, distnet=ring_distnet)
