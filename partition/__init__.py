"""Which rank owns which cell: pure functions of arrays, the same answer on every rank.

>>> import numpy as np
>>> assign(Workload(cost=np.array([3.0, 1.0, 2.0])), n_ranks=2).rank
array([0, 1, 1], dtype=int32)
"""

from partition.errors import PartitionError
from partition.graph import CellGraph
from partition.methods import METHODS, NEED_GRAPH, assign
from partition.quality import Quality, measure
from partition.workload import Assignment, Workload

__all__ = [
    "METHODS",
    "NEED_GRAPH",
    "Assignment",
    "CellGraph",
    "PartitionError",
    "Quality",
    "Workload",
    "assign",
    "measure",
]
