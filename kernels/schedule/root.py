"""The root from which a tree needs the fewest steps of elimination."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernels.schedule.tree import node_depths, reroot

#: Lanes for which a root is chosen, whatever k a machine then takes: the root is a property of the
#: tree, so that every engine adds in one order.
REFERENCE_LANES = 32


def steps_from_depths(depth: np.ndarray, k: int) -> int:
    """Steps that k lanes need: max over g >= -1 of g + 1 + ceil(nodes deeper than g / k)."""
    width = np.bincount(depth)
    deeper = np.cumsum(width[::-1])[::-1]  # deeper[g + 1]: nodes deeper than g
    return int(max(len(width), (np.arange(len(width)) - (-deeper // k)).max()))


def best_root(parent: np.ndarray, k: int = REFERENCE_LANES) -> int:
    """A node from which k lanes need the fewest steps, the same whatever root the tree has.

    A bound from below on the steps from every node rises until a node that has the lowest bound
    needs no more steps than it says.
    """
    farthest = _eccentricity(parent)
    for g, at_least in enumerate(_rising_bounds(parent, farthest, k)):
        if g & (g - 1) == 0 or g == farthest.max():
            node = int(np.lexsort((farthest, at_least))[0])
            if steps_from_depths(node_depths(reroot(parent, node)), k) == at_least[node]:
                return node
    raise AssertionError("the last bound is the number of steps itself")


def _eccentricity(parent: np.ndarray) -> np.ndarray:
    """(n,) i8, edges from each node to the one farthest from it: an end of any longest path."""
    one = int(node_depths(parent).argmax())
    from_one = node_depths(reroot(parent, one))
    from_other = node_depths(reroot(parent, int(from_one.argmax())))
    return np.maximum(from_one, from_other)


def _rising_bounds(parent: np.ndarray, farthest: np.ndarray, k: int) -> Iterator[np.ndarray]:
    """(n,) i8, fewest steps from each node by the terms up to g of the bound; g = 0, 1, ...

    Within g edges of node v lie the nodes of its own subtree within g, and what lies within g - 1
    of its parent, less what of that is in v's subtree: within g - 2 of v.
    """
    n = len(parent)
    child = np.flatnonzero(parent >= 0)
    above = parent[child]
    steps = np.maximum(farthest + 1, -(-n // k))
    before: np.ndarray = np.zeros(n)  # g = -1
    below: np.ndarray = np.ones(n)
    around: np.ndarray = np.ones(n)
    for g in range(int(farthest.max()) + 1):
        beyond = (n - around).astype(np.int64)
        steps = np.maximum(steps, np.where(beyond > 0, g + 1 - (-beyond // k), 0))
        yield steps
        wider = 1.0 + np.bincount(above, weights=below[child], minlength=n)
        next_around = wider.copy()
        next_around[child] += around[above] - before[child]
        before, below, around = below, wider, next_around
