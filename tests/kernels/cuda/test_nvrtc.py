"""What NVRTC makes of the text: registers, spills and shared memory as pinned; rules of the PTX.

`python tests/kernels/cuda/test_nvrtc.py` writes the pins anew.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels import Block, Instances, Ion
from kernels.cable import make_cable
from kernels.cuda.cards import CARDS
from kernels.cuda.choice import Chooser, Kind
from kernels.cuda.classes import Schedules, Variant, shared_bytes
from kernels.cuda.engine import choose_classes, print_block
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.nvrtc import compile_binary, compile_ptx, toolchain
from kernels.cuda.occupancy import resident_cells, shared_of
from kernels.mechanism import Mechanism
from kernels.nmodl import BUILT_IN, load
from kernels.precision import DOUBLE, SINGLE
from kernels.preparation import prepare
from kernels.schedule import plan_elimination, schedule_elimination

PINS = Path(__file__).with_name("resources.json")
ARCHITECTURES = ("sm_80", "sm_90")
VARIANTS = {
    "32 threads": Variant(32, 32, False, False),
    "32 threads, queue": Variant(32, 32, False, True),
    "64 threads": Variant(64, 32, False, False),
    "64 lanes": Variant(64, 64, False, False),
    "128 threads": Variant(128, 32, False, False),
    "256 threads": Variant(256, 32, False, False),
    "512 lanes": Variant(512, 512, False, False),
    "128 lanes, condensed": Variant(128, 128, False, False, True),
    "large, one warp": Variant(128, 32, True, False),
    "large": Variant(512, 512, True, False),
    "large, condensed": Variant(512, 512, True, False, True),
    "tiles, one warp": Variant(128, 32, False, False, tile=1024),
    "tiles, condensed": Variant(512, 512, False, False, True, tile=2048),
}
#: What the engine picks besides, for cells of hh.
PICKED = {
    "128 lanes": Variant(128, 128, False, False),
    "256 lanes": Variant(256, 256, False, False),
    "512 lanes, condensed": Variant(512, 512, False, False, True),
}
#: Older cards get fewer pins: what is chosen most.
OLDER = [("hh", v, "sm_75") for v in ("32 threads", "64 threads", "large, one warp")]
BLOCKS = {
    "hh": ("hh",),
    "all": ("Exp2Syn", "ExpSyn", "IClamp", "AlphaSynapse", "SEClamp", "hh", "pas", "NetStim"),
}
#: After the name of a block: single precision.
SINGLY = ", single"


def branched_cell(n_node: int) -> np.ndarray:
    """A trunk with branches of forty nodes."""
    parent = np.arange(-1, n_node - 1)
    parent[40::40] = np.arange(len(parent[40::40])) % 20
    return parent


@functools.cache
def mechanism(name: str) -> Mechanism:
    return load(BUILT_IN / f"{name}.mod", tables=False)


def cell_block(names: tuple[str, ...], n_node: int = 200) -> Block:
    """One cell with every mechanism on all its nodes."""

    def each(value: float) -> np.ndarray:
        return np.full(n_node, value)

    groups = []
    for name in names:
        artificial = mechanism(name).kind == "artificial"
        node = np.array([-1]) if artificial else np.arange(n_node)
        cell = np.full(len(node), int(artificial))
        groups.append(Instances(mechanism(name), node.astype(np.int32), cell.astype(np.int32)))
    parent = branched_cell(n_node)
    return Block(
        dt=0.025,
        celsius=6.3,
        method="backward-euler",
        cell_ptr=np.array([0, n_node, n_node], np.int64),
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, 0.01),
        capacitance=each(0.001),
        area=each(100.0),
        diam=each(2.0),
        v_init=each(-65.0),
        mechanisms=tuple(groups),
        ions=(
            Ion("k", 1.0, *map(each, (-77.0, 54.4, 2.5))),
            Ion("na", 1.0, *map(each, (50.0, 10.0, 140.0))),
        ),
        globals={},
        source_node=np.zeros(0, np.int32),
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
    )


@functools.cache
def printers_of(name: str) -> tuple[MechanismPrinter, ...]:
    block = cell_block(BLOCKS[name])
    return print_block(block, prepare(block, DOUBLE)).printers


@functools.cache
def text(block: str) -> str:
    name = block.removesuffix(SINGLY)
    made = cell_block(BLOCKS[name])
    return print_block(made, prepare(made, DOUBLE if name == block else SINGLE)).text


@functools.cache
def ptx(block: str, variant: str) -> str:
    return compile_ptx(text(block), "sm_80", VARIANTS[variant].defines(), f"{block}.cu")


@functools.cache
def measure(block: str, variant: str, architecture: str) -> dict[str, dict[str, int]]:
    defines = (VARIANTS | PICKED)[variant].defines()
    made = compile_binary(text(block), architecture, defines, f"{block}.cu")
    return {
        kernel: {
            "registers": r.registers,
            "stack": r.stack,
            "spills": r.spill_stores + r.spill_loads,
        }
        for kernel, r in sorted(made.resources.items())
    }


#: Of single precision, the variants in which kernels differ most.
SINGLES = ("32 threads", "32 threads, queue", "128 lanes, condensed", "large", "large, condensed")
PINNED = [*itertools.product(BLOCKS, VARIANTS, ARCHITECTURES), *OLDER]
PINNED += itertools.product(("hh",), PICKED, ARCHITECTURES)
PINNED += itertools.product([f"{block}{SINGLY}" for block in BLOCKS], SINGLES, ARCHITECTURES)


@pytest.mark.parametrize(("block", "variant", "architecture"), PINNED)
def test_resources_are_those_pinned(nvrtc, block, variant, architecture):
    pins = json.loads(PINS.read_text())
    found = measure(block, variant, architecture)
    for kernel in ("advance", "reset"):
        assert found[kernel]["spills"] == found[kernel]["stack"] == 0
        assert found[kernel]["registers"] <= 128
    if pins["toolchain"] != nvrtc:
        pytest.skip(f"pinned with {pins['toolchain']}; this is {nvrtc}")
    assert found == pins["kernels"][f"{block}, {variant}, {architecture}"]


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.architecture)
@pytest.mark.parametrize("n_node", [20, 200, 400, 1000])
def test_what_is_picked_is_pinned(card, n_node):
    """For one cell of hh and for many, of a long tree and of a bushy one."""
    chooser = Chooser(card, printers_of("hh"), Schedules())
    bushy = (np.arange(n_node) - 1) // 2
    bushy[0] = -1
    for tree, n_cell in itertools.product((branched_cell(n_node), bushy), (1, 10_000)):
        kind = Kind(plan_elimination(tree), False, (n_node,), n_cell)
        (picked,) = chooser.choose([kind])
        assert picked in [*VARIANTS.values(), *PICKED.values()], picked


def test_an_hh_cell_of_200_compartments(nvrtc):
    """At most 96 registers, no spills, at least 16 cells a multiprocessor of sm_90."""
    plan = plan_elimination(branched_cell(200))
    n_shared = shared_bytes(200, schedule_elimination(plan, 32).n_steps)
    for variant in ("32 threads", "32 threads, queue"):
        found = measure("hh", variant, "sm_90")["advance"]
        assert found["registers"] <= 96
        assert measure(f"hh{SINGLY}", variant, "sm_90")["advance"]["registers"] <= 80
        assert resident_cells("sm_90", found["registers"], 32, n_shared) >= 16


def many_cells(one: Block, n: int) -> Block:
    """n times the first cell of a block."""
    n_node = one.n_node

    def again(values: np.ndarray) -> np.ndarray:
        return np.tile(values, n)

    first = np.repeat(np.arange(n) * n_node, n_node)
    parent = again(one.parent)
    return dataclasses.replace(
        one,
        cell_ptr=np.arange(n + 1) * n_node,
        parent=np.where(parent < 0, -1, parent + first).astype(np.int32),
        mechanisms=tuple(
            Instances(
                g.mechanism,
                (again(g.node) + first).astype(np.int32),
                np.repeat(np.arange(n, dtype=np.int32), g.n),
            )
            for g in one.mechanisms
        ),
        ions=tuple(Ion(i.name, i.valence, *map(again, (i.e, i.ci, i.co))) for i in one.ions),
        **{
            name: again(getattr(one, name))
            for name in ("axial", "capacitance", "area", "diam", "v_init")
        },
    )


@pytest.mark.parametrize("name", ["h100", "a100"])
def test_what_the_engine_picks_for_many_hh_cells(nvrtc, name):
    """At most 96 registers, no spills, at least 16 cells a multiprocessor."""
    card = CARDS[name]
    block = many_cells(cell_block(("hh",)), 4_000)
    program, plans = print_block(block, prepare(block, DOUBLE)), make_cable(block).plans
    _, (picked,) = choose_classes(block, program, card, plans, Schedules(), 8)
    made = compile_binary(program.text, card.architecture, picked.variant.defines(), "block.cu")
    found = made.resources["advance"]
    assert found.registers <= 96
    assert found.stack == found.spill_stores == found.spill_loads == 0
    how = (card.architecture, found.registers, picked.variant.threads)
    assert resident_cells(*how, picked.n_shared) >= 16


def test_resident_cells_of_known_kernels():
    """By hand: 80 registers x 32 threads = 10 units of 256; 4 schedulers of 16,384 / 2,560."""
    assert resident_cells("sm_90", 80, 32, 7_700) == 24
    assert resident_cells("sm_90", 96, 32, 0) == 20  # 4 x (16,384 / 3,072)
    assert resident_cells("sm_90", 200, 64, 0) == 4  # 4 x (16,384 / 6,400) / 2
    assert resident_cells("sm_75", 64, 32, 10_800) == 5  # 65,536 / (10,800 to 256)
    assert resident_cells("sm_80", 80, 32, 7_700) == 19  # 167,936 / (7,700 + 1,024 to 128)
    assert resident_cells("sm_90", 64, 128, 38_000) == 5
    assert resident_cells("sm_90", 32, 32, 0) == 32
    for architecture, n in itertools.product(("sm_75", "sm_80", "sm_90"), (1, 2, 7, 13, 16)):
        assert resident_cells(architecture, 32, 32, shared_of(architecture, n)) == n


def test_machine_code_is_a_whole_file(nvrtc):
    """CuPy's binding strips a byte; a driver that reads the file would miss it."""
    binary = compile_binary(text("hh"), "sm_90", VARIANTS["32 threads"].defines(), "hh.cu").binary
    first, count = struct.unpack_from("<Q", binary, 32)[0], struct.unpack_from("<H", binary, 56)[0]
    assert binary[:4] == b"\x7fELF"
    assert first + 56 * count == len(binary)


def opcodes(source: str) -> set[str]:
    return set(re.findall(r"^\s*(?:@!?%p\d+\s+)?([a-z][\w.]*)[\s;]", source, re.MULTILINE))


RULED = [*itertools.product(BLOCKS, VARIANTS)]
RULED += itertools.product([f"{block}{SINGLY}" for block in BLOCKS], SINGLES)


@pytest.mark.parametrize(("block", "variant"), RULED)
def test_rules_of_the_ptx(nvrtc, block, variant):
    """No local memory, no atomics, nothing approximate, no contraction: all arithmetic rounds."""
    source = ptx(block, variant)
    found = opcodes(source)
    assert ".local" not in source
    assert not {o for o in found if o.startswith(("atom", "red.")) or "approx" in o or ".ftz" in o}
    single = block.endswith(SINGLY)
    assert single or not {o for o in found if o.endswith("f32")}
    rounded = ("add", "sub", "mul", "div", "fma", "rcp", "sqrt")
    real = {o for o in found if o.endswith((".f32", ".f64")) and o.startswith(rounded)}
    assert real >= {f"{name}.rn.f{32 if single else 64}" for name in ("add", "mul", "fma")}
    assert {o for o in real if ".rn." not in o} == set()
    assert not {o for o in found if o.startswith("mad") and ".f" in o}


def test_contraction_is_off():
    """A product and a sum become one operation only where the text says fma."""
    source = 'extern "C" __global__ void f(double *x) { x[0] = x[1] * x[2] + x[3]; }'
    try:
        made = compile_ptx(source, "sm_80", {}, "f.cu")
    except Exception as problem:  # noqa: BLE001
        pytest.skip(str(problem))
    assert "fma" not in made
    assert {"mul.rn.f64", "add.rn.f64"} <= opcodes(made)


@pytest.mark.parametrize("variant", ["32 threads", "256 threads"])
def test_one_warp_solves_the_tree_without_block_barriers(nvrtc, variant):
    """Warp barriers are those of the tree, up and down; between them lies no block barrier."""
    lines = ptx("hh", variant).splitlines()
    warp = [k for k, line in enumerate(lines) if "bar.warp.sync" in line]
    assert len(warp) >= 2
    assert not [line for line in lines[warp[0] : warp[-1]] if "bar.sync" in line]


@pytest.mark.parametrize("variant", ["large", "128 lanes, condensed"])
def test_several_warps_use_block_barriers_in_the_tree(nvrtc, variant):
    assert "bar.warp.sync" not in ptx("hh", variant)


if __name__ == "__main__":
    kernels = {f"{b}, {v}, {a}": measure(b, v, a) for b, v, a in PINNED}
    record = {"toolchain": toolchain(), "kernels": kernels}
    PINS.write_text(json.dumps(record, indent=1) + "\n")
    sys.stdout.write(PINS.read_text())
