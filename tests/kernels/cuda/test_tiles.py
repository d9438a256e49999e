"""Cells tile by tile: the bits of the CPU engine, whatever the cut; faults planted in it show."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest

from kernels import Events, make_engine
from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.errors import NotFinite
from kernels.precision import DOUBLE, SINGLE

LAST = 60  # steps
SIZES = [9, 40, 1, 23, 70, 7]
PRECISIONS = {"double": DOUBLE, "single": SINGLE}


def variant(tile: int) -> Variant:
    return Variant(64, 7, False, False, tile=tile)


@pytest.fixture(params=["Hines", "condensed"])
def trees(request) -> str:
    if request.param == "condensed":
        request.getfixturevalue("condense_all")
    return request.param


@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_of_the_cpu_engine(blocks, cxx, agree, trees, precision, method):
    block = blocks.random(3, SIZES, method=method)
    events = blocks.events(block, 3, 60, LAST)
    cpu = blocks.advance(make_engine(block, "cpu", precision), events, LAST, LAST)
    for tile, order in ((1, "descending"), (8, 3), (30, "ascending")):
        engine = CudaEngine(block, HostDevice(order), variant(tile), PRECISIONS[precision])
        assert len(engine.state.nodes.cell) > block.n_cell
        assert agree(cpu, blocks.advance(engine, events, LAST, 33))
    assert len(cpu.spikes.step)


def test_a_saved_state_goes_on_in_other_pieces(blocks, cxx, trees):
    block = blocks.random(3, SIZES, n_artificial=6)
    events = blocks.events(block, 3, 60, LAST)
    early, late = (
        Events(events.step[m], events.time[m], events.connection[m])
        for m in (events.step < 30, events.step >= 30)
    )

    def make(tile):
        if tile == "cpu":
            return make_engine(block, "cpu")
        return CudaEngine(block, HostDevice(3), variant(tile) if tile else None)

    for first, second in ((8, "cpu"), ("cpu", 8), (8, 2), (8, 0), (0, 8)):
        one, other = make(first), make(second)
        for engine in (one, other):
            engine.reset()
        one.advance(0, 30, early)
        one.read()
        other.load(one.save())
        for a, b in zip(one.sample(), other.sample(), strict=True):
            np.testing.assert_array_equal(a, b)
        spikes = [engine.advance(30, LAST, late) for engine in (one, other)]
        for field in ("step", "time", "source"):
            np.testing.assert_array_equal(*(getattr(s, field) for s in spikes))
        for rows, again in zip(one.read(), other.read(), strict=True):
            np.testing.assert_array_equal(rows, again)


def test_a_voltage_that_is_no_number_names_cell_and_node(blocks, cxx):
    block = blocks.random(4, [20, 30])
    v_init = block.v_init.copy()
    v_init[41] = np.nan
    engine = CudaEngine(dataclasses.replace(block, v_init=v_init), HostDevice(), variant(5))
    engine.reset()
    with pytest.raises(NotFinite, match="cell 1"):
        engine.advance(0, 1, blocks.no_events())


FAULTS = {
    "what is left before all is eliminated": (
        "cell.n - 1);\n                    }\n                }\n                __syncthreads();",
        "cell.n - 1);\n                    }\n                }",
    ),
    "couplings of the trunk that stay changed": (
        "                    set_couplings(p, cell);\n",
        "",
    ),
    "pulls in another order": (
        "for (int k = head[i]; k < last; ++k) {",
        "for (int k = last - 1; k >= head[i]; --k) {",
    ),
    "a solution that is not the trunk's": (
        "                        substitute_levels(cell, cell.n_level - 2, cell.n - 1);\n",
        "",
    ),
    "an inverse pivot that is not kept": ("p->diagonal[o] = cell.diagonal[i];", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_shows(blocks, cxx, agree, condense_all, fault):
    block = blocks.random(3, SIZES)
    before, after = FAULTS[fault]
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 20, 20)
    found = []
    for order in ("ascending", "descending", 2):
        engine = CudaEngine(block, HostDevice(order), variant(8))
        assert engine.program.text.count(before) == 1
        text = engine.program.text.replace(before, after)
        engine.modules = [engine.device.load(text, c.variant, "spoilt") for c in engine.classes]
        with contextlib.suppress(NotFinite):
            found.append(agree(cpu, blocks.advance(engine, blocks.no_events(), 20, 20)))
    assert not found or not all(found)
