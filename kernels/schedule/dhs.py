"""Dendritic hierarchical scheduling (DHS).

A node can be eliminated when all its children are. DHS takes, at every step, the k deepest nodes
that can be; that needs the fewest steps of all schedules of k lanes (Zhang et al., Nature
Communications 14, 5798, 2023, section "Dendritic hierarchical scheduling").

Why no schedule needs fewer: let g be a depth. Once the last node deeper than g is eliminated, its
g + 1 ancestors at depths g, ..., 0 still follow, one a step; and nodes deeper than g take at least
their number over k steps. `step_bound` is the largest such sum.

Where stretches are condensed, a node may have to wait for its parent, and its depth is the number
of steps that must follow its own; the same rule then gives the steps.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from kernels.errors import KernelsError
from kernels.schedule.elimination import Elimination
from kernels.schedule.root import best_root, steps_from_depths
from kernels.schedule.tree import check_tree, node_depths, reroot

MAX_LANES = 1024


@dataclass(frozen=True)
class Schedule:
    """The steps in which k lanes eliminate a tree, leaves first, root last.

    Back-substitution runs through the same steps in reverse.
    """

    k: int  # lanes
    root: int  # node; -1 where there is none
    parent: np.ndarray  # (n,) i8, node; -1 at `root`
    order: np.ndarray  # (n,) i8, nodes in order of elimination
    level_ptr: np.ndarray  # (n_steps + 1,) i8, step s eliminates order[level_ptr[s]:level_ptr[s+1]]

    @property
    def n_steps(self) -> int:
        return len(self.level_ptr) - 1


def dhs_schedule(parent: np.ndarray, k: int = 16, root: int | str | None = None) -> Schedule:
    """Schedule the elimination of a tree over k lanes.

    Args:
        parent: (n,) integers, the parent of each node, -1 at the root; nodes in any order.
        k: lanes, 1 to 1024.
        root: None keeps the root of `parent`; a node makes it the root; "best" takes the node from
            which 32 lanes need the fewest steps, whatever k is.

    Raises:
        KernelsError: `parent` is no tree, or k or root is out of range.
    """
    tree = check_tree(parent)
    if not 1 <= k <= MAX_LANES:
        raise KernelsError(f"k is {k}; it may be 1 to {MAX_LANES}")
    if root == "best":
        tree = reroot(tree, best_root(tree))
    elif isinstance(root, int | np.integer):
        if not 0 <= root < len(tree):
            raise KernelsError(f"root is {root}; the tree has nodes 0 to {len(tree) - 1}")
        tree = reroot(tree, int(root))
    elif root is not None:
        raise KernelsError(f'root is {root!r}; it may be None, a node, or "best"')
    return make_schedule(tree, np.full(len(tree), -1), node_depths(tree), k)


def schedule_elimination(plan: Elimination, k: int) -> Schedule:
    """Spread an elimination over k lanes; `Schedule.parent` is that of the plan."""
    return make_schedule(plan.parent, plan.other, plan.depth(), k)


def step_bound(parent: np.ndarray, k: int) -> int:
    """The fewest steps that any schedule of k lanes can take."""
    return steps_from_depths(node_depths(check_tree(parent)), k)


def make_schedule(parent: np.ndarray, other: np.ndarray, depth: np.ndarray, k: int) -> Schedule:
    """Take the deepest first.

    Args:
        parent: (n,) i8 nodes that wait for a node; -1: none.
        other: (n,) i8, likewise.
        depth: (n,) i8 steps that must follow.
        k: lanes.
    """
    order, level_ptr = _take_deepest(parent, other, depth, k)
    for array in (parent, order, level_ptr):
        array.setflags(write=False)
    root = int(order[-1]) if len(order) else -1
    return Schedule(int(k), root, parent, order, level_ptr)


def _take_deepest(
    parent: np.ndarray, other: np.ndarray, depth: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Order and level_ptr: a heap holds the nodes that wait for none, deepest first."""
    n = len(parent)
    priority = (np.arange(n) - depth * n).tolist()  # deepest first; of equals the smallest node
    after = np.concatenate([parent, other])
    waiting = np.bincount(after[after >= 0], minlength=n).tolist()
    following = [parent.tolist(), other.tolist()] if (other >= 0).any() else [parent.tolist()]
    ready = [priority[node] for node in range(n) if waiting[node] == 0]
    heapq.heapify(ready)
    order: list[int] = []
    level_ptr = [0]
    while ready:
        taken = [heapq.heappop(ready) % n for _ in range(min(k, len(ready)))]
        order += taken
        level_ptr.append(len(order))
        for to in following:
            for node in taken:
                p = to[node]
                if p >= 0:
                    waiting[p] -= 1
                    if waiting[p] == 0:
                        heapq.heappush(ready, priority[p])
    return np.array(order, np.int64), np.array(level_ptr, np.int64)
