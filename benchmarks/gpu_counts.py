"""Count what the CUDA kernels execute: blocks of equal cells, run from PTX on the CPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from kernels import Block, Events, Instances, Ion
from kernels.cuda import CudaEngine, Variant
from kernels.cuda.cards import WARP, Card
from kernels.cuda.count import CountingDevice, Counts, Listing
from kernels.cuda.model import Cells, Load
from kernels.cuda.nvrtc import compile_binary
from kernels.cuda.tally import executed, loads
from kernels.nmodl import BUILT_IN, load
from kernels.precision import DOUBLE, Precision
from kernels.schedule import dhs_schedule

#: Sections of the tree: stems of a soma, each branching in two this often.
STEMS, GENERATIONS = 6, 4
#: Nodes of the trunk of a cell with spines, and from how many nodes on a cell has them.
TRUNK, SPINY = 4000, 50_000
#: How names of functions that solve the tree begin.
SOLVING = ("solve", "eliminate", "substitute")


def dendrite(n_node: int) -> np.ndarray:
    """Parents of a cell: a soma with branching stems; large ones with spines of two nodes."""
    if n_node >= SPINY:
        trunk = dendrite(TRUNK)
        n_spine = (n_node - TRUNK) // 2
        neck = 1 + np.arange(n_spine) % (TRUNK - 1)
        return np.concatenate([trunk, neck, TRUNK + np.arange(n_spine)])
    n_section = STEMS * (2 ** (GENERATIONS + 1) - 1)
    size = np.diff(np.linspace(1, n_node, n_section + 1).astype(int))
    parent, end = [-1], []
    for section, n in enumerate(size):
        begin = end[(section - STEMS) // 2] if section >= STEMS else 0
        for k in range(n):
            parent.append(begin if k == 0 else len(parent) - 1)
        end.append(len(parent) - 1 if n else begin)
    return np.array(parent)


def cell_block(parent: np.ndarray, mechanisms: Sequence[str]) -> Block:
    """One cell of a tree, mechanisms on all its nodes."""
    n = len(parent)
    node, cell = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
    loaded = [load(BUILT_IN / f"{name}.mod", tables=False) for name in mechanisms]
    ions = [("k", -77.0, 54.4, 2.5), ("na", 50.0, 10.0, 140.0)]
    return Block(
        dt=0.025,
        celsius=6.3,
        method="backward-euler",
        cell_ptr=np.array([0, n], np.int64),
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, 0.01),
        capacitance=np.full(n, 0.001),
        area=np.full(n, 100.0),
        diam=np.full(n, 2.0),
        v_init=np.full(n, -65.0),
        mechanisms=tuple(Instances(mechanism, node, cell) for mechanism in loaded),
        ions=tuple(Ion(name, 1.0, *(np.full(n, v) for v in values)) for name, *values in ions),
        globals={},
        source_node=np.zeros(1, np.int32),
        source_threshold=np.full(1, 1e9),
        source_instance=np.full((1, 2), -1, np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
    )


@dataclasses.dataclass(frozen=True)
class Counted:
    """What one cell executes."""

    n_node: int
    variant: Variant
    n_shared: int  # [bytes]
    n_step: int  # of the schedules of all its pieces
    registers: int  # of a thread
    listing: Listing
    step: Counts
    launch: Counts  # besides the steps
    kept: float  # [bytes] that every step uses

    def cells(self, card: Card, n: int) -> Cells:
        """n such cells as a load of a card."""
        every = self.load(card), self.load(card, self.launch)
        return Cells(n, *every, self.step.footprint, self.kept)

    def load(self, card: Card, counts: Counts | None = None) -> Load:
        """Of one cell in one step."""
        counts = self.step if counts is None else counts
        return sum(loads(self.listing, counts, card).values(), Load())

    def barriers(self) -> float:
        """Block barriers that a thread passes in a step."""
        rows = executed(self.listing, self.step).items()
        bars = sum(c["bar.sync"] for name, c in rows if not name.startswith(SOLVING))
        return bars / self.step.entered.shape[1]


def count_cell(
    block: Block,
    architecture: str,
    variant: Variant | None = None,
    precision: Precision = DOUBLE,
) -> Counted:
    """Advance a cell by one step and by three more; the difference is the steps' own.

    Args:
        block: of one cell.
        architecture: "sm_80" or "sm_90".
        variant: the kernel; by default the engine's choice.
        precision: of states, voltages and the matrix.
    """
    nothing = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    device = CountingDevice(architecture)
    engine = CudaEngine(block, device, variant, precision)
    (module,), (chosen,) = engine.modules, engine.classes
    engine.reset()
    taken = []
    for first, last in ((0, 1), (1, 4)):
        device.clear(module)
        engine.advance(first, last, nothing)
        taken.append(device.counts(module))
    step = (taken[1] - taken[0]) / 2
    text, defines = engine.program.text, chosen.variant.defines()
    made = compile_binary(text, architecture, defines, "block.cu")
    return Counted(
        block.n_node,
        chosen.variant,
        chosen.n_shared,
        int((np.diff(engine.state.nodes.arrays["level_first"]) - 1).sum()),
        made.resources["advance"].registers,
        module.listings["advance"],
        step,
        taken[0] - step,
        device.footprint(module, step.sectors > 0),
    )


def count_paper_kernel(text: str, parent: np.ndarray, architecture: str) -> Counted:
    """One warp, one cell, 32 lanes: a step of the solver with its state in global memory.

    The solution is compared with that of a plain elimination.
    """
    n = len(parent)
    schedule = dhs_schedule(parent, WARP)
    order = schedule.order[::-1]
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    above = np.where(parent[order] < 0, 0, place[parent[order]]).astype(np.int32)
    rng = np.random.default_rng(1)
    axial = np.where(parent[order] < 0, 0.0, rng.uniform(0.5, 1.0, n))
    diagonal = 1.0 + axial
    np.add.at(diagonal, above, axial)
    right = rng.uniform(-70.0, -60.0, n)
    expected = _solve(above, axial, diagonal.copy(), right.copy())
    level_ptr = (n - schedule.level_ptr[::-1]).astype(np.int32)
    first = np.array([0, len(level_ptr)], np.int32)
    arrays = (axial, diagonal, right, above, level_ptr, first)
    table = np.array([a.ctypes.data for a in arrays], np.uint64)
    device = CountingDevice(architecture)
    variant = Variant(WARP, WARP, True, False)
    module = device.load(text, variant, "paper")
    device.clear(module)
    device.launch(module, "advance", 1, WARP, 16, (table.ctypes.data, 0, 1, 0))
    device.synchronize()
    np.testing.assert_allclose(right, expected, rtol=1e-12)
    made = compile_binary(text, architecture, variant.defines(), "paper.cu")
    counts = device.counts(module)
    listing, registers = module.listings["advance"], made.resources["advance"].registers
    how = (n, variant, 16, schedule.n_steps, registers, listing)
    return Counted(*how, counts, counts - counts, counts.footprint)


def _solve(parent, axial, diagonal, right) -> np.ndarray:
    """Parents before children: one node after the other."""
    for i in range(len(parent) - 1, 0, -1):
        factor = axial[i] / diagonal[i]
        diagonal[parent[i]] -= factor * axial[i]
        right[parent[i]] += factor * right[i]
    right[0] /= diagonal[0]
    for i in range(1, len(parent)):
        right[i] = (right[i] + axial[i] * right[parent[i]]) / diagonal[i]
    return right
