"""How a block's cells are laid side by side: groups of up to eight cells, one in each lane.

A group is what stays in cache for a whole epoch. Inside a group row k of the cell in lane l is at
k * lanes + l, rows counted from the root in the reverse of the order of elimination; cells with
fewer nodes than the longest leave their last rows idle. Cells of one tree come together, then cells
of similar size. No sum crosses cells, so grouping changes no bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.cable import Cable

LANES = 8


@dataclass(frozen=True)
class Group:
    """Cells that advance together through an epoch."""

    lanes: int
    cells: np.ndarray  # (lanes,) i8, cells of the block
    n_row: int  # nodes of the longest cell
    n_plain: int  # rows in which no cell has a condensed node: the first ones
    node: np.ndarray  # (n,) i8, nodes of the block in this group, ascending
    place: np.ndarray  # (n,) i8, their place in the group's arrays

    @property
    def n_node(self) -> int:
        return self.n_row * self.lanes


def group_cells(block: Block, cable: Cable) -> list[Group]:
    """Partition the cells of a block into groups of at most eight lanes."""
    size = np.diff(block.cell_ptr)
    rank = {id(plan): k for k, plan in reversed(list(enumerate(cable.plans)))}
    order = sorted(range(block.n_cell), key=lambda c: (-size[c], rank[id(cable.plans[c])], c))
    return [
        _make_group(block, cable, np.array(order[k : k + LANES]))
        for k in range(0, len(order), LANES)
    ]


def _make_group(block: Block, cable: Cable, cells: np.ndarray) -> Group:
    cells = np.sort(cells)
    lanes = len(cells) if len(cells) in (1, 2, 4) else LANES
    size = (block.cell_ptr[cells + 1] - block.cell_ptr[cells]).astype(np.int64)
    node = np.concatenate([np.arange(block.cell_ptr[c], block.cell_ptr[c + 1]) for c in cells])
    n_row = int(size.max(initial=0))
    plans = [cable.plans[c] for c in cells]
    return Group(
        lanes=lanes,
        cells=cells,
        n_row=n_row,
        n_plain=min([n_row, *(p.n - p.n_early for p in plans if p.n_early)]),
        node=node.astype(np.int64),
        place=cable.row[node] * lanes + np.repeat(np.arange(len(cells)), size),
    )
