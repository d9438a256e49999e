"""Compiled walks over trees."""

from __future__ import annotations

import numpy as np

from kernels.jit import kept


@kept
def breadth_first(child_ptr, child, root):
    """All nodes that are reached from the root, every parent before its children."""
    order = np.empty(len(child_ptr) - 1, np.int64)
    order[0] = root
    n = 1
    at = 0
    while at < n:
        node = order[at]
        at += 1
        for c in range(child_ptr[node], child_ptr[node + 1]):
            order[n] = child[c]
            n += 1
    return order[:n]


@kept
def depth_first(child_ptr, child, root):
    """All nodes, each followed by what hangs from it, children in their order."""
    n = len(child_ptr) - 1
    order = np.empty(n, np.int64)
    waiting = np.empty(n, np.int64)
    waiting[0] = root
    n_waiting = 1
    for at in range(n):
        n_waiting -= 1
        node = waiting[n_waiting]
        order[at] = node
        for c in range(child_ptr[node + 1] - 1, child_ptr[node] - 1, -1):
            waiting[n_waiting] = child[c]
            n_waiting += 1
    return order


@kept
def edges_above(order, parent):
    """Edges between each node and the root; order has every parent before its children."""
    depth = np.zeros(len(parent), np.int64)
    for node in order[1:]:
        depth[node] = depth[parent[node]] + 1
    return depth


@kept
def steps_after(order, parent, other):
    """Steps that must follow that of each node: one more than after those that wait for it.

    Args:
        order: (n,) of elimination, the root last.
        parent: (n,) nodes; -1: none.
        other: (n,) nodes; -1: none.
    """
    steps = np.zeros(len(parent), np.int64)
    for at in range(len(order) - 2, -1, -1):
        node = order[at]
        most = steps[parent[node]]
        if other[node] >= 0:
            most = max(most, steps[other[node]])
        steps[node] = most + 1
    return steps
