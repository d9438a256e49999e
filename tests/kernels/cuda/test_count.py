"""Counts of what the kernels execute are exact; the model is what is computed by hand."""

from __future__ import annotations

import ctypes
import dataclasses
import struct
from collections import Counter

import numpy as np
import pytest

from kernels.cuda import CudaEngine, Variant
from kernels.cuda.cards import CARDS, SOURCES
from kernels.cuda.count import SECTOR, CountingDevice, Instruction
from kernels.cuda.model import Cells, Load, demand_of, floor_of
from kernels.cuda.nvrtc import compile_binary
from kernels.cuda.tally import EXPANSION, chain_of, executed, loads

ONE_WARP = Variant(32, 32, False, False)


@pytest.fixture
def counted(blocks, cxx, nvrtc):
    """`counted(block, n_step, variant)`: listing and counts of `advance`, of one cell."""

    def count(block, n_step, variant=ONE_WARP):
        device = CountingDevice("sm_80")
        engine = CudaEngine(block, device, variant)
        (module,) = engine.modules
        engine.reset()
        device.clear(module)
        engine.advance(0, n_step, blocks.no_events())
        return module.listings["advance"], device.counts(module)

    return count


def hh_cell(blocks, n):
    """A cable of n nodes with hh."""
    node = np.arange(n, dtype=np.int32)
    hh = blocks.mechanism("hh")
    from kernels import Instances

    block = blocks.simple([Instances(hh, node, np.zeros(n, np.int32))], n_cell=n)
    return dataclasses.replace(
        block,
        cell_ptr=np.array([0, n], np.int64),
        parent=node - 1,
        axial=np.where(node == 0, 0.0, 0.01),
    )


@pytest.mark.parametrize("threads", [32, 128])
def test_executed_is_static_times_trips(blocks, counted, threads):
    """Of a loop over n instances that has no branch, every instruction n times a step."""
    n, n_step = 75, 3
    listing, counts = counted(hh_cell(blocks, n), n_step, Variant(threads, 32, False, False))
    found = executed(listing, counts)
    for function, opcodes in (
        ("state_0", ["fma.rn.f64", "rcp.rn.f64", "div.rn.f64", "ld.shared.f64", "st.global.f64"]),
    ):
        static = Counter(i.opcode for i in listing.instructions if i.function == function)
        for opcode in opcodes:
            assert static[opcode] > 0
            assert found[function][opcode] == static[opcode] * n * n_step, opcode
    assert found["current_0"]["ld.shared.f64"] == 3 * n * n_step  # v, diagonal, right
    assert found["current_0"]["st.shared.f64"] == 2 * n * n_step
    # functions of one node count for the solver
    solver = found["eliminate_levels"]
    assert solver["rcp.rn.f64"] == solver["sub.rn.f64"] == (n - 1) * n_step
    assert found["solve_cable"]["div.rn.f64"] == n_step


def test_a_step_costs_what_the_one_before_did(blocks, counted):
    block = hh_cell(blocks, 40)
    totals = [
        sum(sum(c.values()) for c in executed(*counted(block, n)).values()) for n in (1, 2, 3)
    ]
    assert totals[2] - totals[1] == totals[1] - totals[0] > 0


TEXT = """\
struct Table { double *x; long long stride; };
extern "C" __global__ void advance(const Table *p, long long first, long long last, int cell) {
    double sum = 0.0;
    for (int k = 0; k < 2; ++k) {
        sum += p->x[threadIdx.x * p->stride + k * 100000];
        __syncthreads();
    }
    p->x[threadIdx.x * p->stride] = sum;
}
extern "C" __global__ void reset(const Table *p, long long first, long long last, int cell) {}
"""


@pytest.mark.parametrize(("stride", "per_warp"), [(0, 1), (1, 8), (2, 16), (4, 32), (9, 32)])
def test_sectors_are_those_of_the_addresses(cxx, nvrtc, stride, per_warp):
    device = CountingDevice("sm_80")
    variant = Variant(64, 32, True, False)
    module = device.load(TEXT, variant, "strided")
    values = np.zeros(200_008)
    begin = -(values.ctypes.data // 8) % 16  # as memory of a card, aligned
    table = np.array([values[begin:].ctypes.data, stride], np.uint64)
    device.launch(module, "advance", 1, 64, 16, (table.ctypes.data, 0, 1, 0))
    device.synchronize()
    counts = device.counts(module)
    load = sum(loads(module.listings["advance"], counts, CARDS["a100"]).values(), Load())
    assert load.moved == 3 * 2 * per_warp * SECTOR
    barriers = sum(c["bar.sync"] for c in executed(module.listings["advance"], counts).values())
    assert barriers == 2 * 64
    device.clear(module)
    assert not device.counts(module).entered.any()


def sections(binary):
    """(name, bytes) of an ELF file."""
    (table,) = struct.unpack_from("<Q", binary, 40)
    size, n, names = struct.unpack_from("<HHH", binary, 58)
    (strings,) = struct.unpack_from("<Q", binary, table + names * size + 24)
    for k in range(n):
        (name,) = struct.unpack_from("<I", binary, table + k * size)
        start, length = struct.unpack_from("<QQ", binary, table + k * size + 24)
        text = ctypes.string_at(binary[strings + name :]).decode()
        yield text, binary[start : start + length]


def machine_operations(expression, n, architecture, kind):
    """Operations of a kernel that applies an expression n times, by the low bits of their code."""
    body = f"x = {expression};" * n
    text = (
        f'extern "C" __global__ void f({kind} *a) {{ {kind} x = a[threadIdx.x], y = '
        f"a[threadIdx.x + 999]; {body} a[threadIdx.x] = x; }}"
    )
    code = dict(sections(compile_binary(text, architecture, {}, "f.cu").binary))[".text.f"]
    found = [struct.unpack_from("<H", code, at)[0] for at in range(0, len(code), 16)]
    end = next(k for k, one in enumerate(found) if one & 0xFFF == 0x94D)  # EXIT
    return Counter(one & 0x1FF for one in found[:end])


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize(
    ("opcode", "expression"),
    [
        ("rcp.rn.f64", "1.0 / x"),
        ("div.rn.f64", "y / x"),
        ("sqrt.rn.f64", "__dsqrt_rn(x)"),
        ("rcp.rn.f32", "1.0f / x"),
        ("div.rn.f32", "y / x"),
        ("sqrt.rn.f32", "__fsqrt_rn(x)"),
    ],
)
def test_instructions_of_the_machine(nvrtc, opcode, expression, architecture):
    """DMUL, DADD, DSETP, DFMA and all; in front of the call for subnormals stand up to 8 more."""
    kind = {"f64": "double", "f32": "float"}[opcode[-3:]]
    made = machine_operations(expression, 8, architecture, kind)
    made -= machine_operations(expression, 4, architecture, kind)
    total, real = EXPANSION[opcode]
    units = {"f64": (0x28, 0x29, 0x2A, 0x2B), "f32": (0x20, 0x21, 0x23)}[opcode[-3:]]
    assert sum(made[k] for k in units) / 4 == real
    assert 0 <= sum(made.values()) / 4 - total <= 8


def test_the_longest_chain():
    def make(opcode, *operands):
        return Instruction(opcode, operands, 0, "f", 1)

    card = CARDS["h100"]
    block = [
        make("ld.shared.f64", "%fd1", "[%rd1+8]"),
        make("ld.shared.f64", "%fd2", "[%rd2]"),
        make("mul.rn.f64", "%fd3", "%fd1", "%fd2"),
        make("add.rn.f64", "%fd4", "%fd3", "%fd2"),
        make("st.shared.f64", "[%rd1]", "%fd4"),
    ]
    assert chain_of(block, card) == 29 + 8 + 8
    assert chain_of([*block, make("bar.sync", "0"), block[0]], card) == 45 + 30 + 29


def test_the_floor_by_hand():
    card = CARDS["a100"]
    step = Load(issued=4000.0, real=100.0, shared=10.0, moved=1000.0, chain=2000.0)
    floor = floor_of(card, demand_of([Cells(216, step, Load(), 50.0, 40.0)], 10), 4)
    assert floor.bounds["issue"] == pytest.approx(10 * 4000 * 2 / 4 / 1.41e9)
    assert floor.bounds["float64"] == pytest.approx(10 * 100 * 2 / 1.41e9)
    assert floor.bounds["latency"] == pytest.approx(10 * 2000 / 1.41e9)
    assert floor.bounds["L2 cache"] == pytest.approx(216 * 10_000 / 4e12)
    assert floor.bounds["memory"] == pytest.approx(2 * 50 * 216 / (0.88 * 2.04e12))
    assert floor.limit == "issue"
    assert floor.seconds == floor.bounds["issue"] + card.launch
    wide = demand_of([Cells(216, step, Load(), 1e6, 8e5)], 10)
    once = pytest.approx(2e6 * 216 / (0.88 * 2.04e12))
    assert floor_of(card, wide, 4).bounds["memory"] == once
    streamed = dataclasses.replace(wide, total=1e6 * wide.total)
    missed = 1.0 - (40 << 20) / (216 * 8e5)
    for worst, share in ((False, missed), (True, 1.0)):
        memory = floor_of(card, streamed, 4, worst).bounds["memory"]
        assert memory == pytest.approx(share * 216 * 1e10 / (0.88 * 2.04e12))
    fits = dataclasses.replace(streamed, kept=40 << 20)
    assert floor_of(card, fits, 4, worst=True).bounds["memory"] == once


def test_every_constant_has_its_source():
    card = CARDS["h100"]
    named = {f.name for record in (card, card.latency) for f in dataclasses.fields(record)}
    assert set(SOURCES) == named - {"name", "architecture", "latency"}
