"""The whole simulator on the text of the CUDA kernels, run on the CPU: one raster on any ranks."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from kernels.cuda.host import compiler

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def outputs(mpirun, assets, tmp_path_factory):
    """`outputs(backend, n)`: all that a run of the SONATA circuit wrote, by name."""
    if compiler() is None:
        reason = "no C++ compiler (g++, c++ or CXX): the CUDA text cannot run on the CPU"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    def run(backend, n):
        out = tmp_path_factory.mktemp(backend) / "out"
        config = assets / "sonata_small" / "config.json"
        command = ["-m", "launch", "run", config, "--backend", backend, "--out", out, "--quiet"]
        done = mpirun(n, [*command, "--tstop", "40"], timeout=400)
        assert done.returncode == 0, done.output
        return {path.name: datasets(path) for path in sorted(out.glob("*.h5"))}

    return run


def datasets(path: Path) -> dict[str, np.ndarray]:
    """All numbers of a file by their place in it."""
    found: dict[str, np.ndarray] = {}

    def visit(name: str, thing: object) -> None:
        if isinstance(thing, h5py.Dataset) and thing.dtype.kind in "iuf":
            found[name] = thing[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def test_every_rank_count_gives_what_the_cpu_engine_gives(outputs):
    cpu = outputs("cpu", 1)
    assert len(cpu["spikes.h5"]["spikes/cortex/timestamps"]) > 10
    for n in (1, 2, 4):
        host = outputs("cuda-host", n)
        assert set(host) == set(cpu)
        for file, values in cpu.items():
            assert set(host[file]) == set(values)
            for name, value in values.items():
                np.testing.assert_array_equal(host[file][name], value, err_msg=f"{n}: {name}")
