"""Lists of numbers, one an owner, in one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def lists_of(owner: np.ndarray, value: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of each of n owners in their order, each list followed by -1.

    Args:
        owner: (m,) of each value, 0 to n - 1.
        value: (m,)
        n: number of owners.

    Returns:
        all lists in one f8 array, and (n,) i8, where each begins.
    """
    order = np.argsort(owner, kind="stable")
    count = np.bincount(owner, minlength=n)
    begin = np.cumsum(count + 1) - count - 1
    joined = np.full(len(value) + n, -1.0)
    joined[np.arange(len(value)) + owner[order]] = value[order]
    return joined, begin.astype(np.int64)


def trains_of(trains: Sequence[np.ndarray], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The spike trains of some instances, as `lists_of` gives them.

    Args:
        trains: of all instances; none: all are empty.
        index: (n,) instances.
    """
    n = len(index)
    if not trains:
        return np.full(n, -1.0), np.arange(n)
    chosen = [trains[i] for i in index]
    owner = np.repeat(np.arange(n), [len(train) for train in chosen])
    return lists_of(owner, np.concatenate([np.zeros(0), *chosen]), n)
