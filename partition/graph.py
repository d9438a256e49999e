"""The record of who hears whom, in rows by source, put together piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from partition.errors import PartitionError


@dataclass(frozen=True)
class Adjacency:
    """The same graph without directions: neighbours of each cell, no cell its own neighbour."""

    ptr: np.ndarray  # (n + 1,) i8
    neighbour: np.ndarray  # (m,) i4, ascending in a row
    weight: np.ndarray  # (m,) i4, connections between the two, in both directions


@dataclass(frozen=True)
class CellGraph:
    """For each cell the cells that its spikes reach, once for each connection."""

    target_ptr: np.ndarray  # (n + 1,) i8
    target: np.ndarray  # (n_connection,) i4

    @property
    def n(self) -> int:
        """Number of cells."""
        return len(self.target_ptr) - 1

    @classmethod
    def from_pieces(cls, n: int, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> CellGraph:
        """Put a graph of `n` cells together.

        Args:
            n: number of cells.
            pieces: connections in any order, a piece at a time: source, (m,) i8, and target,
                (m,) i8.

        Raises:
            PartitionError: a connection has an end that does not exist.
        """
        from partition.graph_kernels import fill_rows

        sources, targets = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        for source, target in pieces:
            for end, found in (("source", source), ("target", target)):
                if len(found) and not 0 <= found.min() <= found.max() < n:
                    wrong = found.min() if found.min() < 0 else found.max()
                    raise PartitionError(
                        f"graph: a connection has the {end} {wrong}; allowed are 0 to {n - 1}"
                    )
            sources.append(source.astype(np.int32))
            targets.append(target.astype(np.int32))
        source, target = np.concatenate(sources), np.concatenate(targets)
        ptr = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))]).astype(np.int64)
        return cls(ptr, fill_rows(ptr, source, target))

    def undirected(self) -> Adjacency:
        """Neighbours of each cell, whoever sends."""
        from partition.graph_kernels import join_directions

        return Adjacency(*join_directions(self.target_ptr, self.target))
