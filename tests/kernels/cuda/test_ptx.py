"""The PTX that NVRTC makes, executed on the CPU: the bits of the CPU engine."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import KernelsError, make_engine
from kernels.cuda import CudaEngine, PtxDevice, Variant
from kernels.cuda.nvrtc import compile_ptx
from kernels.cuda.ptx import translate

LAST = 80  # steps
VARIANTS = {
    "chosen by size": None,
    "seven lanes of two warps": Variant(64, 7, False, False),
    "state in L2": Variant(64, 64, True, False),
    "tiles": Variant(64, 32, False, False, tile=12),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("trees", ["Hines", "condensed"])
def test_bits_of_the_cpu_engine(blocks, ptx_engine, agree, variant, trees, request):
    if trees == "condensed":
        request.getfixturevalue("condense_all")
    for seed, order in ((3, "ascending"), (4, 9)):
        block = blocks.random(seed, [9, 40, 1, 23, 7, 7])
        events = blocks.events(block, seed, 60, LAST)
        cpu = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
        engine = ptx_engine(block, order, VARIANTS[variant])
        assert agree(cpu, blocks.advance(engine, events, LAST, 33))


class SpoiltDevice(PtxDevice):
    """Runs PTX with one instruction replaced by another."""

    def __init__(self, before: str, after: str):
        super().__init__("sm_80", 3)
        self.change = before, after

    def prepare(self, text: str, variant: Variant, name: str) -> str:
        source = compile_ptx(text, self.architecture, variant.defines(), "spoilt.cu")
        before, after = self.change
        assert before in source
        return translate(source.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [("div.rn.f64", "mul.rn.f64"), ("rcp.rn.f64", "neg.f64"), ("bar.warp.sync", "// ")],
)
def test_a_fault_of_the_compiler_would_show(blocks, cxx, nvrtc, agree, before, after):
    block = blocks.random(3, [9, 40, 1, 23, 7, 7])
    cpu = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 10, 10)
    engine = CudaEngine(block, SpoiltDevice(before, after))
    try:
        assert not agree(cpu, blocks.advance(engine, blocks.no_events(), 10, 10))
    except KernelsError as problem:
        assert "voltage is" in str(problem)


KERNEL = """.visible .entry advance(
\t.param .u64 advance_param_0
)
{{
\t.reg .f64 %fd<3>;
\t{line}
\tret;
}}
"""


@pytest.mark.parametrize(
    "line",
    [
        "add.rz.f64 \t%fd1, %fd1, %fd2;",
        "ex2.approx.ftz.f32 \t%f1, %f2;",
        "atom.global.add.f64 \t%fd1, [%rd1], %fd2;",
        "ld.volatile.f64 \t%fd1, [%rd1];",
        "ld.const.f64 \t%fd1, [%rd1];",
        "shfl.sync.bfly.b32 \t%r1, %r2, 1, 31, -1;",
        ".reg .f16 %h<3>;",
        "add.rn.f64 \t%fd1, %fd1, 0f3F800000;",
        "mov.b64 \t{%r1, %r2}, %fd1;",
    ],
)
def test_what_is_not_known_is_an_error(line):
    with pytest.raises(KernelsError, match="not known"):
        translate(KERNEL.format(line=line))


def test_a_text_without_kernels_is_an_error():
    with pytest.raises(KernelsError, match="holds no kernel"):
        translate(".version 8.8")


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_orders_of_threads_change_no_bit(blocks, ptx_engine, agree, order):
    block = blocks.random(11, [33, 5])
    one = blocks.advance(ptx_engine(block, 2), blocks.no_events(), 20, 20)
    assert agree(one, blocks.advance(ptx_engine(block, order), blocks.no_events(), 20, 20))
    assert np.ptp(one.samples[0]) > 1.0


@pytest.mark.parametrize(("width", "bits"), [("u64", "rd"), ("u32", "r")])
def test_addresses_of_shared_memory_are_as_wide_as_the_compiler_likes(width, bits):
    """NVRTC of CUDA 12 takes 64 bits for them, that of CUDA 13 takes 32."""
    body = (
        f".reg .b{width[1:]} %{bits}<3>;\n.reg .f64 %fd<3>;\n"
        f"mov.{width} %{bits}1, shared;\nld.shared.f64 %fd1, [%{bits}1+-8];\n"
        "st.shared.f64 [shared+16], %fd1;\nret;\n"
    )
    made = translate(f".visible .entry advance()\n{{\n{body}}}\n")
    assert f"{bits}1 = ({'uint64_t' if width == 'u64' else 'uint32_t'})(0);" in made
    assert f"fd1 = *(double *)((char *)shared + (int32_t)({bits}1 + (-8LL)));" in made
    assert "*(double *)((char *)shared + (int32_t)(0 + (16LL))) = (double)fd1;" in made


def test_a_generic_address_is_not_taken_for_a_shared_one():
    with pytest.raises(KernelsError, match=r"the address `\[shared\]` is not known"):
        translate(
            ".visible .entry advance()\n{\n.reg .f64 %fd<2>;\nld.global.f64 %fd1, [shared];\n}\n"
        )
