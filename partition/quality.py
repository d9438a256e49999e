"""How good an assignment is: balance, and what its spikes cost to send."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partition.workload import Assignment, Workload


@dataclass(frozen=True)
class Quality:
    """Measures of an assignment."""

    imbalance: float  # largest over mean cost of a rank
    largest_cell: float  # cost of the most costly cell over the mean cost of a rank
    cut: float  # share of the connections whose ends are on two ranks
    reached: float  # ranks that a source's spikes reach beside its own, mean
    partners: float  # ranks that a rank hears, mean
    copies: float  # spikes arriving at ranks other than their own, all together [1/s]
    between: np.ndarray  # (n_ranks, n_ranks) i8, sources on the first that the second hears


def measure(assignment: Assignment, workload: Workload, rate: np.ndarray | float = 1.0) -> Quality:
    """Measure an assignment; a workload without a graph has no connections.

    Args:
        assignment: of the workload.
        workload: what was divided.
        rate: spikes of each cell, (n,) f8 or one for all [1/s].
    """
    n_ranks, graph = assignment.n_ranks, workload.graph
    mean = workload.cost.sum() / n_ranks
    largest = float(workload.cost.max(initial=0.0) / mean) if mean > 0 else 0.0
    balance = assignment.imbalance(workload.cost)
    between = np.zeros((n_ranks, n_ranks), np.int64)
    if graph is None or not len(graph.target):
        return Quality(balance, largest, 0.0, 0.0, 0.0, 0.0, between)
    from partition.graph_kernels import count_reached

    reached, between = count_reached(graph.target_ptr, graph.target, assignment.rank, n_ranks)
    home = np.repeat(assignment.rank, np.diff(graph.target_ptr))
    return Quality(
        imbalance=balance,
        largest_cell=largest,
        cut=float((home != assignment.rank[graph.target]).mean()),
        reached=float(reached.mean()),
        partners=float((between > 0).sum(axis=0).mean()),
        copies=float((reached * np.broadcast_to(rate, reached.shape)).sum()),
        between=between,
    )
