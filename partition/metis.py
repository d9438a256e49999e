"""Multilevel graph partition by METIS, where the package pymetis is installed.

G. Karypis, V. Kumar, A fast and high quality multilevel scheme for partitioning irregular graphs,
SIAM J. Sci. Comput. 20 (1998) 359-392.
"""

from __future__ import annotations

import numpy as np

from partition.errors import PartitionError
from partition.workload import Workload

#: Costs are whole numbers to METIS: the largest sum of all, well inside 32 bits.
COST_SUM = 1 << 29

#: Costs that sum to less count as none.
SMALLEST = 1e-300


def metis(workload: Workload, n_ranks: int) -> np.ndarray:
    """Cut few connections at nearly balanced cost.

    Returns:
        (n,) i4, rank of each cell.

    Raises:
        PartitionError: the workload has no graph, or pymetis is not installed.
    """
    if workload.graph is None:
        raise PartitionError('method "metis" needs the graph of the cells; there is none')
    try:
        import pymetis
    except ImportError:
        raise PartitionError(
            'method "metis" needs the package pymetis, which is not installed: '
            'pip install "distnet[metis]"'
        ) from None
    if n_ranks == 1 or workload.n <= n_ranks:
        return (np.arange(workload.n) % n_ranks).astype(np.int32)
    graph = workload.graph.undirected()
    cost = workload.cost if workload.cost.sum() > SMALLEST else np.ones(workload.n)
    whole = np.rint(cost * (COST_SUM / cost.sum())).astype(np.int64)
    _, rank = pymetis.part_graph(
        n_ranks,
        pymetis.CSRAdjacency(graph.ptr, graph.neighbour),
        vweights=whole,
        eweights=graph.weight,
        recursive=False,
    )
    return np.asarray(rank, dtype=np.int32)
