"""The whole simulator on the text of the CUDA kernels, run on the CPU: one raster on any ranks."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def outputs(mpirun, cxx, assets, tmp_path_factory):
    """`outputs(backend, n)`: all that a run of the SONATA circuit wrote, by name."""
    kept = {}

    def run(backend, n, precision="double"):
        if (key := (backend, n, precision)) in kept:
            return kept[key]
        out = tmp_path_factory.mktemp(backend) / "out"
        config = assets / "sonata_small" / "config.json"
        command = ["-m", "launch", "run", config, "--backend", backend, "--out", out, "--quiet"]
        more = ["--tstop", "40", "--precision", precision]
        done = mpirun(n, [*command, *more], timeout=400)
        assert done.returncode == 0, done.output
        kept[key] = {path.name: datasets(path) for path in sorted(out.glob("*.h5"))}
        return kept[key]

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


#: Engine, ranks, precision: the first ones, and what is left of the product.
QUICK = [*(("cuda-host", n, "double") for n in (1, 2, 4)), ("cuda-host", 2, "single")]
REST = [
    pytest.param(*case, marks=pytest.mark.slow)
    for case in itertools.product(("cpu", "cuda-host"), (1, 2, 4), ("double", "single"))
    if case not in QUICK and case[:2] != ("cpu", 1)
]


@pytest.mark.parametrize(("backend", "n", "precision"), [*QUICK, *REST])
def test_every_rank_count_gives_what_the_cpu_engine_gives(outputs, backend, n, precision):
    cpu, found = outputs("cpu", 1, precision), outputs(backend, n, precision)
    assert len(cpu["spikes.h5"]["spikes/cortex/timestamps"]) > 10
    assert set(found) == set(cpu)
    for file, values in cpu.items():
        assert set(found[file]) == set(values)
        for name, value in values.items():
            np.testing.assert_array_equal(found[file][name], value, err_msg=name)
