"""Whatever happens to a rank, the job ends soon, with a code, saying which rank and why."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from distnet.checkpoint import Checkpoint

pytestmark = pytest.mark.mpi

#: Seconds in which a job ends after a fault, start and compilation not counted.
SOON = 20.0


@pytest.fixture
def fault(network_job):
    """`fault(n, *options, env=None)` runs a job that must fail; returns it and its duration."""

    def run(n, *options, env=None):
        begin = time.monotonic()
        done = network_job(n, "--backend", "null", "--cells", 8, *options, env=env, timeout=60)
        assert done.returncode != 0
        return done, time.monotonic() - begin

    return run


@pytest.mark.parametrize(
    ("transport", "rank"), [("allgather", 2), ("leaders", 0), ("neighbours", 1)]
)
def test_a_killed_rank(fault, transport, rank):
    options = ("--fault", "kill", "--rank", rank, "--at", 10, "--exchange", transport)
    done, seconds = fault(3, *options, env={"DISTNET_NODE_SIZE": "2"})
    assert seconds < SOON
    assert done.stdout == "" or "spikes by" not in done.stdout


@pytest.mark.parametrize("transport", ["allgather", "neighbours"])
def test_an_exception_in_one_rank(fault, transport):
    done, seconds = fault(3, "--fault", "fail", "--rank", 1, "--at", 10, "--exchange", transport)
    assert seconds < SOON
    assert any("rank 1" in line and "a fault of this rank" in line for line in done.told)


@pytest.mark.parametrize(
    ("transport", "rank"), [("allgather", 2), ("leaders", 0), ("neighbours", 1)]
)
def test_a_stuck_rank_is_named_after_the_limit(fault, transport, rank):
    options = ("--fault", "stuck", "--rank", rank, "--at", 10, "--exchange", transport)
    done, seconds = fault(3, *options, env={"DISTNET_WATCHDOG": "2", "DISTNET_NODE_SIZE": "2"})
    assert seconds < SOON
    # a launcher may give the code of a rank that it killed instead
    assert done.returncode == 124 or "124" in done.output
    said = [line for line in done.told if "waited 2 s" in line]
    assert len(said) == 1, done.output
    assert f"ranks that do not answer: {rank}" in said[0]
    assert "Thread 0x" in done.stderr or "most recent call first" in done.stderr


def test_a_limit_that_is_no_number_is_refused(fault):
    done, _ = fault(2, env={"DISTNET_WATCHDOG": "soon"})
    assert any('DISTNET_WATCHDOG: "soon" is not a number of seconds' in one for one in done.told)


def test_a_folder_that_cannot_be_written(fault, tmp_path):
    """A file stands where the folder of checkpoints should be: so for root, too."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "checkpoints"
    done, seconds = fault(2, "--save", folder, "--every", 10)
    assert seconds < SOON
    assert any("rank 0" in line and "cannot be written" in line for line in done.told)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(fault, tiny_disk):
    options = ("--cells", 64, "--save", tiny_disk, "--every", 10)
    done, seconds = fault(2, *options)
    assert seconds < SOON
    assert any("cannot be written" in line and "No space left" in line for line in done.told)
    assert "Traceback" not in done.output
    for folder in tiny_disk.glob("checkpoint-*"):  # those that still fitted are whole
        checkpoint = Checkpoint.open(folder)
        assert [len(checkpoint.read(rank)["gid"]) > 0 for rank in (0, 1)] == [True, True]
