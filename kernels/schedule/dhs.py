"""Dendritic hierarchical scheduling (DHS).

A node can be eliminated when all its children are. DHS takes, at every step, the k deepest nodes
that can be; that needs the fewest steps of all schedules of k lanes (Zhang et al., Nature
Communications 14, 5798, 2023, section "Dendritic hierarchical scheduling").

Why no schedule needs fewer: let g be a depth. Once the last node deeper than g is eliminated, its
g + 1 ancestors at depths g, ..., 0 still follow, one a step; and nodes deeper than g take at least
their number over k steps. `step_bound` is the largest such sum.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from kernels.errors import KernelsError
from kernels.schedule.root import best_root, steps_from_depths
from kernels.schedule.tree import check_tree, node_depths, reroot

MAX_LANES = 1024


@dataclass(frozen=True)
class Schedule:
    """The steps in which k lanes eliminate a tree, leaves first, root last.

    Back-substitution runs through the same steps in reverse.
    """

    k: int  # lanes
    root: int  # node
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
    order, level_ptr = _eliminate(tree, k)
    for array in (tree, order, level_ptr):
        array.setflags(write=False)
    return Schedule(int(k), int(np.flatnonzero(tree < 0)[0]), tree, order, level_ptr)


def step_bound(parent: np.ndarray, k: int) -> int:
    """The fewest steps that any schedule of k lanes can take."""
    return steps_from_depths(node_depths(check_tree(parent)), k)


def _eliminate(parent: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Order and level_ptr: a heap holds the nodes whose children are done, deepest first."""
    n = len(parent)
    depth = node_depths(parent)
    priority = (np.arange(n) - depth * n).tolist()  # deepest first; of equals the smallest node
    waiting = np.bincount(parent[parent >= 0], minlength=n).tolist()
    above = parent.tolist()
    ready = [priority[node] for node in range(n) if waiting[node] == 0]
    heapq.heapify(ready)
    order: list[int] = []
    level_ptr = [0]
    while ready:
        taken = [heapq.heappop(ready) % n for _ in range(min(k, len(ready)))]
        order += taken
        level_ptr.append(len(order))
        for node in taken:
            p = above[node]
            if p >= 0:
                waiting[p] -= 1
                if waiting[p] == 0:
                    heapq.heappush(ready, priority[p])
    return np.array(order, np.int64), np.array(level_ptr, np.int64)
