"""A network that is put together in Python and held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from distnet.cell import Cell
from distnet.costs import Counted, Prices
from distnet.errors import InputError
from distnet.network import ArtificialCell, Connections, SpikeTrain


class CellNetwork:
    """Cells, artificial cells and spike trains, and the connections between them.

    Every rank builds the same network, with the same calls.

    >>> from distnet.cell import Location
    >>> from distnet.morphology import Morphology
    >>> morphology = Morphology()
    >>> soma = morphology.add("soma", length=20.0, diam=20.0)
    >>> cell = Cell(morphology)
    >>> cell.detect(Location("soma"), threshold=-20.0)
    >>> synapse = cell.place(Location("soma"), "ExpSyn", tau=2.0)
    >>> network = CellNetwork()
    >>> first, second = network.add_cell(cell), network.add_cell(cell.copy())
    >>> network.connect(first, (second, synapse), weight=0.01, delay=2.0)
    >>> network.connections_to(second).source.tolist()
    [0]
    """

    def __init__(self) -> None:
        self._sources: list[Cell | ArtificialCell | SpikeTrain] = []
        self._names: list[str] = []
        self._positions: dict[int, Sequence[float]] = {}
        self._connections: dict[int, list[tuple[int, int, float, float]]] = {}

    @property
    def n_cells(self) -> int:
        """Number of gids."""
        return len(self._sources)

    def add_cell(self, cell: Cell, name: str = "", position: Sequence[float] | None = None) -> int:
        """Add a detailed cell; return its gid.

        Args:
            cell: not to be changed afterwards, but for what is placed on it.
            name: for messages; "cell GID" by default.
            position: x, y, z [um]; where all cells have one, neighbours share ranks.

        Raises:
            InputError: the position is not three numbers.
        """
        name = name or f"cell {self.n_cells}"
        if position is not None:
            if len(position) != 3 or not np.isfinite(position).all():
                raise InputError(name, f"the position is {position}; x, y and z [um] are needed")
            self._positions[self.n_cells] = position
        return self._add(cell, Cell, name)

    def add_artificial(
        self, mechanism: str, name: str = "", train: Iterable[float] = (), **parameters: float
    ) -> int:
        """Add an artificial cell, e.g. NetStim; return its gid.

        Args:
            mechanism: ARTIFICIAL_CELL name of a .mod file.
            name: for messages; "MECHANISM GID" by default.
            train: spike times [ms] for VecStim to play.
            parameters: by the names in the .mod file.
        """
        values = {k: float(v) for k, v in parameters.items()}
        cell = ArtificialCell(mechanism, values, tuple(sorted(float(t) for t in train)))
        return self._add(cell, ArtificialCell, name or f"{mechanism} {self.n_cells}")

    def add_spike_train(self, times: Iterable[float], name: str = "") -> int:
        """Add a source that spikes at known times; return its gid.

        Args:
            times: (n,) [ms], in any order.
            name: for messages; "spike train GID" by default.

        Raises:
            InputError: a time is negative or not a number.
        """
        name = name or f"spike train {self.n_cells}"
        sorted_times = np.sort(np.asarray(list(times), dtype=np.float64))
        if not (np.isfinite(sorted_times) & (sorted_times >= 0)).all():
            raise InputError(name, "a spike time is negative or not a number")
        return self._add(SpikeTrain(sorted_times), SpikeTrain, name)

    def connect(
        self, source: int, target: int | tuple[int, int], weight: float, delay: float
    ) -> None:
        """Connect a source of spikes to a point process or an artificial cell.

        Args:
            source: gid of a cell with a detector, an artificial cell, or a spike train.
            target: gid and index of the point process, as `Cell.place` gave it; the gid alone
                for an artificial cell.
            weight: first argument of NET_RECEIVE.
            delay: [ms].

        Raises:
            InputError: an end does not exist, or weight or delay cannot be.
        """
        gid, process = target if isinstance(target, tuple) else (target, 0)
        where = f"connection from gid {source} to gid {gid}"
        self._check_gid(where, source)
        self._check_gid(where, gid)
        self._check_ends(where, source, gid, process)
        if not (np.isfinite(weight) and np.isfinite(delay) and delay >= 0.0):
            problem = f"weight is {weight} and delay is {delay} ms; both must be numbers"
            raise InputError(where, f"{problem}, the delay 0 or greater")
        connection = (int(source), int(process), float(weight), float(delay))
        self._connections.setdefault(int(gid), []).append(connection)

    def cell(self, gid: int) -> Cell | ArtificialCell | SpikeTrain:
        """What gid is."""
        return self._sources[gid]

    def connections_to(self, gid: int) -> Connections:
        """Connections onto gid, in the order in which they were made."""
        found = self._connections.get(gid, [])
        source, process, weight, delay = zip(*found, strict=True) if found else ((), (), (), ())
        return Connections(
            np.array(source, dtype=np.int64),
            np.array(process, dtype=np.int32),
            np.array(weight, dtype=np.float64),
            np.array(delay, dtype=np.float64),
        )

    def own(self, gids: np.ndarray) -> None:
        """Everything is in memory: nothing to prepare."""

    def kinds(self) -> np.ndarray:
        """(n_cells,) u1: 0 a detailed cell, 1 an artificial cell, 2 a spike train."""
        kind = {Cell: 0, ArtificialCell: 1, SpikeTrain: 2}
        return np.array([kind[type(source)] for source in self._sources], dtype=np.uint8)

    def costs(self, prices: Prices | None = None) -> np.ndarray:
        """(n_cells,) f8: the price of each gid and of the connections onto it."""
        prices = prices or Counted()
        return np.array([self._cost(gid, prices) for gid in range(self.n_cells)], dtype=np.float64)

    def positions(self) -> np.ndarray | None:
        """(n_cells, 3) f8 [um], 0 for a spike train; None unless all others have one."""
        if any(kind != 2 and gid not in self._positions for gid, kind in enumerate(self.kinds())):
            return None
        origin = (0.0, 0.0, 0.0)
        found = [self._positions.get(gid, origin) for gid in range(self.n_cells)]
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    def all_connections(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Source and target gids of the connections onto each gid in turn."""
        for gid, found in self._connections.items():
            yield np.array([one[0] for one in found]), np.full(len(found), gid)

    def shortest_delay(self) -> float:
        """The shortest delay of a connection from a cell [ms]; infinite where there is none."""
        kinds = self.kinds()
        every = (one for found in self._connections.values() for one in found)
        return min((one[3] for one in every if kinds[one[0]] != 2), default=np.inf)

    def describe(self, gid: int) -> str:
        """A name of gid for messages, e.g. 'cell 7'."""
        return self._names[gid]

    def _add(self, source: Cell | ArtificialCell | SpikeTrain, kind: type, name: str) -> int:
        if not isinstance(source, kind):
            raise InputError(name, f"is a {type(source).__name__}, not a {kind.__name__}")
        self._sources.append(source)
        self._names.append(name)
        return self.n_cells - 1

    def _cost(self, gid: int, prices: Prices) -> float:
        source = self._sources[gid]
        if isinstance(source, SpikeTrain):
            return 0.0
        return prices.cell(source) + prices.event * len(self._connections.get(gid, ()))

    def _check_gid(self, where: str, gid: int) -> None:
        if not 0 <= gid < self.n_cells:
            allowed = f"0 to {self.n_cells - 1}" if self.n_cells else "none"
            raise InputError(where, f"there is no gid {gid}; allowed are {allowed}")

    def _check_ends(self, where: str, source: int, gid: int, process: int) -> None:
        start, end = self._sources[source], self._sources[gid]
        if isinstance(start, Cell) and start.detector is None:
            raise InputError(where, f"{self.describe(source)} has no spike detector")
        if isinstance(end, SpikeTrain):
            raise InputError(where, f"{self.describe(gid)} is a spike train, which takes no spikes")
        n_process = len(end.processes) if isinstance(end, Cell) else 1
        if not 0 <= process < n_process:
            allowed = f"0 to {n_process - 1}" if n_process else "none"
            problem = f"{self.describe(gid)} has no point process {process}; allowed are {allowed}"
            raise InputError(where, problem)
