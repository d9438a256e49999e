"""How a block's cells are laid side by side: groups of up to eight cells, one in each lane.

A group is what stays in cache for a whole epoch. Inside a group node k of the cell in lane l is at
k * lanes + l; cells with fewer nodes than the longest leave their last rows idle. Cells of one tree
come together, then cells of similar size. No sum crosses cells, so grouping changes no bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block

LANES = 8


@dataclass(frozen=True)
class Group:
    """Cells that advance together through an epoch."""

    lanes: int
    cells: np.ndarray  # (lanes,) i8, cells of the block
    n_row: int  # nodes of the longest cell
    node: np.ndarray  # (n,) i8, nodes of the block in this group, ascending
    place: np.ndarray  # (n,) i8, their place in the group's arrays

    @property
    def n_node(self) -> int:
        return self.n_row * self.lanes


def group_cells(block: Block) -> list[Group]:
    """Partition the cells of a block into groups of at most eight lanes."""
    size = np.diff(block.cell_ptr)
    trees = [
        _relative_tree(block, cell).tobytes() if size[cell] else b"" for cell in range(block.n_cell)
    ]
    rank = {tree: k for k, tree in enumerate(dict.fromkeys(trees))}
    order = sorted(range(block.n_cell), key=lambda c: (-size[c], rank[trees[c]], c))
    return [_make_group(block, np.array(order[k : k + LANES])) for k in range(0, len(order), LANES)]


def _relative_tree(block: Block, cell: int) -> np.ndarray:
    first, last = block.cell_ptr[cell], block.cell_ptr[cell + 1]
    parent = block.parent[first:last]
    return np.where(parent < 0, -1, parent - np.int32(first))


def _make_group(block: Block, cells: np.ndarray) -> Group:
    cells = np.sort(cells)
    lanes = len(cells) if len(cells) in (1, 2, 4) else LANES
    size = (block.cell_ptr[cells + 1] - block.cell_ptr[cells]).astype(np.int64)
    node = [np.arange(block.cell_ptr[c], block.cell_ptr[c + 1]) for c in cells]
    place = [np.arange(n) * lanes + lane for lane, n in enumerate(size)]
    return Group(
        lanes=lanes,
        cells=cells,
        n_row=int(size.max(initial=0)),
        node=np.concatenate(node).astype(np.int64),
        place=np.concatenate(place).astype(np.int64),
    )
