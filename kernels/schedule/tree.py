"""Trees as arrays of parents, nodes in any order."""

from __future__ import annotations

import numpy as np

from kernels.errors import KernelsError


def check_tree(parent: np.ndarray) -> np.ndarray:
    """The array as (n,) i8, after making sure that it is one tree.

    Raises:
        KernelsError: it is not one tree.
    """
    given = np.asarray(parent)
    if given.ndim != 1 or not len(given) or given.dtype.kind not in "iu":
        raise KernelsError(
            f"parent is an array of shape {given.shape} and type {given.dtype}; "
            "a flat array of at least one integer is needed"
        )
    tree = given.astype(np.int64)
    roots = np.flatnonzero(tree < 0)
    if len(roots) != 1 or tree[roots[0]] != -1:
        raise KernelsError(f"the tree has {len(roots)} roots; exactly one parent must be -1")
    if tree.max() >= len(tree):
        node = int(tree.argmax())
        raise KernelsError(
            f"node {node} has parent {tree[node]}; the tree has nodes 0 to {len(tree) - 1}"
        )
    reached = len(_from_root(tree))
    if reached != len(tree):
        raise KernelsError(f"{len(tree) - reached} nodes hang on a cycle, not on the root")
    return tree


def children_of(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Children of every node, ascending: child_ptr (n + 1,) i8 and child (n - 1,) i8."""
    n = len(parent)
    count = np.bincount(parent[parent >= 0], minlength=n)
    child_ptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    child = np.argsort(parent, kind="stable")[n - int(child_ptr[-1]) :]
    return child_ptr, child.astype(np.int64)


def _from_root(parent: np.ndarray) -> np.ndarray:
    """All nodes reached from the root, every parent before its children."""
    from kernels.schedule.walks import breadth_first  # numba: not on import

    return breadth_first(*children_of(parent), np.flatnonzero(parent < 0)[0])


def node_depths(parent: np.ndarray) -> np.ndarray:
    """(n,) i8, edges between each node and the root."""
    from kernels.schedule.walks import edges_above

    return edges_above(_from_root(parent), parent)


def reroot(parent: np.ndarray, root: int) -> np.ndarray:
    """The same tree hanging from another node."""
    tree = parent.copy()
    below, node = -1, root
    while node >= 0:
        tree[node], below, node = below, node, tree[node]
    return tree


def preorder(parent: np.ndarray) -> np.ndarray:
    """(n,) i8, all nodes, each followed by what hangs from it, children ascending."""
    from kernels.schedule.walks import depth_first

    return depth_first(*children_of(parent), np.flatnonzero(parent < 0)[0])
