"""Single precision on the CUDA engine: the bits of the CPU engine, and no float64 unasked."""

from __future__ import annotations

import contextlib
import dataclasses
import re

import pytest

from kernels import make_engine
from kernels.cuda import CudaEngine, HostDevice, PtxDevice, Variant
from kernels.cuda.engine import print_block
from kernels.cuda.expression import SINGLE as FLOAT
from kernels.cuda.expression import literal
from kernels.cuda.nvrtc import compile_ptx
from kernels.errors import NotFinite
from kernels.precision import SINGLE
from kernels.preparation import prepare

LAST = 80  # steps
SIZES = [9, 40, 1, 23, 7, 7, 3, 3, 2]
VARIANTS = {
    "chosen by size": None,
    "one lane": Variant(32, 1, False, False),
    "seven lanes of two warps": Variant(64, 7, False, False),
    "state in L2": Variant(64, 64, True, False),
    "tiles": Variant(64, 7, False, False, tile=8),
}


def outcome(blocks, block, events, device=None, variant=None, epoch=LAST):
    if device is None:
        engine = make_engine(block, "cpu", "single")
    else:
        engine = CudaEngine(block, device, variant, SINGLE)
    return blocks.advance(engine, events, LAST, epoch)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
def test_bits_of_the_cpu_engine(blocks, cxx, agree, variant, method):
    block = blocks.random(3, SIZES, method=method)
    events = blocks.events(block, 3, 60, LAST)
    cpu = outcome(blocks, block, events)
    for order in ("ascending", "descending", 7):
        device = HostDevice(order)
        assert agree(cpu, outcome(blocks, block, events, device, VARIANTS[variant], 33))


@pytest.mark.parametrize("variant", ["chosen by size", "state in L2"])
@pytest.mark.parametrize("trees", ["Hines", "condensed"])
def test_bits_of_the_ptx(blocks, cxx, nvrtc, agree, variant, trees, request):
    if trees == "condensed":
        request.getfixturevalue("condense_all")
    block = blocks.random(4, SIZES)
    events = blocks.events(block, 4, 60, LAST)
    cpu = outcome(blocks, block, events)
    engine = CudaEngine(block, PtxDevice("sm_90", 9), VARIANTS[variant], SINGLE)
    assert any(c.variant.condensed for c in engine.classes) == (trees == "condensed")
    assert agree(cpu, blocks.advance(engine, events, LAST, 33))


FAULTS = {
    "a product in float64": ("const Real factor", "const double factor"),
    "a flow through a coupling that was made": ("coupling > 0 ? coupling : 0", "fabsf(coupling)"),
    "a flow of the wrong sign": ("- flow(coupling, v", "+ flow(coupling, v"),
    "another coefficient of exp": (literal(0.00836871006, FLOAT), literal(0.00838, FLOAT)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_shows(blocks, cxx, agree, condense_all, fault):
    block = blocks.random(3, SIZES)
    before, after = FAULTS[fault]

    class Spoilt(HostDevice):
        def prepare(self, text: str, variant: Variant, name: str) -> str:
            assert before in text
            return text.replace(before, after)

    cpu = outcome(blocks, block, blocks.no_events())
    with contextlib.suppress(NotFinite):
        assert not agree(cpu, outcome(blocks, block, blocks.no_events(), Spoilt()))


def arithmetic(source: str) -> set[str]:
    """Operations of float64 in a kernel; to read, write, compare and convert one is none."""
    named = re.findall(r"^\s*(?:@!?%p\d+\s+)?([a-z][\w.]*\.f64)[\s;]", source, re.MULTILINE)
    idle = ("ld", "st", "mov", "cvt", "setp", "selp")
    return {opcode for opcode in named if not opcode.startswith(idle)}


def test_float64_is_in_no_step_of_hh(blocks, nvrtc):
    """A step of hh has none; with events it has that of their times and of NET_RECEIVE."""
    whole = blocks.random(3, SIZES)
    quiet = dataclasses.replace(
        whole,
        mechanisms=tuple(g for g in whole.mechanisms if g.mechanism.name in ("hh", "pas")),
        probes=(),
        source_node=whole.source_node[:0],
        source_threshold=whole.source_threshold[:0],
        source_instance=whole.source_instance[:0],
        connection_target=whole.connection_target[:0],
        weight=whole.weight[:0],
    )
    found = []
    for block in (quiet, whole):
        text = print_block(block, prepare(block, SINGLE)).text
        defines = Variant(32, 32, False, block is whole).defines()
        kernels = compile_ptx(text, "sm_80", defines, "block.cu").split(".visible .entry ")
        found.append(arithmetic(next(k for k in kernels if k.startswith("advance"))))
    assert found[0] == set()
    assert {"add.rn.f64", "mul.rn.f64"} <= found[1]
