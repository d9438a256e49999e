"""Cells in tiles: the indices of their pieces, as `tiles.cu` takes them.

A piece is a tile of a cell or its trunk, the last. Slots of shared memory: those of the tile, then
those of the trunk. A node names another by its position in their common piece; a node of a tile
names one of the trunk by its slot.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kernels.cuda.trees import I8, NO_TREE, Tree
from kernels.schedule import Elimination, cut_tiles, schedule_pieces

MAX_CODE = 65_534  # of a 16-bit index


@dataclass(frozen=True)
class Tiling:
    """A tree in pieces, scheduled.

    What a node of the trunk pulls from a tile has a place in global memory, an outlet: first, node
    after node, all that it pulls before anything from the trunk itself, then the others.
    """

    trees: tuple[Tree, ...]  # of the pieces
    n_slot: int  # of a tile and the trunk
    head_ptr: np.ndarray  # (nodes of the trunk + 1,) i8, outlets that each pulls first
    outlet_ptr: np.ndarray  # (n_piece + 1,) i8
    outlet_child: np.ndarray  # position of the node that leaves it; n_slot more: to its other
    outlet_slot: np.ndarray  # which outlet
    outlet_target: np.ndarray  # position of the node of the trunk that pulls it
    condensed: bool

    @property
    def fits(self) -> bool:
        """Whether 16 bits hold every index."""
        late = len(self.outlet_slot) - int(self.head_ptr[-1])
        return (1 + self.condensed) * self.n_slot + late <= MAX_CODE

    def shared_bytes(self, n_byte: int) -> int:
        """Shared memory: numbers of a tile and the trunk, indices of the trunk and any tile.

        Args:
            n_byte: of a number.
        """
        *tiles, trunk = [len(words) for words in self.indices]
        real = n_byte * (4 + self.condensed) * self.n_slot
        return -(-(real + 4 * (trunk + max(tiles, default=0))) // 16) * 16

    @functools.cached_property
    def indices(self) -> list[np.ndarray]:
        """Of every piece its indices as a kernel holds them: of 16 bits, two an i4."""
        return [
            _words([t.parent, t.child, t.child_ptr, t.level_ptr, *[t.other] * self.condensed])
            for t in self.trees
        ]


def _words(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts)
    return np.append(joined, [0] * (len(joined) % 2)).astype(np.uint16).view(np.int32)


@dataclass(frozen=True)
class _Cut:
    """A tree in pieces; arrays by node of the cell."""

    plan: Elimination
    piece: np.ndarray
    position: np.ndarray  # in the piece
    n_tile: int
    begin: np.ndarray  # (n_piece + 1,) of every piece, in the whole cell
    child: np.ndarray  # what all nodes pull, piece after piece
    child_ptr: np.ndarray  # (n + 1,)

    def tree(self, q: int, nodes: np.ndarray, level_ptr: np.ndarray) -> Tree:
        """Piece q."""
        bounds = slice(self.begin[q], self.begin[q + 1] + 1)
        own = self.child_ptr[bounds]
        parent, other = self.plan.parent[nodes], self.plan.other[nodes]
        return Tree(
            nodes,
            np.where(parent >= 0, self._slot(q, parent), 0),
            np.where(other >= 0, self._slot(q, other), np.arange(len(nodes))),
            self.child[own[0] : own[-1]],
            own - own[0],
            level_ptr,
        )

    def _slot(self, q: int, nodes: np.ndarray) -> np.ndarray:
        """How nodes of piece q name others."""
        return self.position[nodes] + self.n_tile * (self.piece[nodes] != q)


def make_tiling(plan: Elimination, n_tile: int, k: int) -> Tiling:
    """Cut a tree into tiles of at most n_tile nodes, each to be solved by k lanes."""
    condensed = plan.n_condensed > 0
    if not plan.n:
        nothing = np.zeros(0, I8)
        none = (nothing, nothing, nothing)
        return Tiling((NO_TREE,), n_tile, np.zeros(1, I8), np.zeros(2, I8), *none, False)
    piece = cut_tiles(plan, n_tile)
    pieces = schedule_pieces(plan, piece, k)
    begin = np.concatenate([[0], np.cumsum([len(nodes) for nodes, _ in pieces])])
    place = np.empty(plan.n, I8)  # in the whole cell
    place[np.concatenate([nodes for nodes, _ in pieces])] = np.arange(plan.n)
    position = place - begin[piece]
    n_slot = n_tile + len(pieces[-1][0])

    ptr, source, is_other = plan.pulls()
    target = np.repeat(np.arange(plan.n), np.diff(ptr))
    order = np.argsort(place[target], kind="stable")  # of pulls; those of a target stay serial
    target, source, is_other = target[order], source[order], is_other[order]
    comes = piece[source] != piece[target]  # from a tile into the trunk
    outlet, n_head = _number_outlets(target, comes)
    head = target[comes & (outlet < n_head)]
    code = position[source] + n_slot * is_other
    seen = np.where(comes, (1 + condensed) * n_slot + outlet - n_head, code)
    stays = ~comes | (outlet >= n_head)
    left = np.flatnonzero(comes)
    left = left[np.argsort(piece[source[left]], kind="stable")]
    child_ptr = _offsets(place[target[stays]], plan.n)
    cut = _Cut(plan, piece, position, n_tile, begin, seen[stays], child_ptr)
    return Tiling(
        tuple(cut.tree(q, *one) for q, one in enumerate(pieces)),
        n_slot,
        _offsets(position[head], n_slot - n_tile),
        _offsets(piece[source[left]], len(pieces)),
        code[left],
        outlet[left],
        position[target[left]],
        condensed,
    )


def _number_outlets(target: np.ndarray, comes: np.ndarray) -> tuple[np.ndarray, int]:
    """Number what is left: what a node pulls before anything else (heads), then the others.

    Args:
        target: (n,) who pulls, equal ones together, in order.
        comes: (n,) bool, what is left by a tile.

    Returns:
        (n,) i8 numbers, -1 where not left, and how many are heads.
    """
    changes = np.flatnonzero(np.diff(target, prepend=-1))
    before = np.cumsum(~comes) - ~comes
    at_change = np.repeat(before[changes], np.diff(np.append(changes, len(target))))
    is_head = comes & (before == at_change)
    n_head = int(is_head.sum())
    late = np.cumsum(comes & ~is_head) - 1 + n_head
    return np.where(is_head, np.cumsum(is_head) - 1, np.where(comes, late, -1)), n_head


def _offsets(number: np.ndarray, n: int) -> np.ndarray:
    """(n + 1,) i8, where each of n begins among sorted numbers."""
    return np.concatenate([[0], np.cumsum(np.bincount(number, minlength=n))])
