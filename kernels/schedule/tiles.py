"""Cutting an elimination into tiles and a trunk, for cells that are too large to be held at once.

The first of a node's neighbours to follow it (`parent` or `other`) is its parent in the elimination
tree. What a node leaves, and what its own value is found from, are ancestors there (Liu, SIAM J.
Matrix Anal. Appl. 11, 134, 1990), condensed or not. Subtrees that hold no ancestor of each other
therefore never meet: each can be eliminated from leaves to top, one after the other in any order,
before the nodes above them, which are the trunk; and each is solved once the trunk is. The order in
which a node takes what is left to it stays that of the plan, and with it every bit.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kernels.schedule.dhs import make_schedule
from kernels.schedule.elimination import Elimination


def cut_tiles(plan: Elimination, n_most: int) -> np.ndarray:
    """The piece of every node: tiles of at most `n_most` nodes, and the trunk, which is the last.

    Nodes with more than `n_most` nodes in their subtree of the elimination tree are the trunk, and
    the root always is. Subtrees fill the tiles, those of most steps first, each into the first
    tile that has room, so that what is deep shares its steps.

    Returns:
        (n,) i8, by node; the largest is the trunk.
    """
    if not plan.n:
        return np.zeros(0, np.int64)
    up = _tree_parents(plan)
    order, above = plan.order.tolist(), up.tolist()
    size, height = [1] * plan.n, [1] * plan.n
    for node in order[:-1]:
        size[above[node]] += size[node]
        height[above[node]] = max(height[above[node]], height[node] + 1)
    in_trunk = np.array(size) > n_most
    in_trunk[plan.order[-1]] = True
    tops = np.flatnonzero(~in_trunk & in_trunk[up])
    tops = tops[np.lexsort((tops, -np.array(size)[tops], -np.array(height)[tops]))]
    tile_of_top, n_tile = _fill([size[top] for top in tops.tolist()], n_most)
    piece = np.full(plan.n, n_tile)
    piece[tops] = tile_of_top
    found = piece.tolist()
    trunk = in_trunk.tolist()
    for node in order[-2::-1]:
        if not trunk[node] and not trunk[above[node]]:
            found[node] = found[above[node]]
    return np.array(found, np.int64)


def schedule_pieces(
    plan: Elimination, piece: np.ndarray, k: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spread every piece over k lanes: DHS, as for a whole tree.

    Args:
        plan: of the cell.
        piece: (n,) i8, of every node, as `cut_tiles` gives them.
        k: lanes.

    Returns:
        For every piece its nodes in order of elimination, and level_ptr as in `Schedule`.
    """
    by_piece = np.argsort(piece, kind="stable")
    begin = np.searchsorted(piece[by_piece], np.arange(piece.max() + 2))
    place = np.empty(plan.n, np.int64)
    place[by_piece] = np.arange(plan.n) - begin[piece[by_piece]]

    def inside(other: np.ndarray) -> np.ndarray:
        return np.where((other >= 0) & (piece[other] == piece), place[other], -1)

    parent, other, row = inside(plan.parent), inside(plan.other), plan.row()
    pieces = []
    for first, last in pairwise(begin.tolist()):
        nodes = by_piece[first:last]
        to, further = parent[nodes], other[nodes]
        depth = _depth(to, further, row[nodes])
        schedule = make_schedule(to, further, depth, k)
        pieces.append((nodes[schedule.order], schedule.level_ptr))
    return pieces


def _depth(parent: np.ndarray, other: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(n,) i8, the fewest steps from that of each node to the last of its piece."""
    depth = [0] * (len(parent) + 1)
    depth[-1] = -1  # of what is outside
    to, further = parent.tolist(), other.tolist()
    for node in np.argsort(row).tolist():
        depth[node] = 1 + max(depth[to[node]], depth[further[node]])
    return np.array(depth[:-1], np.int64)


def _tree_parents(plan: Elimination) -> np.ndarray:
    """(n,) i8, parents in the elimination tree; that of the root is the root."""
    turn = np.append(plan.n - plan.row(), plan.n + 1)  # of no node: after all others
    up = np.where(turn[plan.other] < turn[plan.parent], plan.other, plan.parent)
    up[plan.order[-1]] = plan.order[-1]
    return up


def _fill(sizes: list[int], n_most: int) -> tuple[list[int], int]:
    """Into which tile each subtree goes, and how many tiles there are."""
    least = min(sizes, default=1)
    room: list[int] = []
    taken = []
    some = 0  # tiles before have no room for any
    for size in sizes:
        tile = next((t for t in range(some, len(room)) if room[t] >= size), len(room))
        if tile == len(room):
            room.append(n_most)
        room[tile] -= size
        taken.append(tile)
        while some < len(room) and room[some] < least:
            some += 1
    return taken, len(room)
