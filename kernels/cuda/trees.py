"""A tree by position on the device: the indices that its solution takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernels.schedule import Elimination, Schedule

I8 = np.int64


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


def lay_tree(
    plan: Elimination, schedules: Callable[[Elimination, int], Schedule], lanes: int
) -> Tree:
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
