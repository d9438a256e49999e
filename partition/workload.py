"""The records of the room: what is to be divided, and how it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partition.errors import PartitionError
from partition.graph import CellGraph


@dataclass(frozen=True)
class Workload:
    """Cells to divide among ranks."""

    cost: np.ndarray  # (n,) f8, relative work of each cell, >= 0
    positions: np.ndarray | None = None  # (n, 3) f8 [um], for methods that divide space
    graph: CellGraph | None = None  # of the n cells, for methods that divide a graph

    @property
    def n(self) -> int:
        """Number of cells."""
        return len(self.cost)

    @property
    def placed(self) -> bool:
        """Whether the cells have positions that tell them apart."""
        return self.positions is not None and self.n > 0 and bool(np.ptp(self.positions, 0).any())

    def check(self) -> None:
        """Check shapes and values.

        Raises:
            PartitionError: a shape does not fit, or a value is negative, infinite or NaN.
        """
        if self.cost.ndim != 1:
            raise PartitionError(f"workload: cost has {self.cost.ndim} dimensions, one is needed")
        wrong = np.flatnonzero(~(np.isfinite(self.cost) & (self.cost >= 0)))
        if wrong.size:
            i = wrong[0]
            raise PartitionError(
                f"workload: the cost of cell {i} is {self.cost[i]}; costs are finite and >= 0"
            )
        if self.graph is not None and self.graph.n != self.n:
            raise PartitionError(
                f"workload: the graph has {self.graph.n} cells, {self.n} are to be divided"
            )
        if self.positions is not None:
            self._check_positions(self.positions)

    def _check_positions(self, positions: np.ndarray) -> None:
        if positions.shape != (self.n, 3):
            raise PartitionError(
                f"workload: positions have the shape {positions.shape}, ({self.n}, 3) is needed"
            )
        wrong = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if wrong.size:
            raise PartitionError(f"workload: the position of cell {wrong[0]} is not finite")


@dataclass(frozen=True)
class Assignment:
    """The rank of each cell."""

    rank: np.ndarray  # (n,) i4, 0 <= rank < n_ranks
    n_ranks: int

    def cells_of(self, rank: int) -> np.ndarray:
        """The cells of one rank, (m,) i8, ascending."""
        return np.flatnonzero(self.rank == rank)

    def loads(self, cost: np.ndarray) -> np.ndarray:
        """The summed cost of each rank, (n_ranks,) f8."""
        return np.bincount(self.rank, weights=cost, minlength=self.n_ranks)

    def imbalance(self, cost: np.ndarray) -> float:
        """Largest load over mean load: 1.0 is perfect; 1.0 too where there is no work."""
        loads = self.loads(cost)
        mean = loads.mean()
        return float(loads.max() / mean) if mean > 0 else 1.0
