"""Which rank owns which cell: pure functions of arrays, the same answer on every rank.

>>> import numpy as np
>>> assign(Workload(cost=np.array([3.0, 1.0, 2.0])), n_ranks=2).rank
array([0, 1, 1], dtype=int32)
"""

from partition.errors import PartitionError
from partition.methods import METHODS, assign
from partition.workload import Assignment, Workload

__all__ = ["METHODS", "Assignment", "PartitionError", "Workload", "assign"]
