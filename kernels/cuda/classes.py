"""Which cells are advanced by which kernel: threads, lanes, place of the solver's vectors.

These are choices for speed, made by `kernels.cuda.choice`; no bit depends on them. A cell whose
vectors do not fit into shared memory keeps them in global memory, which means the L2 cache, or is
advanced tile by tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from kernels.cuda.tiles import Tiling, make_tiling
from kernels.schedule import Elimination, Schedule, schedule_elimination

WARP = 32
#: Threads that a multiprocessor shall hold, and what 65,536 registers leave each of them.
REGISTER_BLOCKS, REGISTERS_LEFT = 640, 96
TILED_BLOCKS = 512  # of cells in tiles, whose shared memory lets in no more
MAX_POSITION = 65_534  # of a 16-bit index


@dataclass(frozen=True)
class Variant:
    """What is fixed when a kernel is compiled."""

    threads: int
    lanes: int
    large: bool
    serial: bool  # events of a cell are delivered by one thread, with a queue of self-events
    condensed: bool = False  # nodes may have two neighbours when they are eliminated
    tile: int = 0  # nodes of a tile; 0: the cell is in one piece

    @property
    def where(self) -> str:
        """Where the solver's vectors lie."""
        return f"tiles of {self.tile}" if self.tile else "L2" if self.large else "shared"

    def defines(self) -> dict[str, int]:
        """Macros of the text."""
        return {
            "THREADS": self.threads,
            "LANES": self.lanes,
            "LARGE": int(self.large),
            "QUEUE": int(self.serial),
            "CONDENSED": int(self.condensed),
            "TILED": int(self.tile > 0),
            "TILE": self.tile,
            "MIN_BLOCKS": max(1, (TILED_BLOCKS if self.tile else REGISTER_BLOCKS) // self.threads),
        }


@dataclass(frozen=True)
class CellClass:
    """Cells that one launch advances: consecutive ones in the order of the device."""

    variant: Variant
    first: int  # among all cells
    n: int
    n_shared: int  # bytes of shared memory that the largest cell takes


def shared_bytes(n_node: int, n_step: int, n_condensed: int = 0, n_byte: int = 8) -> int:
    """Shared memory of a cell: four numbers and three 16-bit indices a node, and the levels.

    Where nodes are condensed, a second coupling and neighbour of each node, and more to pull.

    Args:
        n_node: of the cell.
        n_step: of its elimination.
        n_condensed: of its nodes.
        n_byte: of a number.
    """
    real, small = (5, 4) if n_condensed else (4, 3)
    n_small = small * n_node + 1 + n_condensed + n_step + 1
    return -(-(n_byte * real * n_node + 2 * n_small) // 16) * 16


class Schedules:
    """Schedules of the trees of a block, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Schedule] = {}
        self._tiled: dict[tuple[int, int, int], Tiling] = {}
        self._plans: list[Elimination] = []  # kept, so that no identity is used twice

    def __call__(self, plan: Elimination, k: int) -> Schedule:
        key = (id(plan), k)
        if key not in self._known:
            self._plans.append(plan)
            self._known[key] = schedule_elimination(plan, k)
        return self._known[key]

    def tiled(self, plan: Elimination, n_tile: int, k: int) -> Tiling:
        """A tree in tiles, each scheduled for k lanes."""
        key = (id(plan), n_tile, k)
        if key not in self._tiled:
            self._plans.append(plan)
            self._tiled[key] = make_tiling(plan, n_tile, k)
        return self._tiled[key]

    def n_steps(self, plan: Elimination, variant: Variant) -> int:
        """Steps of a cell, of all its pieces where it is in tiles."""
        if not variant.tile:
            return self(plan, variant.lanes).n_steps
        trees = self.tiled(plan, variant.tile, variant.lanes).trees
        return sum(len(tree.level_ptr) - 1 for tree in trees)

    def shared(self, plan: Elimination, variant: Variant, n_byte: int) -> int:
        """Shared memory [bytes] of a cell."""
        if variant.tile:
            return self.tiled(plan, variant.tile, variant.lanes).shared_bytes(n_byte)
        n_step = self(plan, variant.lanes).n_steps
        return shared_bytes(plan.n, n_step, plan.n_condensed, n_byte)


def classify(
    plans: Sequence[Elimination],
    variants: list[Variant],
    schedules: Schedules,
    n_byte: int = 8,
) -> tuple[np.ndarray, list[CellClass]]:
    """Order the cells, largest first within a class, and cut them into classes.

    Args:
        plans: of every cell.
        variants: of every cell.
        schedules: where schedules are kept.
        n_byte: of a number.

    Returns:
        Cells of the block in the order of the device, and the classes.
    """
    keys = sorted(set(variants), key=lambda v: (v.tile > 0, astuple(v)))  # pieces come last
    rank = {variant: k for k, variant in enumerate(keys)}
    size = np.array([plan.n for plan in plans], np.int64)
    group = np.array([rank[v] for v in variants], np.int64)
    order = np.lexsort((np.arange(len(plans)), -size, group))
    classes, first = [], 0
    for k, variant in enumerate(keys):
        mine = np.flatnonzero(group == k)
        n_shared = 16
        if not variant.large:
            own = {id(plans[c]): plans[c] for c in mine.tolist()}.values()
            n_shared = max([16, *(schedules.shared(e, variant, n_byte) for e in own)])
        classes.append(CellClass(variant, first, len(mine), n_shared))
        first += len(mine)
    return order, classes
