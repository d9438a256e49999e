"""States that diffuse have the bits of one rank on every engine, and after a checkpoint."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.mpi

OPTIONS = ("--diffusing", "--tstop", "30", "--cells", "12", "--last", "150")


@pytest.fixture(scope="module")
def digest(digest_of):
    """`digest(n, *options)` of a job."""
    return lambda n, *options: digest_of(n, *OPTIONS, *options)


@pytest.fixture(scope="module")
def expected(digest):
    """The digest of one rank."""
    return digest(1)


def test_other_ranks_go_on(digest, expected, tmp_path):
    assert digest(2, "--save", tmp_path, "--every", 10) == expected
    assert digest(4, "--restart", min(tmp_path.glob("checkpoint-*"))) == expected


@pytest.mark.parametrize("n", [1, 4])
def test_the_cuda_text_on_ranks(digest, expected, cxx, n):
    assert digest(n, "--backend", "cuda-host") == expected
