"""In which order the nodes of a tree are eliminated: what all engines have in common.

Leaves first, each leaving its pivot to one neighbour: that is Hines' elimination, and its steps are
at least the height of the tree. A node inside an unbranched stretch may go earlier: it leaves its
pivot to both its neighbours, and a coupling between them (odd-even or cyclic reduction: Hockney,
J. ACM 12, 95, 1965), for about twice the arithmetic. Rounds of both, all leaves and then every
other node of each stretch, leave nothing of any tree after a number of rounds that grows as the
logarithm of its size (tree contraction: Miller and Reif, FOCS 1985).

Everything here is a function of the tree alone, as it decides in which order sums are taken, and
so their bits. The lanes of a machine come later: `kernels.schedule.dhs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernels.schedule.root import best_root, steps_from_depths
from kernels.schedule.tree import check_tree, preorder, reroot

#: Steps up to which a tree is left to Hines' elimination, which is the cheapest on one lane.
ENOUGH_STEPS = 64
#: What condensing must divide the steps by to be worth its arithmetic.
LEAST_GAIN = 1.5
#: Lanes for which stretches are condensed, whatever k a machine then takes.
REFERENCE_LANES = 512


@dataclass(frozen=True)
class Elimination:
    """The elimination of a tree.

    When its turn comes a node is coupled to at most two nodes that are left: `parent`, and `other`
    if it is inside a stretch. It adds to the diagonal and the right-hand side of both; and the
    coupling of `other`, which was to the node, becomes one to `parent`.
    """

    order: np.ndarray  # (n,) i8, nodes in serial order, the root last
    parent: np.ndarray  # (n,) i8, the node left towards the root; -1 at the root
    other: np.ndarray  # (n,) i8, the node left away from the root; -1: none
    first_parent: np.ndarray  # (n,) i8, the parent before any node is eliminated
    edge: np.ndarray  # (n,) i8, node of the given tree that has the coupling to `first_parent`
    n_early: int  # nodes in `order` up to the last that has an `other`

    @property
    def n(self) -> int:
        return len(self.order)

    @property
    def n_condensed(self) -> int:
        """Nodes that have an `other`."""
        return int((self.other >= 0).sum())

    def row(self) -> np.ndarray:
        """(n,) i8, place of each node in the reverse of the serial order: 0 is the root."""
        row = np.empty(self.n, np.int64)
        row[self.order] = np.arange(self.n)[::-1]
        return row

    def depth(self) -> np.ndarray:
        """(n,) i8, the fewest steps from that of each node to that of the root."""
        return self._depth

    @cached_property
    def _depth(self) -> np.ndarray:
        from kernels.schedule.walks import steps_after  # numba: not on import

        depth: np.ndarray = steps_after(self.order, self.parent, self.other)
        depth.setflags(write=False)
        return depth

    def step_bound(self, k: int) -> int:
        """The fewest steps that k lanes can take."""
        return steps_from_depths(self.depth(), k) if self.n else 0

    def pulls(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each node receives, in serial order.

        Returns:
            ptr: (n + 1,) i8
            source: (n - 1 + n_condensed,) i8, nodes; source[ptr[i] : ptr[i + 1]] add to node i.
            is_other: (n - 1 + n_condensed,) bool, whether i is `other` of the source.
        """
        below, above = np.flatnonzero(self.parent >= 0), np.flatnonzero(self.other >= 0)
        source = np.concatenate([below, above])
        target = np.concatenate([self.parent[below], self.other[above]])
        sorting = np.lexsort((-self.row()[source], target))
        ptr = np.searchsorted(target[sorting], np.arange(self.n + 1))
        return ptr, source[sorting], sorting >= len(below)


def plan_elimination(tree: np.ndarray) -> Elimination:
    """The elimination of a tree from its best root, condensed where Hines' takes many steps.

    Args:
        tree: (n,) integers, the parent of each node, -1 at the root; nodes in any order. None: that
            of an artificial cell.

    Raises:
        KernelsError: it is no tree.
    """
    if not len(tree):
        nothing = np.zeros(0, np.int64)
        return Elimination(nothing, nothing, nothing, nothing, nothing, 0)
    given = check_tree(tree)
    parent = reroot(given, best_root(given))
    plan = condense(given, parent, 0)
    steps = least = plan.step_bound(REFERENCE_LANES)
    if steps <= ENOUGH_STEPS:
        return plan
    best = plan
    for n_round in range(1, 64):
        tried = condense(given, parent, n_round)
        fewer = tried.step_bound(REFERENCE_LANES)
        if fewer >= least:
            break
        best, least = tried, fewer
    return best if LEAST_GAIN * least <= steps else plan


def condense(given: np.ndarray, parent: np.ndarray, n_round: int) -> Elimination:
    """Condense a tree in some rounds; then Hines' elimination of what is left.

    Args:
        given: (n,) i8, the tree.
        parent: (n,) i8, the same from the root that is to be.
        n_round: 0 for Hines' elimination alone.
    """
    walk = preorder(parent)  # from here on nodes are places in the walk
    up = _as_places(walk, parent[walk])
    down = np.full(len(walk), -1)
    turn = np.full(len(walk), 2 * n_round)
    left = np.arange(len(walk))  # ascending: a walk of the tree that is left
    for k in range(n_round):
        is_leaf = np.ones(len(walk), bool)
        is_leaf[up[left[1:]]] = False
        turn[left[1:][is_leaf[left[1:]]]] = 2 * k
        left = left[(turn[left] > 2 * k)]
        at = np.flatnonzero(_every_other_inner(left, up))
        node, child = left[at], left[at + 1]
        turn[node], down[node] = 2 * k + 1, child
        up[child] = up[node]
        left = np.delete(left, at)
    order = np.lexsort((-np.arange(len(walk)), turn))
    edge = np.where(parent == given, np.arange(len(walk)), parent)
    edge[walk[0]] = np.flatnonzero(given < 0)[0]
    arrays = (walk[order], _as_nodes(walk, up), _as_nodes(walk, down), parent, edge)
    for array in arrays:
        array.setflags(write=False)
    return Elimination(*arrays, int(np.flatnonzero(down[order] >= 0).max(initial=-1)) + 1)


def _every_other_inner(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(n,) bool, the first, third, ... node of each stretch of what is left of a walk.

    The nodes of a stretch follow each other there, and then comes the only child of the last.
    """
    here = np.arange(len(left))
    count = np.bincount(np.searchsorted(left, up[left[1:]]), minlength=len(left))
    inner = (count == 1) & (here > 0)
    number = here - np.maximum.accumulate(np.where(inner, 0, here))
    return number % 2 == 1


def _as_places(walk: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Places of nodes in a walk; -1 stays."""
    place = np.empty(len(walk), np.int64)
    place[walk] = np.arange(len(walk))
    return np.where(nodes >= 0, place[nodes], -1)


def _as_nodes(walk: np.ndarray, places: np.ndarray) -> np.ndarray:
    """By node, the nodes at places of a walk that are given by place; -1 stays."""
    nodes = np.empty(len(walk), np.int64)
    nodes[walk] = np.where(places >= 0, walk[places], -1)
    return nodes
