"""Recursive coordinate bisection: cut space until every part is one rank's.

M. J. Berger, S. H. Bokhari, A partitioning strategy for nonuniform problems on multiprocessors,
IEEE Trans. Comput. C-36 (1987) 570-580.
"""

from __future__ import annotations

import numpy as np

from partition.errors import PartitionError
from partition.workload import Workload


def bisection(workload: Workload, n_ranks: int) -> np.ndarray:
    """Keep neighbours together at balanced cost. Cells at one place go by cell number.

    Returns:
        (n,) i4, rank of each cell.

    Raises:
        PartitionError: the workload has no positions.
    """
    if workload.positions is None:
        raise PartitionError('method "bisection" needs the positions of the cells; there are none')
    rank = np.zeros(workload.n, np.int32)
    parts = [(np.arange(workload.n), 0, n_ranks)]
    while parts:
        cells, first, n = parts.pop()
        if n == 1 or not cells.size:
            rank[cells] = first
            continue
        low, high = cut(cells, workload, n // 2 / n)
        parts.append((low, first, n // 2))
        parts.append((high, first + n // 2, n - n // 2))
    return rank


def cut(cells: np.ndarray, workload: Workload, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide cells across the longest side of their box; `share` of the cost goes to the first."""
    assert workload.positions is not None
    positions = workload.positions[cells]
    axis = int(np.argmax(np.ptp(positions, axis=0)))
    cells = cells[np.argsort(positions[:, axis], kind="stable")]
    # Cut where the running cost comes nearest to the share.
    before = np.concatenate(([0.0], np.cumsum(workload.cost[cells])))
    if before[-1] == 0.0:
        before = np.arange(len(cells) + 1.0)
    n_low = int(np.argmin(np.abs(before - share * before[-1])))
    return cells[:n_low], cells[n_low:]
