"""A job ends promptly, with one sentence, whatever happens on whichever rank."""

from __future__ import annotations

import textwrap
import time

import pytest

from launch.ranks import LAUNCHERS, launched

pytestmark = pytest.mark.mpi

#: A job on the ranks; BODY is what it does. Ranks that do nothing wrong wait for the others.
JOB = """
import os, signal, sys
from launch.ranks import run_on_ranks
from distnet.errors import InputError

def body(ranks):
BODY
    ranks.barrier()

sys.exit(run_on_ranks(body, lambda: sys.stderr.write("cleaned up\\n")))
"""


@pytest.fixture
def job(mpirun):
    """`job(n, body)` runs a body on n ranks; returns what it printed and how long it took."""

    def run(n, body, **env):
        code = JOB.replace("BODY", textwrap.indent(textwrap.dedent(body).strip(), "    "))
        begin = time.monotonic()
        done = mpirun(n, ["-c", code], timeout=60, env=env)
        return done, time.monotonic() - begin

    return run


def test_ranks_count_themselves(job):
    done, _ = job(3, "sys.stdout.write(f'rank {ranks.rank} of {ranks.n}\\n')")
    assert done.returncode == 0, done.output
    assert sorted(done.stdout.split("\n")[:3]) == [f"rank {r} of 3" for r in range(3)]


def test_an_error_of_all_ranks_is_told_once_without_noise(job):
    done, seconds = job(3, "raise InputError('circuit.json', 'no cells')")
    assert done.returncode == 1
    assert done.told == ["distnet: circuit.json: no cells"]
    assert "Abort" not in done.output
    assert "Traceback" not in done.output
    assert seconds < 20


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("raise InputError('a.swc', 'empty')", "a.swc: empty"),
        ("raise ValueError('two\\nlines')", "internal error: ValueError: two lines"),
        ("sys.exit(5)", "ended with exit code 5"),
        ("sys.exit(0)", "ended with exit code 0"),
    ],
)
def test_an_error_of_one_rank_ends_the_job(job, rank, failure, words):
    done, seconds = job(3, f"if ranks.rank == {rank}: {failure}")
    assert done.returncode != 0
    assert f"distnet: rank {rank}: {words}" in done.stderr
    assert "cleaned up" in done.stderr
    assert "Traceback" not in done.output
    assert seconds < 20


def test_a_killed_rank_ends_the_job(job):
    done, seconds = job(3, "if ranks.rank == 1: os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode != 0
    assert seconds < 20


def test_first_rank_decides_for_all(job):
    body = """
    sys.stdout.write(f"told {ranks.on_first(lambda: ranks.rank + 7)}\\n")
    def fail(): raise InputError("out", "is a file")
    ranks.on_first(fail)
    """
    done, _ = job(2, body)
    assert done.returncode == 1
    assert done.stdout.split() == ["told", "7", "told", "7"]
    assert done.stderr.count("distnet: out: is a file") == 1


def test_the_traceback_is_there_for_who_asks(job):
    done, _ = job(2, "raise ValueError('odd')", DISTNET_DEBUG="1")
    assert "Traceback" in done.stderr
    assert "distnet: internal error: ValueError: odd" in done.stderr


def test_one_process_needs_no_mpi(run_python):
    code = "from launch.ranks import start; import sys; print(start().n, 'mpi4py' in sys.modules)"
    done = run_python(["-c", code], env=dict.fromkeys(LAUNCHERS, ""))
    assert done.stdout.split() == ["1", "False"], done.stderr


@pytest.mark.parametrize("size", ["PMI_SIZE", ""])
def test_launchers_are_known_by_their_variables(monkeypatch, size):
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    assert launched() is None
    monkeypatch.setenv("PMI_RANK", "3")
    monkeypatch.setenv(size or "UNUSED", "8")
    monkeypatch.delenv("PMI_SIZE" if not size else "UNUSED", raising=False)
    assert launched() == (3, 8 if size else None)


def test_a_launcher_of_another_mpi_is_refused(run_python):
    pytest.importorskip("mpi4py")
    code = "from launch.ranks import run_on_ranks; run_on_ranks(lambda r: None, lambda: None)"
    done = run_python(["-c", code], env={"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"})
    assert "the launcher started 4 ranks" in done.stderr
    assert "sees 1" in done.stderr
