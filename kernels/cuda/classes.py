"""Which cells are advanced by which kernel: threads, lanes, place of the solver's vectors.

These are choices for speed, made by `kernels.cuda.choice`; no bit depends on them. A cell whose
vectors do not fit into shared memory keeps them in global memory, which means the L2 cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.schedule import Schedule, dhs_schedule

WARP = 32
#: Threads that a multiprocessor shall hold, and what 65,536 registers leave each of them.
REGISTER_BLOCKS, REGISTERS_LEFT = 640, 96
MAX_POSITION = 65_534  # of a 16-bit index


@dataclass(frozen=True)
class Variant:
    """What is fixed when a kernel is compiled."""

    threads: int
    lanes: int
    large: bool
    serial: bool  # events of a cell are delivered by one thread, with a queue of self-events

    def defines(self) -> dict[str, int]:
        """Macros of the text."""
        return {
            "THREADS": self.threads,
            "LANES": self.lanes,
            "LARGE": int(self.large),
            "QUEUE": int(self.serial),
            "MIN_BLOCKS": max(1, REGISTER_BLOCKS // self.threads),
        }


@dataclass(frozen=True)
class CellClass:
    """Cells that one launch advances: consecutive ones in the order of the device."""

    variant: Variant
    first: int
    n: int
    n_shared: int  # bytes of shared memory that the largest cell takes


def shared_bytes(n_node: int, n_step: int, n_byte: int = 8) -> int:
    """Shared memory of a cell: four numbers and three 16-bit indices a node, and the levels.

    Args:
        n_node: of the cell.
        n_step: of its elimination.
        n_byte: of a number.
    """
    return -(-(4 * n_byte * n_node + 2 * (3 * n_node + 1 + n_step + 1)) // 16) * 16


def relative_trees(block: Block) -> list[np.ndarray]:
    """Parents within each cell; all cells of one tree share one array."""
    known: dict[bytes, np.ndarray] = {}
    trees = []
    for first, last in zip(block.cell_ptr[:-1], block.cell_ptr[1:], strict=True):
        tree = block.parent[first:last].astype(np.int64)
        tree = np.where(tree < 0, -1, tree - first)
        trees.append(known.setdefault(tree.tobytes(), tree))
    return trees


class Schedules:
    """Schedules of the trees of a block, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Schedule] = {}
        self._trees: list[np.ndarray] = []  # kept, so that no identity is used twice

    def __call__(self, tree: np.ndarray, k: int) -> Schedule:
        key = (id(tree), k)
        if key not in self._known:
            self._trees.append(tree)
            self._known[key] = dhs_schedule(tree, k)
        return self._known[key]


def classify(
    trees: list[np.ndarray],
    variants: list[Variant],
    schedules: Schedules,
    n_byte: int = 8,
) -> tuple[np.ndarray, list[CellClass]]:
    """Order the cells, largest first within a class, and cut them into classes.

    Args:
        trees: of every cell.
        variants: of every cell.
        schedules: where schedules are kept.
        n_byte: of a number.

    Returns:
        Cells of the block in the order of the device, and the classes.
    """
    keys = sorted(set(variants), key=lambda v: (v.threads, v.lanes, v.large, v.serial))
    rank = {variant: k for k, variant in enumerate(keys)}
    size = np.array([len(tree) for tree in trees], np.int64)
    group = np.array([rank[v] for v in variants], np.int64)
    order = np.lexsort((np.arange(len(trees)), -size, group))
    classes, first = [], 0
    for k, variant in enumerate(keys):
        mine = np.flatnonzero(group == k)
        n_shared = 16
        if not variant.large:
            sizes = [
                shared_bytes(len(trees[c]), schedules(trees[c], variant.lanes).n_steps, n_byte)
                for c in mine
                if len(trees[c])
            ]
            n_shared = max([16, *sizes])
        classes.append(CellClass(variant, first, len(mine), n_shared))
        first += len(mine)
    return order, classes
