"""Streaming graph partition: each cell in turn joins the rank where it has most neighbours.

C. Tsourakakis, C. Gkantsidis, B. Radunovic, M. Vojnovic, FENNEL: streaming graph partitioning for
massive scale graphs, WSDM 2014, 333-342, with gamma = 3/2, loads counted in cost, and the stream
repeated (J. Nishimura, J. Ugander, Restreaming graph partitioning, KDD 2013, 1106-1114).
"""

from __future__ import annotations

import numpy as np

from partition.errors import PartitionError
from partition.workload import Workload

#: Passes over the cells; fewer when a pass moves none.
PASSES = 10

#: Largest load over mean load that a pass may make, but for a cell that is larger alone.
SLACK = 1.02

#: Costs that are less than this count as none.
SMALLEST = 1e-300


def fennel(workload: Workload, n_ranks: int) -> np.ndarray:
    """Keep connected cells together at nearly balanced cost.

    Returns:
        (n,) i4, rank of each cell.

    Raises:
        PartitionError: the workload has no graph.
    """
    if workload.graph is None:
        raise PartitionError('method "fennel" needs the graph of the cells; there is none')
    if workload.n == 0:
        return np.zeros(0, np.int32)
    from partition.graph_kernels import stream_cells

    graph = workload.graph.undirected()
    cost = workload.cost / max(workload.cost.max(), SMALLEST)
    cost = cost if cost.any() else np.ones(workload.n)
    return stream_cells(graph.ptr, graph.neighbour, graph.weight, cost, n_ranks, PASSES, SLACK)
