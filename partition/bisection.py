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
        n_low = lower_ranks(np.ptp(workload.positions[cells], axis=0), n)
        low, high = cut(cells, workload, n_low / n)
        parts.append((low, first, n_low))
        parts.append((high, first + n_low, n - n_low))
    return rank


def lower_ranks(side: np.ndarray, n_ranks: int) -> int:
    """How many of the ranks of a box get the lower part of it, so that parts come near to cubes.

    Cubes of one rank's volume fit a number of times along the longest side; half of these go to
    the lower part. Sides along which there is room for less than two cubes do not count.

    Args:
        side: (3,) f8, of the box.
        n_ranks: at least 2.

    >>> lower_ranks(np.array([5.0, 5.0, 5.0]), 128)
    51
    >>> lower_ranks(np.array([8.0, 8.0, 1.0]), 64)
    32
    """
    side = np.sort(side)[::-1]
    for n_axes in (3, 2, 1):
        cube = (side[:n_axes].prod() / n_ranks) ** (1.0 / n_axes)
        if side[n_axes - 1] >= 1.5 * cube > 0.0:
            break
    n_slabs = max(2, round(float(side[0] / cube))) if cube > 0.0 else 2
    return min(max(1, round(n_ranks * (n_slabs // 2) / n_slabs)), n_ranks - 1)


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
