"""Values that all instances of a mechanism have in common are read from one place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Instances, Pointer, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice, PtxDevice
from kernels.cuda.common import common_values
from kernels.cuda.engine import print_block
from kernels.nmodl import loads
from kernels.precision import DOUBLE, SINGLE
from kernels.preparation import prepare

N, LAST = 6, 40
#: Values of hh that nothing sets; that of gkbar differs below.
FIXED = {"gnabar": 0.12, "gl": 0.0003, "el": -54.3, "ena": 50.0, "ek": -77.0}


def hh_block(blocks, **parameters):
    """Cells of one node with hh."""
    node = np.arange(N, dtype=np.int32)
    hh = Instances(blocks.mechanism("hh"), node, node, parameters)
    return blocks.simple([hh], n_cell=N, probes=[Probe("v", node, 1)])


def varied(blocks):
    return hh_block(blocks, gkbar=np.linspace(0.01, 0.06, N))


def test_what_is_common(blocks):
    block = varied(blocks)
    assert common_values(block, prepare(block), 0) == pytest.approx(FIXED)
    zeros = hh_block(blocks, gl=np.array([0.0] * 5 + [-0.0]))
    assert set(common_values(zeros, prepare(zeros), 0)) == {"gkbar", *FIXED} - {"gl"}


def test_what_others_may_set_is_not(blocks):
    """A POINTER to a parameter of hh."""
    block = hh_block(blocks)
    text = "NEURON { POINT_PROCESS Setter POINTER far } ASSIGNED { far } BREAKPOINT { far = 1 }"
    setter = loads(text, "setter.mod")
    node = np.arange(N, dtype=np.int32)
    pointer = Pointer("far", "hh.gl", node.astype(np.int64), node.astype(np.int64))
    group = Instances(setter, node, node, pointers=(pointer,))
    both = dataclasses.replace(block, mechanisms=(*block.mechanisms, group))
    assert "gl" not in common_values(both, prepare(both), 0)


@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda one: one.name)
@pytest.mark.parametrize("device", [HostDevice, PtxDevice])
def test_the_same_bits(blocks, cxx, nvrtc, agree, device, precision):
    block = varied(blocks)
    text = print_block(block, prepare(block, precision)).text
    assert "gnabar_ = p->common_0[" in text
    assert "gkbar_ = d[" in text
    cpu = blocks.advance(make_engine(block, "cpu", precision.name), blocks.no_events(), LAST, LAST)
    engine = CudaEngine(block, device(), precision=precision)
    assert agree(cpu, blocks.advance(engine, blocks.no_events(), LAST, LAST))
    assert len(np.unique(cpu.samples[0][-1])) == N


def test_another_value_shows(blocks, cxx, agree):
    """The kernels do read them from there."""
    block = varied(blocks)
    engine = CudaEngine(block, HostDevice())
    outcome = blocks.advance(engine, blocks.no_events(), LAST, LAST)
    arrays = engine.state.constant_arrays
    engine.state.constant_arrays = lambda: arrays() | {"common_0": 2.0 * arrays()["common_0"]}
    assert not agree(outcome, blocks.advance(engine, blocks.no_events(), LAST, LAST))
