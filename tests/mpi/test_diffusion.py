"""States that diffuse have the bits of one rank on every engine, and after a checkpoint."""

from __future__ import annotations

import pytest

from kernels.cuda.host import compiler

pytestmark = pytest.mark.mpi

OPTIONS = ("--diffusing", "--tstop", "30", "--cells", "12", "--last", "150")


@pytest.fixture(scope="module")
def digest(network_job):
    """`digest(n, *options)` of a job."""

    def run(n, *options):
        done = network_job(n, *OPTIONS, *options)
        assert done.returncode == 0, done.output
        return done.stdout.split()[0]

    return run


@pytest.fixture(scope="module")
def expected(digest):
    """The digest of one rank."""
    return digest(1)


def test_other_ranks_go_on(digest, expected, tmp_path):
    assert digest(2, "--save", tmp_path, "--every", 10) == expected
    assert digest(4, "--restart", min(tmp_path.glob("checkpoint-*"))) == expected


@pytest.mark.parametrize("n", [1, 4])
def test_the_cuda_text_on_ranks(digest, expected, n):
    if compiler() is None:
        pytest.skip("no C++ compiler: the CUDA text cannot run on the CPU")
    assert digest(n, "--backend", "cuda-host") == expected
