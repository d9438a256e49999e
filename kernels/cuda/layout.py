"""A block in the order of the device: cells by class, nodes by step, instances by node.

A cell in tiles is laid out as so many cells, its pieces, of which the trunk is the last: to all but
the solver each of them is a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from kernels.block import Block
from kernels.cable import Cable
from kernels.cuda.classes import CellClass, Schedules
from kernels.cuda.tiles import Tiling
from kernels.cuda.trees import Tree, lay_tree

I8, I4 = np.int64, np.int32
#: Instances of a tile: a warp of threads reads one slot of all of them at once.
TILE = 32
NO_INDEX = np.zeros(0, I4)


@dataclass(frozen=True)
class Nodes:
    """Cells and nodes on the device."""

    cell: np.ndarray  # (n_piece,) i8, cell of the block
    rank: np.ndarray  # (n_cell,) i8, the last piece of a cell of the block
    piece: np.ndarray  # (n_node + 1,) i8, of a node of the block; last: unused
    lanes: np.ndarray  # (n_piece,) i8
    node_ptr: np.ndarray  # (n_piece + 1,) i8
    node: np.ndarray  # (n_node,) i8, node of the block
    place: np.ndarray  # (n_node + 1,) i4, position of a node of the block in its piece; last: 0
    arrays: dict[str, np.ndarray]  # by field of the table
    n_coupling: int  # couplings that are kept in global memory
    n_outlet: int  # values that tiles leave to trunks

    def piece_of(self, cell: np.ndarray, node: np.ndarray) -> np.ndarray:
        """(n,) i8 pieces of instances; those of no node (-1) are in the last of their cell."""
        return np.where(node >= 0, self.piece[node], self.rank[cell])


@dataclass(frozen=True)
class Placed:
    """The instances of one mechanism on the device."""

    index: np.ndarray  # (n,) i8, instance of the block
    position: np.ndarray  # (n,) i8, where an instance of the block is
    node: np.ndarray  # (n,) i4, position in the piece
    ptr: np.ndarray  # (n_piece + 1,) i8
    run: np.ndarray  # (n_run + 1,) i8, first instance of every run on one node
    run_ptr: np.ndarray  # (n_piece + 1,) i8
    n_tile: int


def place_nodes(
    block: Block,
    cable: Cable,
    order: np.ndarray,
    classes: list[CellClass],
    schedules: Schedules,
) -> Nodes:
    """Lay out cells and nodes; make the arrays that hold the trees."""
    known: dict[tuple[int, int], tuple[Tree, ...]] = {}
    of_cell: list[tuple[Tree, ...]] = []
    tilings: list[Tiling | None] = []
    for c in classes:
        k, n_tile = c.variant.lanes, c.variant.tile
        for cell in order[c.first : c.first + c.n]:
            plan = cable.plans[cell]
            tiling = schedules.tiled(plan, n_tile, k) if n_tile else None
            tilings.append(tiling)
            if tiling is None and (id(plan), k) not in known:
                known[id(plan), k] = (lay_tree(plan, schedules, k),)
            of_cell.append(tiling.trees if tiling else known[id(plan), k])
    trees = [tree for pieces in of_cell for tree in pieces]
    piece_ptr = _offsets([len(pieces) for pieces in of_cell])
    owner = np.repeat(order, np.diff(piece_ptr))
    rank = np.empty(len(order), I8)
    rank[order] = piece_ptr[1:] - 1
    start = block.cell_ptr[owner]
    node_ptr = _offsets([len(tree.node) for tree in trees])
    node = _joined([tree.node + first for tree, first in zip(trees, start, strict=True)], I8)
    size = np.diff(node_ptr)
    place, piece = np.zeros(block.n_node + 1, I4), np.zeros(block.n_node + 1, I8)
    place[node] = np.arange(len(node)) - np.repeat(node_ptr[:-1], size)
    piece[node] = np.repeat(np.arange(len(trees)), size)
    names = [f.name for f in fields(Tree) if f.name != "node"]
    n_whole = sum(c.n for c in classes if not c.variant.tile)
    arrays = {n: _joined([getattr(tree, n) for tree in trees[:n_whole]], I4) for n in names}
    arrays["level_first"] = _offsets([len(tree.level_ptr) for tree in trees])
    arrays["child_first"] = _offsets([len(tree.child) for tree in trees])
    arrays |= {n: getattr(cable, n)[node] for n in ("storage", "passive", "axial")}
    arrays |= {"node_ptr": node_ptr, "piece_ptr": piece_ptr, **_outlets(tilings)}
    in_global = any((v.large or v.tile) and v.condensed for v in (c.variant for c in classes))
    n_coupling = 2 * len(node) if in_global else 0
    n_outlet = len(arrays["outlet_slot"])
    own = [np.full(c.n, c.variant.lanes) for c in classes]
    lanes = np.repeat(np.concatenate([np.zeros(0, I8), *own]), np.diff(piece_ptr))
    return Nodes(owner, rank, piece, lanes, node_ptr, node, place, arrays, n_coupling, n_outlet)


def _outlets(tilings: list[Tiling | None]) -> dict[str, np.ndarray]:
    """What tiles leave and trunks pull, of all cells in order; numbers count through all cells."""
    count: list[int] = []
    child, slot, target, head = [], [], [], []
    n_outlet = 0
    for tiling in tilings:
        count += [0] if tiling is None else np.diff(tiling.outlet_ptr).tolist()
        if tiling is not None:
            child.append(tiling.outlet_child)
            target.append(tiling.outlet_target)
            slot.append(tiling.outlet_slot + n_outlet)
            head.append(tiling.head_ptr + n_outlet)
            n_outlet += len(tiling.outlet_slot)
    indices = [w for tiling in tilings for w in (tiling.indices if tiling else [NO_INDEX])]
    n_head = [0 if tiling is None else len(tiling.head_ptr) for tiling in tilings]
    return {
        "outlet_ptr": _offsets(count),
        "outlet_child": _joined(child, I4),
        "outlet_slot": _joined(slot, I4),
        "outlet_target": _joined(target, I4),
        "head_ptr": _joined(head, I4),
        "head_first": _offsets(n_head),
        "index": _joined(indices, I4),
        "index_first": _offsets([len(words) for words in indices]),
    }


def place_instances(block: Block, k: int, nodes: Nodes) -> Placed:
    """Sort the instances of mechanism k by cell and node; several on one node keep their order."""
    group = block.mechanisms[k]
    cell, node = nodes.piece_of(group.cell, group.node), nodes.place[group.node]
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
