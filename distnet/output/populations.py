"""Gids on one side, SONATA's populations and node ids on the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Population:
    """A population of nodes whose gids follow one another.

    Node `node_ids[row]` has the gid `first + row`.
    """

    name: str
    first: int  # gid of the first row
    node_ids: np.ndarray  # (n,) i8

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.node_ids)

    @property
    def last(self) -> int:
        """The gid after the last row's."""
        return self.first + self.n

    def rows(self, node_ids: np.ndarray) -> np.ndarray:
        """Rows of node ids, (n,) i8; -1 where there is no such node."""
        node_ids = np.asarray(node_ids, dtype=np.int64)
        if np.array_equal(self.node_ids, np.arange(self.n)):
            return np.where((node_ids >= 0) & (node_ids < self.n), node_ids, -1)
        order = np.argsort(self.node_ids, kind="stable")
        place = np.searchsorted(self.node_ids, node_ids, sorter=order)
        row = order[np.minimum(place, self.n - 1)] if self.n else np.zeros_like(node_ids)
        found = self.node_ids[row] == node_ids if self.n else np.zeros(len(node_ids), bool)
        return np.where(found, row, -1)


def by_population(
    gids: np.ndarray, populations: Sequence[Population]
) -> Iterator[tuple[Population, np.ndarray, np.ndarray]]:
    """Split gids by population.

    Args:
        gids: (n,) integers.
        populations: where they live.

    Yields:
        Every population in turn, with the places in `gids` of its nodes, (k,) i8 ascending, and
        their node ids, (k,) i8.
    """
    gids = np.asarray(gids, dtype=np.int64)
    for population in populations:
        places = np.flatnonzero((gids >= population.first) & (gids < population.last))
        yield population, places, population.node_ids[gids[places] - population.first]
