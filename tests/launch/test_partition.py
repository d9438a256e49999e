"""`distnet partition` and `distnet calibrate CONFIG` on the demo's circuit."""

from __future__ import annotations

import numpy as np
import pytest

from launch.cli import main


@pytest.fixture
def config(circuit):
    return circuit / "simulation_config.json"


def test_a_partition_is_described_and_kept(config, tmp_path, capsys):
    out = tmp_path / "two.ranks"
    assert main(["partition", str(config), "--ranks", "2", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    for word in ("imbalance", "cut", "ranks reached", "received", "efficiency", "speed-up"):
        assert word in told
    rank = np.loadtxt(out, dtype=int)
    assert set(rank) == {-1, 0, 1}
    assert (rank >= 0).sum() == 40


def test_measured_costs_are_used(config, tmp_path, capsys):
    costs, out = tmp_path / "costs", tmp_path / "ranks"
    assert main(["calibrate", str(config), "--tstop", "2", "--out", str(costs)]) == 0
    measured = np.loadtxt(costs)
    assert (measured > 0).sum() == 40
    measured[:] = np.where(measured > 0, 1.0, 0.0)
    measured[3] = 39.0
    np.savetxt(costs, measured)
    arguments = ["--ranks", "2", "--costs", str(costs), "--out", str(out)]
    assert main(["partition", str(config), *arguments]) == 0
    assert "bound             speed-up of 2.0" in capsys.readouterr().out
    rank = np.loadtxt(out, dtype=int)
    assert sorted(np.bincount(rank[rank >= 0])) == [1, 39]


@pytest.mark.mpi
def test_a_kept_partition_gives_the_same_spikes(config, tmp_path, mpirun):
    out = tmp_path / "three.ranks"
    assert main(["partition", str(config), "--ranks", "3", "--out", str(out)]) == 0
    files = []
    for name, n, partition in (("a", 3, out), ("b", 2, "round-robin"), ("c", 1, "auto")):
        run = ["run", config, "--out", tmp_path / name, "--tstop", "60", "--partition", partition]
        done = mpirun(n, ["-m", "launch", *run, "--quiet"])
        assert done.returncode == 0, done.output
        files.append((tmp_path / name / "spikes.h5").read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.mpi
def test_a_partition_of_another_job_is_refused_once(config, tmp_path, mpirun):
    out = tmp_path / "three.ranks"
    assert main(["partition", str(config), "--ranks", "3", "--out", str(out)]) == 0
    run = ["run", config, "--out", tmp_path / "a", "--partition", out]
    done = mpirun(2, ["-m", "launch", *run])
    assert done.returncode == 1
    assert len(done.told) == 1
    assert "this job has ranks 0 to 1" in done.told[0]
