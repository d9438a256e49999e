"""A rank that fails in the middle of a run ends the job promptly; nothing half-written is left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "failing.py"
PROMPTLY = 20.0  # s


@pytest.fixture
def config(assets) -> Path:
    path = assets / "sonata_small" / "config.json"
    assert path.is_file(), f"the folder of real circuits has no {path}"
    return path


@pytest.fixture
def fail(mpirun, config, tmp_path, tmp_path_factory):
    """`fail(n, how, rank)` runs; returns what was printed; checks that the job ended promptly."""

    def run(n, how, rank):
        out, when = tmp_path / "out", tmp_path_factory.mktemp("when") / "failed"
        done = mpirun(
            n, [JOB, how, rank, when, "run", config, "--out", out, "--quiet"], timeout=300
        )
        assert time.time() - float(when.read_text()) < PROMPTLY
        assert done.returncode != 0
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
