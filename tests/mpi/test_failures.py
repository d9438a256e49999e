"""A rank that fails in the middle of a run ends the job promptly; nothing half-written is left."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from distnet.output import read_spikes

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "failing.py"
PROMPTLY = 20.0  # s


@pytest.fixture
def config(assets) -> Path:
    path = assets / "sonata_small" / "config.json"
    assert path.is_file(), f"the folder of real circuits has no {path}"
    return path


@pytest.fixture
def end(mpirun, config, tmp_path, tmp_path_factory):
    """`end(n, how, rank, *options, epochs=20)` ends a rank; checks that the job ended promptly."""

    def run(n, how, rank, *options, epochs=20):
        out, when = tmp_path / "out", tmp_path_factory.mktemp("when") / "failed"
        command = [JOB, how, rank, when, "run", config, "--out", out, "--quiet", *options]
        done = mpirun(n, command, timeout=300, env={"EPOCHS": str(epochs)})
        assert time.time() - float(when.read_text()) < PROMPTLY
        assert done.returncode != 0
        return done

    return run


@pytest.fixture
def fail(end, tmp_path):
    """`fail(n, how, rank)` runs; returns what was printed; checks that no result is there."""

    def run(n, how, rank):
        done = end(n, how, rank, "--flush-every", 1e6)
        out = tmp_path / "out"
        assert not out.exists() or not list(out.iterdir())
        return done

    return run


@pytest.mark.parametrize("rank", [0, 1])
def test_an_exception_of_one_rank_ends_the_job(fail, tmp_path, rank):
    done = fail(2, "raise", rank)
    told = [line for line in done.stderr.splitlines() if line.startswith("distnet: ")]
    assert told
    assert f"rank {rank}: internal error: ValueError: on purpose" in told[0]
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_an_exception_of_all_ranks_is_told_once(fail, tmp_path):
    done = fail(2, "raise", -1)
    told = [line for line in done.stderr.splitlines() if line.startswith("distnet: ")]
    assert len(told) == 1, done.stderr
    assert "internal error: ValueError: on purpose" in told[0]
    assert list(tmp_path.iterdir()) == []


def test_a_rank_without_memory_says_so(fail):
    assert "rank 1: out of memory" in fail(2, "memory", 1).stderr


@pytest.mark.parametrize("rank", [0, 3])
def test_a_killed_rank_ends_the_job(fail, rank):
    fail(4, "SIGKILL", rank)


def test_a_terminated_rank_ends_the_job(fail):
    assert "rank 1: ended with exit code 143" in fail(2, "SIGTERM", 1).stderr


def test_a_later_run_is_not_hindered_by_what_a_killed_one_left(fail, mpirun, config, tmp_path):
    fail(2, "SIGKILL", 0)
    command = ["-m", "launch", "run", config, "--out", tmp_path / "out", "--tstop", "5"]
    done = mpirun(2, command)
    assert done.returncode == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "spikes.h5").is_file()


# --- what was flushed ---


@pytest.fixture(scope="module")
def whole(run_python, assets, tmp_path_factory):
    """The spikes of a run that nothing befell."""
    config = assets / "sonata_small" / "config.json"
    out = tmp_path_factory.mktemp("whole") / "out"
    command = ["-m", "launch", "run", config, "--out", out, "--quiet", "--tstop", 100]
    done = run_python(command, timeout=300)
    assert done.returncode == 0, done.output
    return read_spikes(out / "spikes.h5")["cortex"]


@pytest.mark.parametrize(
    ("how", "options"),
    [("SIGKILL", ()), ("raise", ()), ("SIGKILL", ("--checkpoint-every", "1000"))],
)
def test_flushed_spikes_are_readable_after(end, run_python, whole, tmp_path, how, options):
    """Rank 1 ends in its 80th epoch, at 48 ms; everything up to then was flushed."""
    end(2, how, 1, "--flush-every", "1e-6", *options, epochs=80)
    folder = tmp_path / ("out" if options else ".out.partial")
    done = run_python(["-m", "launch", "merge", folder])
    assert done.returncode == 0, done.output
    until = float(done.stdout.split()[-2])
    assert until > 40.0
    found = read_spikes(folder / "spikes.h5")["cortex"]
    before = whole.times < until
    assert before.sum() > 10
    np.testing.assert_array_equal(found.times, whole.times[before])
    np.testing.assert_array_equal(found.node_ids, whole.node_ids[before])
    assert not (folder / "flushed").exists()


def test_the_report_of_a_killed_run_is_readable(end, tmp_path):
    end(2, "SIGKILL", 1, epochs=80)
    with h5py.File(tmp_path / ".out.partial" / ".soma_v.h5.partial") as file:
        data = file["report/cortex/data"][()]
    written = np.isfinite(data).all(axis=1)
    assert 300 <= written.sum() < len(data)
    assert written[: written.sum()].all()
    assert np.abs(data[written]).max() < 100
