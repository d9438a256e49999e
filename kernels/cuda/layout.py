"""A block in the order of the device: cells by class, nodes by step, instances by node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.cuda.classes import CellClass, Schedules
from kernels.schedule import Schedule

I8, I4 = np.int64, np.int32


@dataclass(frozen=True)
class Nodes:
    """Cells and nodes on the device."""

    cell: np.ndarray  # (n_cell,) i8, cell of the block
    rank: np.ndarray  # (n_cell,) i8, place of a cell of the block among those of the device
    node_ptr: np.ndarray  # (n_cell + 1,) i8
    node: np.ndarray  # (n_node,) i8, node of the block
    place: np.ndarray  # (n_node + 1,) i4, position of a node of the block in its cell; last: 0
    arrays: dict[str, np.ndarray]  # by field of the table


@dataclass(frozen=True)
class Placed:
    """The instances of one mechanism on the device."""

    index: np.ndarray  # (n,) i8, instance of the block
    position: np.ndarray  # (n,) i8, where an instance of the block is
    node: np.ndarray  # (n,) i4, position in the cell
    ptr: np.ndarray  # (n_cell + 1,) i8
    run: np.ndarray  # (n_run + 1,) i8, first instance of every run on one node
    run_ptr: np.ndarray  # (n_cell + 1,) i8
    stride: int


def place_nodes(
    block: Block,
    trees: list[np.ndarray],
    order: np.ndarray,
    classes: list[CellClass],
    schedules: Schedules,
) -> Nodes:
    """Lay out cells and nodes; make the arrays that hold the trees."""
    n_cell = len(order)
    rank = np.empty(n_cell, I8)
    rank[order] = np.arange(n_cell)
    lanes = np.concatenate([np.full(c.n, c.variant.lanes) for c in classes] or [np.zeros(0, I8)])
    known: dict[tuple[int, int], tuple[np.ndarray, ...]] = {}
    pieces: list[tuple[np.ndarray, ...]] = []
    empty = (np.zeros(0, I4), np.zeros(0, I4), np.zeros(1, I4), np.zeros(1, I4), np.zeros(0, I8))
    for cell, k in zip(order, lanes, strict=True):
        tree = trees[cell]
        key = (id(tree), int(k))
        if key not in known:
            known[key] = _tree_arrays(tree, schedules(tree, int(k))) if len(tree) else empty
        pieces.append(known[key])
    start = block.cell_ptr[order]
    node_ptr = _offsets([len(piece[4]) for piece in pieces])
    node = _joined([piece[4] + first for piece, first in zip(pieces, start, strict=True)], I8)
    place = np.zeros(block.n_node + 1, I4)
    place[node] = np.arange(len(node)) - np.repeat(node_ptr[:-1], np.diff(node_ptr))
    names = ("parent", "child", "child_ptr", "level_ptr")
    arrays = {n: _joined([piece[j] for piece in pieces], I4) for j, n in enumerate(names)}
    arrays["level_first"] = _offsets([len(piece[3]) for piece in pieces])
    arrays |= _solver_arrays(block, node) | {"node_ptr": node_ptr}
    return Nodes(order, rank, node_ptr, node, place, arrays)


def _tree_arrays(tree: np.ndarray, schedule: Schedule) -> tuple[np.ndarray, ...]:
    """By position: parent, children (their nodes descending), child_ptr; level_ptr; node."""
    n = len(tree)
    position = np.empty(n, I8)
    position[schedule.order] = np.arange(n)
    above = schedule.parent[schedule.order]
    parent = np.where(above >= 0, position[above], 0)
    children = np.flatnonzero(tree >= 0)
    child = position[children[np.lexsort((-children, position[tree[children]]))]]
    count = np.bincount(position[tree[children]], minlength=n)
    child_ptr = np.concatenate([[0], np.cumsum(count)])
    padded = np.append(child, 0)  # a tree of n nodes has n - 1 children
    return tuple(a.astype(I4) for a in (parent, padded, child_ptr, schedule.level_ptr)) + (
        schedule.order,
    )


def _solver_arrays(block: Block, node: np.ndarray) -> dict[str, np.ndarray]:
    """In [uS]: stored charge over the implicit step, that plus all axial ones, axial."""
    implicit = block.dt if block.method == "backward-euler" else 0.5 * block.dt
    storage = block.capacitance / implicit
    passive = storage + block.axial
    child = np.flatnonzero(block.parent >= 0)[::-1]
    np.add.at(passive, block.parent[child], block.axial[child])  # one by one, descending
    return {"storage": storage[node], "passive": passive[node], "axial": block.axial[node]}


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
        -(-max(group.n, 1) // 32) * 32,
    )


def by_cell(cell: np.ndarray, n_cell: int) -> tuple[np.ndarray, np.ndarray]:
    """A stable order by cell, and where each cell begins in it: (n,) i8, (n_cell + 1,) i8."""
    order = np.argsort(cell, kind="stable")
    return order, np.searchsorted(cell[order], np.arange(n_cell + 1)).astype(I8)


def _offsets(count: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(count)]).astype(I8)


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
