"""From the cells of one rank to flat arrays: `kernels.Block`, and who is who in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from distnet.catalogue import Catalogue
from distnet.cell import Cell, Density, Process
from distnet.errors import InputError
from distnet.ions import ion_defaults
from distnet.network import ArtificialCell, Connections
from distnet.pointers import connect_pointers
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.streams import identify_placed
from kernels.block import Block, Instances, Ion, Probe
from kernels.mechanism import Mechanism
from kernels.storage import FIELDS, writes_concentration


@dataclass(frozen=True)
class Lowered:
    """A block, and the gids behind its indices."""

    block: Block
    gid: np.ndarray  # (n_cell,) i8
    source_gid: np.ndarray  # (n_source,) i8
    connection_source: np.ndarray  # (n_connection,) i8 gid
    connection_delay: np.ndarray  # (n_connection,) f8 [ms]
    #: per recording, which of its places this block samples
    recorded: tuple[np.ndarray, ...]


def lower(
    cells: Mapping[int, Cell | ArtificialCell],
    connections: Mapping[int, Connections],
    settings: Settings,
    catalogue: Catalogue,
    recordings: Sequence[Recording] = (),
    describe: Callable[[int], str] = str,
) -> Lowered:
    """Flatten the cells of one rank.

    Args:
        cells: what this rank owns, by gid; ascending gids give the order in the block.
        connections: connections onto each of them.
        settings: see `Settings`.
        catalogue: where mechanisms come from.
        recordings: what to sample; places on other ranks are left out.
        describe: a name of a gid, for messages.
    """
    return _Lowering(cells, connections, settings, catalogue, recordings, describe).result()


class _Lowering:
    """The pieces of `lower`, which all need the offsets of cells and nodes."""

    def __init__(
        self,
        cells: Mapping[int, Cell | ArtificialCell],
        connections: Mapping[int, Connections],
        settings: Settings,
        catalogue: Catalogue,
        recordings: Sequence[Recording],
        describe: Callable[[int], str],
    ):
        self.cells, self.connections = cells, connections
        self.settings, self.catalogue = settings, catalogue
        self.recordings, self.describe = recordings, describe
        self.gids = sorted(cells)
        self.detailed = [c for c in (cells[g] for g in self.gids) if isinstance(c, Cell)]
        size = [c.cable.n_node if isinstance(c, Cell) else 0 for c in map(cells.get, self.gids)]
        self.cell_ptr = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        self.first = dict(zip(self.gids, self.cell_ptr[:-1].tolist(), strict=True))
        self.n_node = int(self.cell_ptr[-1])
        #: (gid, index of the point process; 0 for an artificial cell) -> (mechanism, instance)
        self.process_place: dict[tuple[int, int], tuple[int, int]] = {}

    def result(self) -> Lowered:
        mechanisms = self._mechanisms()
        mechanisms = connect_pointers(
            mechanisms,
            self.cells,
            self.process_place,
            partial(self._pointed, mechanisms),
            self.describe,
        )
        sources = self._sources(mechanisms)
        target, source, weight, delay = self._connections(mechanisms)
        probes, recorded = self._probes(mechanisms)
        block = Block(
            dt=self.settings.dt,
            celsius=self.settings.celsius,
            method=self.settings.method,
            cell_ptr=self.cell_ptr,
            parent=self._parents(),
            axial=self._join("axial"),
            capacitance=self._join("capacitance"),
            area=self._join("area"),
            diam=self._join("diam"),
            v_init=self._initial_voltage(),
            mechanisms=mechanisms,
            ions=self._ions(mechanisms),
            globals=self.catalogue.globals(),
            source_node=sources[1],
            source_threshold=sources[2],
            source_instance=sources[3],
            connection_target=target,
            weight=weight,
            probes=probes,
            function_tables=dict(self.settings.function_tables),
            length=self._join("length"),
        )
        gid = np.array(self.gids, np.int64)
        return Lowered(block, gid, sources[0], source, delay, recorded)

    # --- trees ---

    def _join(self, name: str) -> np.ndarray:
        parts = [getattr(cell.cable, name) for cell in self.detailed]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def _parents(self) -> np.ndarray:
        parts = [np.zeros(0, np.int32)]
        for gid in self.gids:
            cell = self.cells[gid]
            if isinstance(cell, Cell):
                parent = cell.cable.parent
                parts.append(np.where(parent < 0, -1, parent + self.first[gid]).astype(np.int32))
        return np.concatenate(parts)

    def _initial_voltage(self) -> np.ndarray:
        default = self.settings.v_init
        parts = [np.zeros(0)]
        for cell in self.detailed:
            own = default if cell.v_init is None else cell.v_init
            parts.append(np.full(cell.cable.n_node, own, np.float64))
        return np.concatenate(parts)

    # --- mechanisms ---

    def _mechanisms(self) -> tuple[Instances, ...]:
        """All instances: mechanisms that write a concentration first, those with POINTERs last.

        So POINTERs see what others have just computed.
        """
        placed: dict[str, list[tuple[int, int, int, Density | Process | ArtificialCell]]] = {}
        for k, gid in enumerate(self.gids):
            cell = self.cells[gid]
            if isinstance(cell, ArtificialCell):
                placed.setdefault(cell.mechanism, []).append((k, gid, 0, cell))
                continue
            for name, density in cell.density.items():
                placed.setdefault(name, []).append((k, gid, -1, density))
            for p, process in enumerate(cell.processes):
                placed.setdefault(process.mechanism, []).append((k, gid, p, process))
        found = {name: self.catalogue[name] for name in placed}

        def key(name: str) -> tuple[bool, bool, str]:
            return not writes_concentration(found[name]), bool(found[name].pointers), name

        order = sorted(found, key=key)
        return tuple(
            self._instances(index, found[name], placed[name]) for index, name in enumerate(order)
        )

    def _instances(self, index: int, mechanism: Mechanism, placed: list) -> Instances:
        if mechanism.kind == "density":
            return self._density(mechanism, placed)
        node = np.full(len(placed), -1, np.int32)
        cell = np.zeros(len(placed), np.int32)
        values: dict[str, np.ndarray] = {}
        wanted = Process if mechanism.kind == "point" else ArtificialCell
        for _, gid, _, process in placed:
            if not isinstance(process, wanted):
                self._wrong_kind(gid, mechanism)
        if mechanism.kind == "point":
            placed = sorted(placed, key=lambda one: (one[0], one[3].node))
        for i, (k, gid, p, process) in enumerate(placed):
            if mechanism.kind == "point":
                node[i] = self.first[gid] + process.node
            cell[i] = k
            self.process_place[gid, p] = (index, i)
            for name, value in process.parameters.items():
                if name not in values:
                    self._check_parameter(gid, mechanism, name)
                    default = mechanism.variables()[name].default
                    values[name] = np.full(len(placed), default)
                values[name][i] = value
        identify_placed(mechanism, placed, [1] * len(placed), values, self.settings.seed)
        trains = [one[3].train if isinstance(one[3], ArtificialCell) else () for one in placed]
        played = tuple(np.array(train) for train in trains) if any(trains) else ()
        return Instances(mechanism, node, cell, values, played)

    def _density(self, mechanism: Mechanism, placed: list) -> Instances:
        size = [0 if not isinstance(d, Density) else len(d.node) for _, _, _, d in placed]
        ends = np.cumsum(size)
        node, cell = np.zeros(ends[-1], np.int32), np.zeros(ends[-1], np.int32)
        values: dict[str, np.ndarray] = {}
        for (k, gid, _, density), end, n in zip(placed, ends, size, strict=True):
            if not isinstance(density, Density):
                self._wrong_kind(gid, mechanism)
            here = slice(end - n, end)
            node[here], cell[here] = density.node + self.first[gid], k
            for name, value in density.parameters.items():
                if name not in values:
                    self._check_parameter(gid, mechanism, name)
                    values[name] = np.full(len(node), mechanism.variables()[name].default)
                values[name][here] = np.where(np.isnan(value), values[name][here], value)
        identify_placed(mechanism, placed, size, values, self.settings.seed)
        return Instances(mechanism, node, cell, values)

    def _check_parameter(self, gid: int, mechanism: Mechanism, name: str) -> None:
        allowed = mechanism.parameters
        if name in allowed or name in mechanism.variables():
            return
        hint = (
            " (it is GLOBAL: set it for the whole simulation)" if name in mechanism.globals else ""
        )
        raise InputError(
            f"{self.describe(gid)}: {mechanism.name}",
            f'there is no RANGE parameter "{name}"{hint}; allowed are {", ".join(sorted(allowed))}',
        )

    def _wrong_kind(self, gid: int, mechanism: Mechanism) -> None:
        kind = {
            "density": "a density mechanism: insert it",
            "point": "a point process: place it",
            "artificial": "an artificial cell: add it to the network",
        }[mechanism.kind]
        raise InputError(f"{self.describe(gid)}: {mechanism.name}", f"is {kind}")

    def _ions(self, mechanisms: tuple[Instances, ...]) -> tuple[Ion, ...]:
        valence: dict[str, float | None] = {}
        for group in mechanisms:
            for use in group.mechanism.ions:
                valence[use.ion] = valence.get(use.ion) or use.valence
        return tuple(self._ion(name, valence[name]) for name in sorted(valence))

    def _ion(self, name: str, valence: float | None) -> Ion:
        default = ion_defaults(name, valence)
        fields = {f: np.full(self.n_node, getattr(default, f)) for f in ("e", "ci", "co")}
        for gid in self.gids:
            cell = self.cells[gid]
            for field, value in (cell.ions.get(name, {}) if isinstance(cell, Cell) else {}).items():
                if value is not None:
                    here = fields[field][self.first[gid] :][: len(value)]
                    here[:] = np.where(np.isnan(value), here, value)
        return Ion(name, default.valence, **fields)

    # --- sources and connections ---

    def _sources(self, mechanisms: tuple[Instances, ...]) -> tuple[np.ndarray, ...]:
        gid, node, threshold, instance = [], [], [], []
        for one in self.gids:
            cell = self.cells[one]
            if isinstance(cell, ArtificialCell):
                gid.append(one)
                node.append(-1)
                threshold.append(0.0)
                instance.append(self.process_place[one, 0])
            elif cell.detector is not None:
                gid.append(one)
                node.append(self.first[one] + cell.detector[0])
                threshold.append(cell.detector[1])
                instance.append((-1, -1))
        return (
            np.array(gid, np.int64),
            np.array(node, np.int32),
            np.array(threshold, np.float64),
            np.array(instance, np.int32).reshape(-1, 2),
        )

    def _connections(self, mechanisms: tuple[Instances, ...]) -> tuple[np.ndarray, ...]:
        target, parts = [], []
        for gid in self.gids:
            onto = self.connections.get(gid)
            if onto is None or not len(onto.source):
                continue
            places = self._targets(gid, onto.target)
            for m in np.unique(places[:, 0]):
                if mechanisms[m].mechanism.receive is None:
                    name = mechanisms[m].mechanism.name
                    raise InputError(f"{self.describe(gid)}: {name}", "has no NET_RECEIVE block")
            self._check_delays(gid, onto)
            target.append(places)
            parts.append((onto.source, onto.weight, onto.delay))
        if not parts:
            return np.zeros((0, 2), np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
        source, weight, delay = (np.concatenate(part) for part in zip(*parts, strict=True))
        return (
            np.concatenate(target).astype(np.int32),
            source.astype(np.int64),
            weight.astype(np.float64),
            delay.astype(np.float64),
        )

    def _targets(self, gid: int, index: np.ndarray) -> np.ndarray:
        try:
            return np.array([self.process_place[gid, int(p)] for p in index])
        except KeyError as error:
            n = sum(1 for one in self.process_place if one[0] == gid)
            raise InputError(
                self.describe(gid),
                f"a connection ends on point process {error.args[0][1]}, but it has {n}",
            ) from None

    def _check_delays(self, gid: int, onto: Connections) -> None:
        bad = np.flatnonzero(~(onto.delay >= 0.0) | ~np.isfinite(onto.weight))
        if len(bad):
            i = bad[0]
            raise InputError(
                self.describe(gid),
                f"the connection from {self.describe(int(onto.source[i]))} has delay "
                f"{onto.delay[i]} ms and weight {onto.weight[i]}; a delay must not be negative, "
                "a weight must be finite",
            )

    # --- recordings ---

    def _probes(
        self, mechanisms: tuple[Instances, ...]
    ) -> tuple[tuple[Probe, ...], tuple[np.ndarray, ...]]:
        probes, recorded = [], []
        for recording in self.recordings:
            mine = np.flatnonzero([int(g) in self.cells for g in recording.gid])
            places = [
                self._place(
                    recording.variable, int(recording.gid[i]), int(recording.place[i]), mechanisms
                )
                for i in mine
            ]
            every = recording.steps(self.settings.dt)
            probes.append(Probe(recording.variable, np.array(places, np.int64), every))
            recorded.append(mine)
        return tuple(probes), tuple(recorded)

    def _pointed(
        self, mechanisms: tuple[Instances, ...], variable: str, gid: int, place: int
    ) -> int:
        """Node or instance of the block that a POINTER stands for."""
        return self._place(variable, gid, place, mechanisms, "POINTER to")

    def _place(
        self,
        variable: str,
        gid: int,
        place: int,
        mechanisms: tuple[Instances, ...],
        what: str = "recording",
    ) -> int:
        """Node or instance of the block."""
        first, _, last = variable.partition(".")
        where = f"{what} {variable} of {self.describe(gid)}"
        if not isinstance(self.cells[gid], Cell) and variable == "v":
            raise InputError(where, "an artificial cell has no voltage")
        if variable == "v":
            return self._node(gid, place, where)
        index = [k for k, group in enumerate(mechanisms) if group.mechanism.name == first]
        if not index:
            if any(use.ion == first for g in mechanisms for use in g.mechanism.ions):
                if last not in FIELDS:
                    allowed = ", ".join(FIELDS)
                    raise InputError(where, f'an ion has no "{last}"; allowed are {allowed}')
                return self._node(gid, place, where)
            raise InputError(where, f'there is no mechanism or ion "{first}" on this rank')
        group = mechanisms[index[0]]
        if last not in group.mechanism.variables() and not _is_current(group.mechanism, last):
            known = ", ".join(sorted(group.mechanism.variables()))
            raise InputError(where, f'there is no variable "{last}"; allowed are {known}')
        if group.mechanism.kind != "density":
            found = self.process_place.get((gid, place), (-1, -1))
            if found[0] != index[0]:
                raise InputError(where, f"point process {place} is not a {first}")
            return found[1]
        node = self._node(gid, place, where)
        i = int(np.searchsorted(group.node, node))
        if i == group.n or group.node[i] != node:
            raise InputError(where, f"{first} is not inserted at node {place}")
        return i

    def _node(self, gid: int, place: int, where: str) -> int:
        """Node of the block that is a node of a cell."""
        cell = self.cells[gid]
        n_node = cell.cable.n_node if isinstance(cell, Cell) else 0
        if not 0 <= place < n_node:
            raise InputError(where, f"there is no node {place}; there are {n_node}")
        return self.first[gid] + place


def _is_current(mechanism: Mechanism, name: str) -> bool:
    return any(current.name == name for current in mechanism.currents)
