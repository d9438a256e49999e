"""A traced run is replayed in the time that it took, and in less on a network without cost."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from distnet.exchange.loggp import LogGP, load
from distnet.replay import replay
from distnet.trace import read_trace

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "sleeping.py"


@pytest.mark.parametrize(
    ("n", "transport", "m"), [(2, "allgather", 2), (4, "allgather", 1), (4, "neighbours", 4)]
)
def test_a_run_on_ranks_is_replayed(mpirun, tmp_path, n, transport, m):
    path = tmp_path / "trace.npz"
    done = mpirun(n, [JOB, path, transport, m])
    assert done.returncode == 0, done.output
    words = done.stdout.split()
    trace, n_epochs, measured = read_trace(path), int(words[0]), float(words[2])
    assert trace.busy.shape == (n, n_epochs)
    assert (trace.depth, trace.transport) == (m, transport)
    assert trace.seconds == pytest.approx(measured, rel=0.05)
    found = replay(trace, LogGP())
    print(f"{n} ranks, {transport}: replayed in {found / measured - 1:+.1%} of {measured:.2f} s")
    assert found == pytest.approx(measured, rel=0.15)
    if m == 1:  # without waiting for each other the ranks would be faster
        assert trace.busy.sum(axis=1).max() < 0.85 * measured
    slow = replay(trace, dataclasses.replace(LogGP(), latency=0.1))
    assert slow > 0.09 * n_epochs / m


def test_the_network_is_measured(mpirun, run_python, tmp_path):
    env = {"DISTNET_CACHE": str(tmp_path)}
    command = ["-m", "launch", "calibrate", "--network"]
    done = mpirun(3, command, env=env)
    assert done.returncode == 0, done.output
    found = load(tmp_path / "network.json")
    assert 0.0 <= found.latency < 0.01
    assert 1e-8 < found.overhead <= found.gap < 0.01
    assert 1e-12 < found.byte < 1e-6
    alone = run_python(command, env=env)
    assert alone.returncode == 1
    assert "mpirun -n 2 distnet calibrate --network" in alone.stderr


def test_a_real_run_leaves_a_trace(mpirun, run_python, assets, tmp_path):
    config, out = assets / "sonata_small" / "config.json", tmp_path / "out"
    command = ["-m", "launch", "run", config, "--out", out, "--tstop", 20, "--trace", "--quiet"]
    done = mpirun(2, command)
    assert done.returncode == 0, done.output
    trace = read_trace(out / "trace.npz")
    assert trace.busy.shape == (2, 34)
    assert (trace.busy > 0.0).all()
    assert (trace.n_bytes == 256).all()
    assert np.array_equal(trace.hears, [[False, True], [True, False]])
    done = run_python(["-m", "launch", "scaling", "--replay", out])
    assert done.returncode == 0, done.output
    assert done.stdout.startswith("2 ranks, 34 intervals, by allgather, 2 in flight")
    assert "replayed" in done.stdout
