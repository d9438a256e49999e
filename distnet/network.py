"""A network, asked cell by cell, so that each rank builds only its own part.

Gids run from 0 to n_cells - 1. A gid is a detailed cell, an artificial cell (a mechanism such as
NetStim), or a spike train known in advance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from distnet.cell import Cell

if TYPE_CHECKING:
    from distnet.costs import Prices


@dataclass(frozen=True)
class ArtificialCell:
    """A spike source that is one ARTIFICIAL_CELL mechanism, e.g. NetStim."""

    mechanism: str
    parameters: dict[str, float] = field(default_factory=dict)
    train: tuple[float, ...] = ()  # spike times [ms] that VecStim plays


@dataclass(frozen=True)
class SpikeTrain:
    """A spike source whose times are known: a virtual cell."""

    times: np.ndarray  # (n,) f8 [ms], ascending


@dataclass(frozen=True)
class Connections:
    """Connections onto one gid."""

    source: np.ndarray  # (n,) i8 gid
    target: np.ndarray  # (n,) i4, index in Cell.processes; 0 for an artificial cell
    weight: np.ndarray  # (n,) f8, first argument of NET_RECEIVE
    delay: np.ndarray  # (n,) f8 [ms]


class Network(Protocol):
    """What a simulation asks of a network.

    `distnet.cell_network.CellNetwork` is one put together in Python, `distnet.sonata.SonataNetwork`
    one read from files.
    """

    @property
    def n_cells(self) -> int:
        """Number of gids."""

    def own(self, gids: np.ndarray) -> None:
        """Told once which gids this rank owns, before it asks for them; a chance to read ahead."""

    def cell(self, gid: int) -> Cell | ArtificialCell | SpikeTrain:
        """Build what gid is. Called once, on the rank that owns gid (spike trains: where heard)."""

    def connections_to(self, gid: int) -> Connections:
        """Connections onto gid, in a stored order that does not depend on ranks."""

    def kinds(self) -> np.ndarray:
        """(n_cells,) u1: 0 a detailed cell, 1 an artificial cell, 2 a spike train."""

    def costs(self, prices: Prices) -> np.ndarray:
        """(n_cells,) f8: work of each gid, for balancing; zero for a spike train."""

    def positions(self) -> np.ndarray | None:
        """(n_cells, 3) f8 [um], of spike trains any; None where cells have no positions."""

    def all_connections(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every connection, a piece at a time: source gids, (m,) i8, and target gids, (m,) i8."""

    def shortest_delay(self) -> float:
        """The shortest delay of a connection from a cell [ms]; infinite where there is none."""

    def describe(self, gid: int) -> str:
        """A name of gid for messages, e.g. 'cortex 7'."""
