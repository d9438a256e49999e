"""A run goes on from a checkpoint on another number of ranks, to the same bits."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.mpi

LAST = ("--last", "200")  # of 500 samples: those after 30 ms


@pytest.fixture(scope="module")
def digest(digest_of):
    """`digest(n, *options)` of a job."""
    return lambda n, *options: digest_of(n, *LAST, *options)


@pytest.fixture(scope="module")
def expected(digest):
    """The digest of an uninterrupted run."""
    return digest(1)


@pytest.mark.parametrize(
    ("before", "after", "transports"),
    [
        (1, 3, ("auto", "neighbours")),
        (3, 2, ("allgather", "leaders")),
        (4, 1, ("neighbours", "auto")),
        (2, 4, ("leaders", "allgather")),
    ],
)
def test_other_ranks_go_on(digest, expected, tmp_path, before, after, transports):
    saved = digest(before, "--save", tmp_path, "--every", 20, "--exchange", transports[0])
    assert saved == expected
    early = min(tmp_path.glob("checkpoint-*"))
    options = ("--restart", early, "--exchange", transports[1], "--intervals", 1)
    assert digest(after, *options, "--partition", "round-robin") == expected


@pytest.mark.parametrize("transport", ["allgather", "neighbours"])
@pytest.mark.parametrize("rank", [0, 3])
def test_one_rank_stops_all_at_the_same_step(
    network_job, digest, expected, tmp_path, transport, rank
):
    options = ("--exchange", transport, "--save", tmp_path, "--rank", rank)
    done = network_job(4, *options, "--ask", 2, "--at", "20")
    assert done.returncode == 0, done.output
    assert "stopped at step" in done.stdout
    step = int(done.stdout.split()[-1])
    assert 800 <= step <= 1200
    assert [path.name for path in tmp_path.iterdir()] == [f"checkpoint-{step:010d}"]
    assert digest(2, "--restart", tmp_path) == expected


def test_a_damaged_checkpoint_ends_the_job_with_a_sentence(network_job, tmp_path):
    assert network_job(2, "--save", tmp_path, "--every", 20).returncode == 0
    path = next(tmp_path.glob("checkpoint-*/rank-000001.npz"))
    folder = path.parent
    path.write_bytes(path.read_bytes()[:1000])
    done = network_job(2, "--restart", folder)
    assert done.returncode != 0
    assert any("has 1000 bytes; the manifest says" in line for line in done.told)
    assert "Traceback" not in done.output
