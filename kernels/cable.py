"""The cable equation of a block as its solvers take it: one elimination a tree, for every engine.

The solver hangs a cell from its best root, so it has parents and couplings of its own; nothing else
(mechanisms, events, geometry) knows of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kernels.block import Block
from kernels.errors import KernelsError
from kernels.schedule import Elimination, plan_elimination


@dataclass(frozen=True)
class Cable:
    """Trees and their matrices, over the nodes of the block."""

    plans: tuple[Elimination, ...]  # of each cell, by node of the cell; one object for one tree
    row: np.ndarray  # (n_node,) i8, place in the cell: the reverse of the serial order, root 0
    parent: np.ndarray  # (n_node,) i8, `Elimination.parent` by node of the block
    other: np.ndarray  # (n_node,) i8, `Elimination.other` by node of the block
    axial: np.ndarray  # (n_node,) f8 [uS], to the first parent; 0 at a root
    storage: np.ndarray  # (n_node,) f8 [uS], capacitance over the implicit step
    passive: np.ndarray  # (n_node,) f8 [uS], storage and all axial conductances of the node


def make_cable(block: Block) -> Cable:
    """Plan the elimination of every tree of a block.

    Raises:
        KernelsError: a cell is no tree.
    """
    plans = make_plans(block.parent, block.cell_ptr)
    first = block.cell_ptr[:-1]

    def joined(values: Callable[[Elimination], np.ndarray]) -> np.ndarray:
        parts = [values(plan) for plan in plans]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    start = np.repeat(first, np.diff(block.cell_ptr))

    def in_block(values: Callable[[Elimination], np.ndarray]) -> np.ndarray:
        nodes = joined(values)
        return np.where(nodes >= 0, nodes + start, -1)

    return Cable(
        plans,
        joined(lambda plan: plan.row()),
        in_block(lambda plan: plan.parent),
        in_block(lambda plan: plan.other),
        np.asarray(block.axial, np.float64)[joined(lambda plan: plan.edge) + start],
        *_diagonal(block),
    )


def make_plans(parent: np.ndarray, ptr: np.ndarray) -> tuple[Elimination, ...]:
    """Plan the elimination of one tree a cell; equal trees have one plan.

    Args:
        parent: (n,) integers, of the nodes of all cells; -1 at a root.
        ptr: (n_cell + 1,) i8, nodes of each cell.

    Raises:
        KernelsError: a cell is no tree.
    """
    known: dict[bytes, Elimination] = {}
    plans = []
    for cell, (first, last) in enumerate(pairwise(ptr)):
        tree = parent[first:last].astype(np.int64)
        tree = np.where(tree < 0, -1, tree - first)
        key = tree.tobytes()
        if key not in known:
            try:
                known[key] = plan_elimination(tree)
            except KernelsError as problem:
                raise KernelsError(f"cell {cell}: {problem}") from problem
        plans.append(known[key])
    return tuple(plans)


def _diagonal(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Storage, and with the axial conductances; those of children come one by one, descending."""
    implicit = block.dt if block.method == "backward-euler" else 0.5 * block.dt
    storage = block.capacitance / implicit
    passive = storage + block.axial
    child = np.flatnonzero(block.parent >= 0)[::-1]
    np.add.at(passive, block.parent[child], block.axial[child])
    return storage, passive
