"""Bisection that sees the connections: of cells as placed, or drawn together; then corrected.

Where nuclei project onto each other place by place, corresponding places belong on one rank,
however far apart they are. So the cells are bisected twice: where they stand, and where they come
to rest when each moves, again and again, to the mean place of itself and those it is connected with
(Laplacian smoothing: D. A. Field, Commun. Appl. Numer. Methods 4 (1988) 709-712); nuclei then lie
on top of each other, in order. The second way is taken where it cuts clearly fewer connections: it
spreads small nuclei over many ranks. Last, cells at the borders join the rank where they have most
neighbours, as long as balance allows (as in Fennel's stream, `partition.fennel`).

Each step asks of a cell only what its neighbours know.
"""

from __future__ import annotations

import numpy as np

from partition.bisection import bisection
from partition.errors import PartitionError
from partition.workload import Workload

ROUNDS = 12  # of smoothing: after 10 nuclei lie on each other, after 60 nothing else has changed
PASSES = 3  # over the cells, to move those at the borders
SLACK = 1.02  # largest load over mean load that these may make
GAIN = 0.95  # the cut of smoothed cells over that of placed ones, below which it is taken


def relaxed(workload: Workload, n_ranks: int) -> np.ndarray:
    """Keep neighbours and their targets together at nearly balanced cost.

    Returns:
        (n,) i4, rank of each cell.

    Raises:
        PartitionError: the workload has no positions or no graph.
    """
    if workload.positions is None:
        raise PartitionError('method "relaxed" needs the positions of the cells; there are none')
    if workload.graph is None:
        raise PartitionError('method "relaxed" needs the graph of the cells; there is none')
    from partition.graph_kernels import count_cut, move_cells, smooth_places

    graph = workload.graph.undirected()
    rows = (graph.ptr, graph.neighbour, graph.weight)
    cost = workload.cost if workload.cost.any() else np.ones(workload.n)
    found = []
    for n_round in (0, ROUNDS):
        places = smooth_places(*rows, workload.positions, n_round)
        rank = bisection(Workload(cost, places), n_ranks)
        move_cells(*rows, cost, rank, n_ranks, PASSES, SLACK)
        found.append((count_cut(*rows, rank), rank))
    (placed, rank), (smoothed, other) = found
    return other if smoothed < GAIN * placed else rank
