"""Spike trains of virtual nodes, from HDF5 or CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from distnet.errors import InputError
from distnet.network import SpikeTrain
from distnet.output.read import SpikeTable, read_spikes
from distnet.sonata.nodes import Nodes
from distnet.sonata.section import Section

#: Columns of a table of spikes; the last may be absent where there is one population.
COLUMNS = ("timestamps", "node_ids", "population")

#: Modules of the input_type "spikes" -> how their files are written.
SPIKE_MODULES = {"h5": "hdf5", "sonata": "hdf5", "csv": "csv"}


class SpikeTrains:
    """The times at which virtual nodes spike; those that no input drives never do."""

    def __init__(self) -> None:
        self._times: dict[int, np.ndarray] = {}
        self._input: dict[int, str] = {}

    def train(self, gid: int) -> SpikeTrain:
        """What one node does."""
        return SpikeTrain(self._times.get(gid, np.zeros(0)))

    @property
    def n_spikes(self) -> int:
        """Number of spikes of all nodes."""
        return sum(len(times) for times in self._times.values())

    def add(self, section: Section, gids: np.ndarray, nodes: list[Nodes]) -> None:
        """Read one input.

        Args:
            section: the input.
            gids: (n,) i8, the nodes that it drives.
            nodes: all populations.

        Raises:
            InputError: the file is missing or wrong, or a node has a spike train already.
        """
        path = section.existing_file("input_file")
        is_csv = SPIKE_MODULES[section.text("module", "h5")] == "csv"
        tables = read_csv(path) if is_csv else read_spikes(path)
        for population in nodes:
            first, last = population.population.first, population.population.last
            driven = gids[(gids >= first) & (gids < last)]
            if len(driven):
                table = find_table(tables, population, path)
                self._add_table(section, table, driven, population, path)

    def _add_table(
        self, section: Section, table: SpikeTable, driven: np.ndarray, nodes: Nodes, path: Path
    ) -> None:
        where = f'{path}: population "{nodes.population.name}"'
        rows = nodes.population.rows(table.node_ids)
        if (rows < 0).any():
            missing = table.node_ids[np.argmax(rows < 0)]
            raise InputError(where, f"there is no node with node_id {missing}")
        if not (np.isfinite(table.times) & (table.times >= 0)).all():
            raise InputError(where, "a timestamp is negative or not a number")
        for gid in driven:
            if gid in self._input:
                node_id = nodes.population.node_ids[gid - nodes.population.first]
                raise InputError(
                    section.where(),
                    f"node {node_id} of {nodes.population.name} has spikes from "
                    f'"{self._input[gid]}" already',
                )
            self._input[int(gid)] = section.name
        wanted = set(driven.tolist())
        order = np.lexsort((table.times, rows))
        gid, times = rows[order] + nodes.population.first, table.times[order]
        spiking, start = np.unique(gid, return_index=True)
        for one, piece in zip(spiking, np.split(times, start[1:]), strict=True):
            if int(one) in wanted:
                self._times[int(one)] = piece


def find_table(tables: dict[str, SpikeTable], nodes: Nodes, path: Path) -> SpikeTable:
    """The spikes of a population; a nameless table is that of any."""
    name = nodes.population.name
    if name in tables:
        return tables[name]
    if list(tables) == [""]:
        return tables[""]
    known = ", ".join(tables) or "none"
    raise InputError(path, f'there are no spikes of population "{name}"; found are {known}')


def read_csv(path: Path) -> dict[str, SpikeTable]:
    """Read a table of timestamps, population and node_ids, separated by spaces, with a head.

    Raises:
        InputError: a column is missing, or a value is not a number.
    """
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file, delimiter=" ")
        for column in COLUMNS[:2]:
            if column not in (table.fieldnames or ()):
                found = ", ".join(table.fieldnames or ()) or "nothing"
                raise InputError(f"{path}:1", f'has no column "{column}"; found {found}')
        spikes: dict[str, tuple[list[float], list[int]]] = {}
        for row in table:
            times, node_ids = spikes.setdefault(row.get("population") or "", ([], []))
            try:
                times.append(float(row["timestamps"]))
                node_ids.append(int(row["node_ids"]))
            except (TypeError, ValueError):
                problem = "needs a number under timestamps and a whole number under node_ids"
                raise InputError(f"{path}:{table.line_num}", problem) from None
    return {
        name: SpikeTable(name, np.array(times), np.array(node_ids, dtype=np.int64))
        for name, (times, node_ids) in spikes.items()
    }
