"""The same bits for any number of ranks, transport, number of intervals and partition."""

from __future__ import annotations

import itertools

import pytest

from distnet.exchange.choice import COSTS

pytestmark = pytest.mark.mpi

#: Ranks that are taken for one machine, so that leaders have somebody to talk to.
TWO = {"DISTNET_NODE_SIZE": "2"}

#: Each pair of choices is in some row: ranks, transport, intervals, partition.
PAIRWISE = [
    (1, "auto", 1, "round-robin"),
    (1, "auto", 4, "longest-first"),
    (2, "allgather", 1, "longest-first"),
    (2, "leaders", 2, "round-robin"),
    (2, "neighbours", 4, "round-robin"),
    (3, "allgather", 4, "round-robin"),
    (3, "leaders", 1, "longest-first"),
    (3, "neighbours", 2, "longest-first"),
    (4, "allgather", 2, "round-robin"),
    (4, "leaders", 4, "longest-first"),
    (4, "neighbours", 1, "round-robin"),
    (4, "auto", 2, "auto"),
]

RANKS, INTERVALS = (2, 3, 4, 8), (1, 2, 4)
PARTITIONS = ("round-robin", "longest-first", "fennel", "auto")


@pytest.fixture(scope="module")
def bits(network_job):
    """`bits(n, transport, m, partition)` is the digest of a job."""

    def run(n, transport, m, partition, **options):
        arguments = ["--exchange", transport, "--intervals", m, "--partition", partition]
        done = network_job(n, *arguments, env=TWO, **options)
        assert done.returncode == 0, done.output
        digest, n_spikes, _ = done.stdout.split(maxsplit=2)
        assert int(n_spikes) > 50
        if transport != "auto":
            assert transport in done.stdout
        return digest

    return run


@pytest.fixture(scope="module")
def expected(bits):
    """The digest of one rank."""
    return bits(1, "auto", 2, "auto")


@pytest.mark.parametrize(("n", "transport", "m", "partition"), PAIRWISE)
def test_pairs_of_choices(bits, expected, n, transport, m, partition):
    assert bits(n, transport, m, partition) == expected


@pytest.mark.slow
@pytest.mark.parametrize("m", INTERVALS)
@pytest.mark.parametrize("transport", COSTS)
@pytest.mark.parametrize("n", RANKS)
def test_every_choice(bits, expected, n, transport, m):
    for partition in PARTITIONS:
        assert bits(n, transport, m, partition, timeout=240) == expected, partition


def test_the_rows_hold_every_pair():
    """Of several ranks: transport with intervals, with ranks; intervals with ranks."""
    rows = [row for row in PAIRWISE if row[0] > 1 and row[1] != "auto"]
    assert {row[:2] for row in rows} == set(itertools.product((2, 3, 4), COSTS))
    assert {row[1:3] for row in rows} == set(itertools.product(COSTS, INTERVALS))
    assert {(row[0], row[2]) for row in rows} == set(itertools.product((2, 3, 4), INTERVALS))
