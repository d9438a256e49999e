"""A block in the order of the device: cells by class, nodes by step, instances by node."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from kernels.block import Block
from kernels.cable import Cable
from kernels.cuda.classes import CellClass, Schedules
from kernels.schedule import Elimination

I8, I4 = np.int64, np.int32
#: Instances of a tile: a warp of threads reads one slot of all of them at once.
TILE = 32


@dataclass(frozen=True)
class Nodes:
    """Cells and nodes on the device."""

    cell: np.ndarray  # (n_cell,) i8, cell of the block
    rank: np.ndarray  # (n_cell,) i8, place of a cell of the block among those of the device
    lanes: np.ndarray  # (n_cell,) i8, by place on the device
    node_ptr: np.ndarray  # (n_cell + 1,) i8
    node: np.ndarray  # (n_node,) i8, node of the block
    place: np.ndarray  # (n_node + 1,) i4, position of a node of the block in its cell; last: 0
    arrays: dict[str, np.ndarray]  # by field of the table
    n_coupling: int  # couplings that are kept in global memory


@dataclass(frozen=True)
class Placed:
    """The instances of one mechanism on the device."""

    index: np.ndarray  # (n,) i8, instance of the block
    position: np.ndarray  # (n,) i8, where an instance of the block is
    node: np.ndarray  # (n,) i4, position in the cell
    ptr: np.ndarray  # (n_cell + 1,) i8
    run: np.ndarray  # (n_run + 1,) i8, first instance of every run on one node
    run_ptr: np.ndarray  # (n_cell + 1,) i8
    n_tile: int


def place_nodes(
    block: Block,
    cable: Cable,
    order: np.ndarray,
    classes: list[CellClass],
    schedules: Schedules,
) -> Nodes:
    """Lay out cells and nodes; make the arrays that hold the trees."""
    n_cell = len(order)
    rank = np.empty(n_cell, I8)
    rank[order] = np.arange(n_cell)
    lanes = np.concatenate([np.full(c.n, c.variant.lanes) for c in classes] or [np.zeros(0, I8)])
    known: dict[tuple[int, int], Tree] = {}
    trees: list[Tree] = []
    for cell, k in zip(order, lanes, strict=True):
        plan = cable.plans[cell]
        key = (id(plan), int(k))
        if key not in known:
            known[key] = lay_tree(plan, schedules, int(k))
        trees.append(known[key])
    start = block.cell_ptr[order]
    node_ptr = _offsets([len(tree.node) for tree in trees])
    node = _joined([tree.node + first for tree, first in zip(trees, start, strict=True)], I8)
    place = np.zeros(block.n_node + 1, I4)
    place[node] = np.arange(len(node)) - np.repeat(node_ptr[:-1], np.diff(node_ptr))
    names = [f.name for f in fields(Tree) if f.name != "node"]
    arrays = {n: _joined([getattr(tree, n) for tree in trees], I4) for n in names}
    arrays["level_first"] = _offsets([len(tree.level_ptr) for tree in trees])
    arrays["child_first"] = _offsets([len(tree.child) for tree in trees])
    arrays |= {n: getattr(cable, n)[node] for n in ("storage", "passive", "axial")}
    in_global = any(c.variant.large and c.variant.condensed for c in classes)
    n_coupling = 2 * len(node) if in_global else 0
    return Nodes(
        order, rank, lanes, node_ptr, node, place, arrays | {"node_ptr": node_ptr}, n_coupling
    )


@dataclass(frozen=True)
class Tree:
    """A tree by position on the device."""

    node: np.ndarray  # (n,), node of the cell
    parent: np.ndarray  # (n,); 0 at the root
    other: np.ndarray  # (n,); its own position: none
    child: np.ndarray  # what nodes pull: the position of another, n more where they are its other
    child_ptr: np.ndarray  # (n + 1,)
    level_ptr: np.ndarray  # (n_steps + 1,)


_NONE, _PTR = np.zeros(0, I8), np.zeros(1, I8)
NO_TREE = Tree(_NONE, _NONE, _NONE, _NONE, _PTR, _PTR)


def lay_tree(plan: Elimination, schedules: Schedules, lanes: int) -> Tree:
    """A tree in the order in which so many lanes eliminate it."""
    if not plan.n:
        return NO_TREE
    schedule = schedules(plan, lanes)
    node, here = schedule.order, np.arange(plan.n)
    position = np.empty(plan.n, I8)
    position[node] = here
    parent, other = plan.parent[node], plan.other[node]
    ptr, source, is_other = plan.pulls()
    count = np.diff(ptr)[node]
    child_ptr = np.concatenate([[0], np.cumsum(count)])
    pulled = np.repeat(ptr[node] - child_ptr[:-1], count) + np.arange(child_ptr[-1])
    child = position[source[pulled]] + plan.n * is_other[pulled]
    return Tree(
        node,
        np.where(parent >= 0, position[parent], 0),
        np.where(other >= 0, position[other], here),
        np.append(child, 0),  # n values, or more where nodes are condensed
        child_ptr,
        schedule.level_ptr,
    )


def place_instances(block: Block, k: int, nodes: Nodes) -> Placed:
    """Sort the instances of mechanism k by cell and node; several on one node keep their order."""
    group = block.mechanisms[k]
    cell, node = nodes.rank[group.cell], nodes.place[group.node]
    index = np.lexsort((np.arange(group.n), node, cell))
    position = np.empty(group.n, I8)
    position[index] = np.arange(group.n)
    cell, node = cell[index], node[index]
    changes = np.flatnonzero((np.diff(cell) != 0) | (np.diff(node) != 0)) + 1
    run = np.concatenate([[0], changes, [group.n]]) if group.n else np.zeros(1)
    cells = np.arange(len(nodes.cell) + 1)
    return Placed(
        index,
        position,
        node.astype(I4),
        np.searchsorted(cell, cells).astype(I8),
        run.astype(I8),
        np.searchsorted(cell[run[:-1].astype(I8)], cells).astype(I8),
        -(-max(group.n, 1) // TILE),
    )


def tile_index(slot: int | np.ndarray, instance: np.ndarray, n_slot: int) -> np.ndarray:
    """Where a slot of some instances is in the data of a mechanism with so many slots."""
    return instance // TILE * (TILE * n_slot) + slot * TILE + instance % TILE


def by_cell(cell: np.ndarray, n_cell: int) -> tuple[np.ndarray, np.ndarray]:
    """A stable order by cell, and where each cell begins in it: (n,) i8, (n_cell + 1,) i8."""
    order = np.argsort(cell, kind="stable")
    return order, np.searchsorted(cell[order], np.arange(n_cell + 1)).astype(I8)


def _offsets(count: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(count)]).astype(I8)


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
