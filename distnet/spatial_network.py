"""A placed network that is drawn cell by cell: of any size, for dry runs and benchmarks.

Cells stand on a lattice: a sheet of some layers that grows sideways, as cortex does, or a cube.
Each has connections from cells of the cube around it, drawn from a stream of its own, so that no
rank needs to know any other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np

from distnet.cell import Cell, Location
from distnet.costs import Prices
from distnet.morphology import Morphology
from distnet.network import Connections

SPACING = 25.0  # um between cells
REACH = 5  # cells to either side, along each axis
LAYERS = 4  # of a sheet
SPEED = 0.8  # um/us: delay = SYNAPTIC + distance / SPEED
SYNAPTIC = 1.0  # ms


class SpatialNetwork:
    """See `distnet.network.Network`."""

    def __init__(self, n_cells: int, fan_in: int = 200, seed: int = 1, layers: int = LAYERS):
        """Place the cells.

        Args:
            n_cells: number of cells.
            fan_in: connections onto each.
            seed: of all connections.
            layers: of the sheet; 0: as many as make a cube.
        """
        self._n, self.fan_in, self.seed = n_cells, fan_in, seed
        self.layers = layers or max(1, ceil(n_cells ** (1.0 / 3.0) - 1e-9))
        self.side = max(1, ceil((n_cells / self.layers) ** 0.5 - 1e-9))
        self._cell = _make_cell()

    @property
    def n_cells(self) -> int:
        """Number of gids."""
        return self._n

    def own(self, gids: np.ndarray) -> None:
        """Nothing to read."""

    def cell(self, gid: int) -> Cell:
        """All cells are alike."""
        return self._cell

    def _sites(self, gids: np.ndarray) -> np.ndarray:
        """(n, 3) i8, places on the lattice."""
        column, z = np.divmod(gids, self.layers)
        y, x = np.divmod(column, self.side)
        return np.stack([x, y, z], axis=1)

    def connections_to(self, gid: int) -> Connections:
        """Drawn from the stream of the gid; what falls outside is drawn back in."""
        random = np.random.default_rng([self.seed, gid])
        site = self._sites(np.array([gid]))
        jump = random.integers(-REACH, REACH + 1, (self.fan_in, 3))
        last = np.array([self.side, self.side, self.layers]) - 1
        place = np.clip(site + jump, 0, last)
        source = place[:, 2] + self.layers * (place[:, 0] + self.side * place[:, 1])
        source = np.minimum(source, self._n - 1)
        distance = SPACING * np.sqrt(((self._sites(source) - site) ** 2).sum(axis=1))
        return Connections(
            source,
            np.zeros(self.fan_in, np.int32),
            np.full(self.fan_in, 1e-4),
            SYNAPTIC + 1e-3 * distance / SPEED,
        )

    def kinds(self) -> np.ndarray:
        """All are detailed cells."""
        return np.zeros(self._n, np.uint8)

    def costs(self, prices: Prices) -> np.ndarray:
        """All cost the same."""
        return np.ones(self._n)

    def positions(self) -> np.ndarray:
        """(n_cells, 3) f8 [um]."""
        return SPACING * self._sites(np.arange(self._n)).astype(np.float64)

    def all_connections(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Cell by cell."""
        for gid in range(self._n):
            source = self.connections_to(gid).source
            yield source, np.full(len(source), gid)

    def shortest_delay(self) -> float:
        """That of a cell onto itself [ms]."""
        return SYNAPTIC

    def describe(self, gid: int) -> str:
        """A name of gid."""
        return f"cell {gid}"


def _make_cell() -> Cell:
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=200.0, diam=1.5, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, 9]))
    cell.insert("hh", "soma")
    cell.insert("pas", "dend")
    cell.place(Location("dend", 0.5), "ExpSyn", tau=2.0)
    cell.detect(Location("soma"), threshold=-20.0)
    return cell
