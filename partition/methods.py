"""Divide a workload by a named method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partition.bisection import bisection
from partition.errors import PartitionError
from partition.fennel import fennel
from partition.longest_first import longest_first
from partition.metis import metis
from partition.relaxed import relaxed
from partition.round_robin import round_robin
from partition.workload import Assignment, Workload

#: Imbalance above which `auto` looks for another method: few or unequal cells cannot be cut well.
UNBALANCED = 1.05


def auto(workload: Workload, n_ranks: int) -> np.ndarray:
    """By space where the cells are placed, else by graph where there is one, else by cost alone.

    Balance goes first: what is out of balance by more than `UNBALANCED` gives way to longest first.
    Results never depend on the choice, only speed does.
    """
    if workload.placed:
        rank = bisection(workload, n_ranks)
    elif workload.graph is not None:
        rank = fennel(workload, n_ranks)
    else:
        return longest_first(workload, n_ranks)
    if Assignment(rank, n_ranks).imbalance(workload.cost) <= UNBALANCED:
        return rank
    return longest_first(workload, n_ranks)


METHODS: dict[str, Callable[[Workload, int], np.ndarray]] = {
    "auto": auto,
    "bisection": bisection,
    "fennel": fennel,
    "longest-first": longest_first,
    "metis": metis,
    "relaxed": relaxed,
    "round-robin": round_robin,
}

#: Methods that cannot work without `Workload.graph`.
NEED_GRAPH = frozenset({"fennel", "metis", "relaxed"})


def assign(workload: Workload, n_ranks: int, method: str = "auto") -> Assignment:
    """Divide cells among ranks; the same input gives the same answer on every machine.

    Args:
        workload: what is to be divided.
        n_ranks: number of ranks, at least 1; ranks may stay empty.
        method: a key of `METHODS`.

    Raises:
        PartitionError: the workload, the number of ranks or the method cannot be used.
    """
    if n_ranks < 1:
        raise PartitionError(f"number of ranks: {n_ranks} is less than 1")
    if method not in METHODS:
        raise PartitionError(f'partition method "{method}" is not one of {", ".join(METHODS)}')
    cost = np.ascontiguousarray(workload.cost, np.float64)
    positions = workload.positions
    if positions is not None:
        positions = np.ascontiguousarray(positions, np.float64)
    workload = Workload(cost, positions, workload.graph)
    workload.check()
    rank = METHODS[method](workload, n_ranks)
    rank.setflags(write=False)
    return Assignment(rank, n_ranks)
