"""The same bits on every number of ranks, on every engine, in both precisions."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "networks.py"
NAMES = ("ring", "burst", "artificial", "few", "silent")


@pytest.fixture(scope="module")
def found(mpirun, tmp_path_factory):
    """`found(n)` is what networks gave on n ranks, by name."""
    kept = {}

    def get(n, backend="cpu", precision="double", names=NAMES):
        key = n, backend, precision
        if key not in kept:
            out = tmp_path_factory.mktemp(f"ranks{n}")
            done = mpirun(n, [JOB, out, backend, precision, *names], timeout=400)
            assert done.returncode == 0, done.output
            kept[key] = {name: np.load(out / f"{name}.npz") for name in names}
        return kept[key]

    return get


def check(one, many, n):
    np.testing.assert_array_equal(many["gid"], one["gid"])
    np.testing.assert_array_equal(many["time"].view(np.int64), one["time"].view(np.int64))
    np.testing.assert_array_equal(many["voltage"].view(np.int64), one["voltage"].view(np.int64))
    assert len(many["owned"]) == n


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_spikes_and_voltages_have_the_bits_of_one_rank(found, name, n):
    check(found(1)[name], found(n)[name], n)


#: Engine, ranks, precision; the rest of the product takes a minute.
QUICK = [("cpu", 4, "single"), ("cuda-host", 2, "single")]
REST = [
    pytest.param(*case, marks=pytest.mark.slow)
    for case in itertools.product(("cpu", "cuda-host"), (1, 2, 4), ("double", "single"))
    if case not in QUICK and case[:2] != ("cpu", 1)
]

#: Two ranks share the card where there is but one.
CARD = [pytest.param("cuda", n, "double", marks=pytest.mark.gpu) for n in (1, 2)]


@pytest.mark.parametrize(("backend", "n", "precision"), [*QUICK, *CARD, *REST])
def test_engines_have_the_bits_of_one_rank_of_the_cpu(request, found, backend, n, precision):
    request.getfixturevalue("gpu" if backend == "cuda" else "cxx")
    names = ("ring", "artificial") if precision == "single" else NAMES
    one, many = found(1, "cpu", precision, names), found(n, backend, precision, names)
    for name in names:
        check(one[name], many[name], n)
    assert len(one["ring"]["gid"]) > 25


def test_single_precision_is_another_arithmetic(found):
    single = found(1, "cpu", "single", ("ring", "artificial"))["ring"]["voltage"]
    double = found(1)["ring"]["voltage"]
    assert 1e-6 < np.abs(single[:400] - double[:400]).max() < 1e-2  # mV in the first 10 ms
    np.testing.assert_array_equal(single.astype(np.float32), single)


def test_the_networks_are_worth_comparing(found):
    """They do what they are there for."""
    one, four = found(1), found(4)
    assert len(one["ring"]["gid"]) > 25
    assert len(set(one["ring"]["gid"])) == 11
    assert len(one["silent"]["gid"]) == 0
    assert np.ptp(one["silent"]["voltage"]) > 0.01
    # 90 spikes in a step, on each rank more than a message first has room for
    _, count = np.unique(one["burst"]["time"], return_counts=True)
    assert count.max() == 90
    assert four["burst"]["owned"].min() > 19
    assert set(one["artificial"]["gid"]) >= set(range(7, 28))
    assert 0 in four["few"]["owned"]
