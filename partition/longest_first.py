"""Longest processing time first: the most costly cell that is left goes to the idlest rank.

R. L. Graham, Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17 (1969) 416-429: the
largest load is at most 4/3 - 1/(3 n_ranks) of the best possible.
"""

from __future__ import annotations

import heapq

import numpy as np

from partition.workload import Workload


def longest_first(workload: Workload, n_ranks: int) -> np.ndarray:
    """Balance the cost greedily.

    Equal costs go by cell number, equal loads by fewest cells, then by rank.

    Returns:
        (n,) i4, rank of each cell.
    """
    rank = np.empty(workload.n, np.int32)
    order = np.argsort(-workload.cost, kind="stable")
    ranks = [(0.0, 0, r) for r in range(n_ranks)]
    for cell in order:
        load, n_cell, r = ranks[0]
        rank[cell] = r
        heapq.heapreplace(ranks, (load + float(workload.cost[cell]), n_cell + 1, r))
    return rank
