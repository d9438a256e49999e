"""Constructs of NMODL in whole mechanisms: against NEURON, and bits equal on every engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels import Events, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice
from kernels.cuda.host import compiler
from kernels.nmodl import load
from kernels.single import single_block

MODS = sorted((Path(__file__).parent / "mods").glob("*.mod"))
SCRIPT = Path(__file__).parents[2] / "neuron_side_by_side.py"
STEPS = 300


def traces(path: Path, make) -> np.ndarray:
    """Every variable of an instance that is hit by events, at every step; the last state too."""
    mechanism = load(path)
    block = single_block(mechanism)
    one = np.zeros(1, np.int64)
    probes = tuple(Probe(f"{mechanism.name}.{v}", one, 1) for v in mechanism.variables())
    if mechanism.kind != "artificial":
        probes = (Probe("v", one, 1), *probes)
    weights = np.full(len(block.weight), 0.02)
    block = block.__class__(**{**vars(block), "probes": probes, "weight": weights})
    engine = make(block)
    engine.reset()
    step = np.array([40, 41, 80, 81, 82, 83, 84, 200] if len(weights) else [], np.int64)
    events = Events(step, step * block.dt, np.zeros(len(step), np.int32))
    spikes = engine.advance(0, STEPS, events)
    columns = [array[:, 0] for array in engine.read()]
    fired = np.resize(spikes.time, STEPS) if len(spikes.time) else np.zeros(STEPS)
    return np.array([*columns, fired])


@pytest.mark.parametrize("path", MODS, ids=lambda path: path.stem)
def test_engines_agree(path):
    cpu = traces(path, lambda block: make_engine(block, "cpu"))
    assert np.isfinite(cpu).all() and (np.ptp(cpu, axis=1) > 0).any()
    reference = traces(path, lambda block: make_engine(block, "reference"))
    np.testing.assert_allclose(cpu, reference, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("path", MODS, ids=lambda path: path.stem)
def test_the_cuda_text_gives_the_same_bits(path):
    if compiler() is None:
        pytest.skip("no C++ compiler: the CUDA text cannot run on the CPU")
    cpu = traces(path, lambda block: make_engine(block, "cpu"))
    cuda = traces(path, lambda block: CudaEngine(block, HostDevice()))
    assert cpu.tobytes() == cuda.tobytes()


@pytest.mark.parametrize("path", MODS, ids=lambda path: path.stem)
def test_the_cuda_text_gives_the_same_bits_in_single_precision(path):
    if compiler() is None:
        pytest.skip("no C++ compiler: the CUDA text cannot run on the CPU")
    cpu = traces(path, lambda block: make_engine(block, "cpu", "single"))
    cuda = traces(path, lambda block: make_engine(block, "cuda-host", "single"))
    assert cpu.tobytes() == cuda.tobytes()


@pytest.mark.slow
def test_neuron_gives_the_same():
    pytest.importorskip("neuron")
    if compiler() is None:
        pytest.skip("no C++ compiler: nrnivmodl cannot build")
    run = [sys.executable, str(SCRIPT), str(MODS[0].parent)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(MODS)} equal" in done.stdout.splitlines()[-1], done.stdout
