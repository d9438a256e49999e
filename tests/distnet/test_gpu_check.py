"""The comparison of a GPU with the CPU: it runs all kinds of cells, and it sees a fault."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.gpu import check_gpu, gpu_trouble
from distnet.gpu_check import BRANCHES, CABLE, compare_backends, sample_network
from kernels.cuda.host import HostDevice


def test_the_bits_are_compared(cxx):
    double, single = compare_backends("cuda-host", 8, False, 6.0)
    assert (double.precision, single.precision) == ("double", "single")
    assert double.same
    assert single.same
    assert double.n_spike > 5
    assert double.n_compartment > 200


def test_a_fault_is_seen(cxx, monkeypatch):
    before, after = "inverse = (Real)1 / d;", "inverse = (Real)1.0001 / d;"

    def spoil(device, text, variant, name):
        assert before in text
        return text.replace(before, after)

    monkeypatch.setattr(HostDevice, "prepare", spoil)
    assert not any(one.same for one in compare_backends("cuda-host", 8, False, 6.0))


def test_there_are_cells_of_all_sizes():
    network = sample_network(20, large=True)
    sizes = [int(network.cell(gid).nseg.sum()) for gid in np.flatnonzero(network.kinds() == 0)]
    assert min(sizes) < 10
    assert sorted(sizes)[-2:] == [CABLE + 1, BRANCHES + 1]


def test_without_a_gpu_the_check_says_so():
    if not (trouble := gpu_trouble()):
        pytest.skip("there is a GPU")
    assert check_gpu() == ((), trouble)
