"""POINTERs on the device: the bits of the CPU engine, whoever runs first."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels import KernelsError, Pointer, make_engine
from kernels.cuda import CudaEngine, HostDevice, Variant

LAST = 40  # steps


@pytest.fixture(scope="module")
def watching():
    """The tests of POINTERs on every engine, as a module."""
    place = Path(__file__).parents[1] / "test_pointers.py"
    spec = importlib.util.spec_from_file_location("watching", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["watching"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("order", ["ascending", "descending", 5])
def test_bits_of_the_cpu_engine(blocks, host_engine, agree, watching, order):
    block = watching.make_block(blocks, one_cell=True)
    cpu = blocks.advance(make_engine(block, "cpu"), watching.events(), LAST, LAST)
    tiles = Variant(64, 7, False, False, tile=1)  # cells with POINTERs stay whole
    for variant in (None, Variant(64, 7, True, False), tiles):
        engine = host_engine(block, order, variant)
        assert agree(cpu, blocks.advance(engine, watching.events(), LAST, 16))
    assert np.ptp(cpu.samples[3][:, 0]) == 19.5  # Goal.e, which a Watcher moves


def test_bits_of_what_nvrtc_makes(blocks, ptx_engine, agree, watching):
    block = watching.make_block(blocks, one_cell=True)
    cpu = blocks.advance(make_engine(block, "cpu"), watching.events(), LAST, LAST)
    assert agree(cpu, blocks.advance(ptx_engine(block), watching.events(), LAST, 16))


def test_what_several_add_comes_in_their_order(blocks, host_engine, agree, watching):
    block = watching.cell_of_parts(blocks)
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), LAST, LAST)
    for order in ("ascending", "descending", 3):
        engine = host_engine(block, order)
        assert agree(cpu, blocks.advance(engine, blocks.no_events(), LAST, LAST))


def test_several_set_and_add_to_one_variable(blocks, host_engine, agree, watching):
    block = watching.make_block(blocks, one_cell=True)
    goal, watcher = block.mechanisms
    pointers = tuple(
        Pointer(p.name, p.variable, p.instance, 0 * p.place) if p.name != "far" else p
        for p in watcher.pointers
    )
    shared = dataclasses.replace(watcher, pointers=pointers)
    block = dataclasses.replace(block, mechanisms=(goal, shared))
    cpu = blocks.advance(make_engine(block, "cpu"), watching.events(), LAST, LAST)
    for order in ("ascending", "descending", 3):
        engine = host_engine(block, order)
        assert agree(cpu, blocks.advance(engine, watching.events(), LAST, LAST))


def test_a_state_with_pointers_is_saved_whole(blocks, host_engine, agree, watching):
    from kernels import Events

    block = watching.make_block(blocks, one_cell=True)
    one, other = make_engine(block, "cpu"), host_engine(block)
    other.reset()
    one.reset()
    one.advance(0, 20, watching.events())
    other.load(one.save())
    one.read()
    nothing = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    one.advance(20, LAST, nothing)
    other.advance(20, LAST, nothing)
    for rows, again in zip(one.read(), other.read(), strict=True):
        np.testing.assert_array_equal(rows, again)


def test_a_missing_barrier_shows(blocks, host_engine, agree, watching):
    block = watching.make_block(blocks, one_cell=True)
    cpu = blocks.advance(make_engine(block, "cpu"), watching.events(), LAST, LAST)
    found = []
    for order in ("ascending", "descending", 5):
        engine = host_engine(block, order)
        text = engine.program.text
        spoilt = text.replace("    put_1_1(p, cell);", "", 1)
        assert spoilt != text
        spoilt = spoilt.replace("fetch_1_0(p, cell);\n        __syncthreads();", "", 1)
        engine.modules = [engine.device.load(spoilt, c.variant, "spoilt") for c in engine.classes]
        found.append(agree(cpu, blocks.advance(engine, watching.events(), LAST, LAST)))
    assert not all(found)


def test_a_target_in_another_cell_is_refused(blocks, cxx, watching):
    block = watching.make_block(blocks)
    with pytest.raises(
        KernelsError, match="Watcher.goal of cell 0 stands for a variable of cell 1"
    ):
        CudaEngine(block, HostDevice())
