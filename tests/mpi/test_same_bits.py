"""The same bits on every number of ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "networks.py"
NAMES = ("ring", "burst", "artificial", "few", "silent")


@pytest.fixture(scope="module")
def found(mpirun, tmp_path_factory):
    """`found(n)` is what all networks gave on n ranks, by name."""
    kept = {}

    def get(n):
        if n not in kept:
            out = tmp_path_factory.mktemp(f"ranks{n}")
            done = mpirun(n, [JOB, out, *NAMES], timeout=400)
            assert done.returncode == 0, done.output
            kept[n] = {name: np.load(out / f"{name}.npz") for name in NAMES}
        return kept[n]

    return get


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_spikes_and_voltages_have_the_bits_of_one_rank(found, name, n):
    one, many = found(1)[name], found(n)[name]
    np.testing.assert_array_equal(many["gid"], one["gid"])
    np.testing.assert_array_equal(many["time"].view(np.int64), one["time"].view(np.int64))
    np.testing.assert_array_equal(many["voltage"].view(np.int64), one["voltage"].view(np.int64))
    assert len(many["owned"]) == n


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
