"""Loops over the connections of a graph: numba, imported only where a graph is used."""

from __future__ import annotations

import numba
import numpy as np

_jit = numba.njit(cache=True)


@_jit
def fill_rows(ptr: np.ndarray, row: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Put each value into its row, in stored order; `ptr` (n + 1,) are the rows' offsets."""
    free = ptr[:-1].copy()
    out = np.empty(len(value), np.int32)
    for k in range(len(value)):
        out[free[row[k]]] = value[k]
        free[row[k]] += 1
    return out


@_jit
def join_directions(
    ptr: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, neighbours and weights of the graph without directions; see `Adjacency`."""
    n = len(ptr) - 1
    # List both ends of each connection: walking sources upwards fills every row in order.
    size = np.zeros(n + 1, np.int64)
    for i in range(n):
        for k in range(ptr[i], ptr[i + 1]):
            if target[k] != i:
                size[i + 1] += 1
                size[target[k] + 1] += 1
    start = np.cumsum(size)
    free = start[:-1].copy()
    both = np.empty(start[n], np.int32)
    for i in range(n):
        for k in range(ptr[i], ptr[i + 1]):
            j = target[k]
            if j != i:
                both[free[i]] = j
                both[free[j]] = i
                free[i] += 1
                free[j] += 1
    # Sort each row and count equal neighbours.
    out_ptr = np.zeros(n + 1, np.int64)
    neighbour = np.empty(len(both), np.int32)
    weight = np.empty(len(both), np.int32)
    end = 0
    for i in range(n):
        row = np.sort(both[start[i] : start[i + 1]])
        for k in range(len(row)):
            if k > 0 and row[k] == row[k - 1]:
                weight[end - 1] += 1
            else:
                neighbour[end], weight[end] = row[k], 1
                end += 1
        out_ptr[i + 1] = end
    return out_ptr, neighbour[:end].copy(), weight[:end].copy()


@_jit
def stream_cells(
    ptr: np.ndarray,
    neighbour: np.ndarray,
    weight: np.ndarray,
    cost: np.ndarray,
    n_ranks: int,
    n_pass: int,
    slack: float,
) -> np.ndarray:
    """Fennel's stream, repeated; see `partition.fennel`. Returns (n,) i4, rank of each cell."""
    n = len(cost)
    total = cost.sum()
    limit = max(slack * total / n_ranks, cost.max())
    price = 1.5 * weight.sum() / 2 * np.sqrt(n_ranks) / total**1.5
    rank = np.full(n, -1, np.int32)
    load = np.zeros(n_ranks)
    near = np.zeros(n_ranks)
    for _ in range(n_pass):
        n_moved = 0
        for i in range(n):
            old = rank[i]
            if old >= 0:
                load[old] -= cost[i]
            for k in range(ptr[i], ptr[i + 1]):
                if rank[neighbour[k]] >= 0:
                    near[rank[neighbour[k]]] += weight[k]
            best, idlest, highest = -1, 0, -np.inf
            for r in range(n_ranks):
                if load[r] < load[idlest]:
                    idlest = r
                score = near[r] - price * cost[i] * np.sqrt(max(load[r], 0.0))
                if load[r] + cost[i] <= limit and score > highest:
                    best, highest = r, score
            if best < 0:
                best = idlest
            rank[i] = best
            load[best] += cost[i]
            n_moved += best != old
            for k in range(ptr[i], ptr[i + 1]):
                if rank[neighbour[k]] >= 0:
                    near[rank[neighbour[k]]] = 0.0
        if n_moved == 0:
            break
    return rank


@_jit
def count_reached(
    ptr: np.ndarray, target: np.ndarray, rank: np.ndarray, n_ranks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks that each cell's spikes reach beside its own.

    Returns:
        (n,) i4, their number; (n_ranks, n_ranks) i8, sources on the first rank that reach the
        second.
    """
    n = len(ptr) - 1
    reached = np.zeros(n, np.int32)
    between = np.zeros((n_ranks, n_ranks), np.int64)
    seen = np.full(n_ranks, -1, np.int64)
    for i in range(n):
        for k in range(ptr[i], ptr[i + 1]):
            r = rank[target[k]]
            if r != rank[i] and seen[r] != i:
                seen[r] = i
                reached[i] += 1
                between[rank[i], r] += 1
    return reached, between


@_jit
def smooth_places(
    ptr: np.ndarray, neighbour: np.ndarray, weight: np.ndarray, place: np.ndarray, n_round: int
) -> np.ndarray:
    """Places (n, 3) after each cell moved so often to the mean of itself and its neighbours."""
    old = place.copy()
    new = np.empty_like(old)
    for _ in range(n_round):
        for i in range(len(old)):
            x, y, z, total = old[i, 0], old[i, 1], old[i, 2], 1.0
            for k in range(ptr[i], ptr[i + 1]):
                j, w = neighbour[k], weight[k]
                x += w * old[j, 0]
                y += w * old[j, 1]
                z += w * old[j, 2]
                total += w
            new[i, 0], new[i, 1], new[i, 2] = x / total, y / total, z / total
        old, new = new, old
    return old


@_jit
def move_cells(
    ptr: np.ndarray,
    neighbour: np.ndarray,
    weight: np.ndarray,
    cost: np.ndarray,
    rank: np.ndarray,
    n_ranks: int,
    n_pass: int,
    slack: float,
) -> None:
    """Move cells in turn to the rank where they have most neighbours, if it has room; in place."""
    load = np.zeros(n_ranks)
    for i in range(len(cost)):
        load[rank[i]] += cost[i]
    limit = slack * load.sum() / n_ranks
    near = np.zeros(n_ranks, np.int64)
    for _ in range(n_pass):
        for i in range(len(cost)):
            for k in range(ptr[i], ptr[i + 1]):
                near[rank[neighbour[k]]] += weight[k]
            best = rank[i]
            for k in range(ptr[i], ptr[i + 1]):
                r = rank[neighbour[k]]
                if near[r] > near[best] and load[r] + cost[i] <= limit:
                    best = r
            for k in range(ptr[i], ptr[i + 1]):
                near[rank[neighbour[k]]] = 0
            load[rank[i]] -= cost[i]
            load[best] += cost[i]
            rank[i] = best


@_jit
def count_cut(ptr: np.ndarray, neighbour: np.ndarray, weight: np.ndarray, rank: np.ndarray) -> int:
    """Connections between ranks, each counted at both ends."""
    cut = 0
    for i in range(len(rank)):
        for k in range(ptr[i], ptr[i + 1]):
            if rank[neighbour[k]] != rank[i]:
                cut += weight[k]
    return cut
