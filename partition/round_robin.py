"""Deal cells out in turn, whatever they cost."""

from __future__ import annotations

import numpy as np

from partition.workload import Workload


def round_robin(workload: Workload, n_ranks: int) -> np.ndarray:
    """Cell i goes to rank i mod n_ranks.

    Returns:
        (n,) i4, rank of each cell.
    """
    return (np.arange(workload.n) % n_ranks).astype(np.int32)
