"""Populations of nodes: who there is, what kind it is, and its attributes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from distnet.errors import InputError
from distnet.output.hdf5 import reading
from distnet.output.populations import Population
from distnet.sonata import columns
from distnet.sonata.section import Section
from distnet.sonata.types_table import TypesTable, Value, read_types

#: Supported values of model_type, with the kind that `Network.kinds` gives.
MODEL_TYPES = {"biophysical": 0, "virtual": 2}


@dataclass
class Nodes:
    """One population of nodes; row r of it has the gid `population.first + r`."""

    population: Population
    file: Path
    types: TypesTable | None
    kinds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))  # (n,) u1
    _columns: dict[str, tuple[np.ndarray, list[Value]]] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The file and population, for messages."""
        return f'{self.file}: population "{self.population.name}"'

    @contextmanager
    def rows(self) -> Iterator[columns.Rows]:
        """All nodes, while the file is open."""
        with reading(self.file) as file:
            root = file[f"nodes/{self.population.name}"]
            ids = np.arange(self.population.n)
            yield columns.read_rows(root, "node", self.types, self.where, ids)

    def column(self, name: str) -> tuple[np.ndarray, list[Value]]:
        """An attribute of all nodes: (n,) codes, and the value of each code, None for no value."""
        if name not in self._columns:
            with self.rows() as rows:
                self._columns[name] = columns.coded(rows, name)
        return self._columns[name]

    def attribute(self, row: int, name: str) -> Value:
        """An attribute of one node; None where it has none."""
        code, values = self.column(name)
        return values[code[row]]

    def attribute_names(self) -> list[str]:
        """Names of all attributes."""
        with self.rows() as rows:
            return columns.names(rows)

    def positions(self) -> np.ndarray:
        """x, y, z of every node, (n, 3) f8 [um]; NaN where there is none."""
        with self.rows() as rows:
            return np.column_stack([columns.numbers(rows, axis) for axis in ("x", "y", "z")])

    def has_own_parameters(self) -> bool:
        """Whether HDF5 holds dynamics parameters node by node."""
        with self.rows() as rows:
            return any(f"{g}/dynamics_params" in rows.root for g in np.unique(rows.group))


def read_nodes(sections: list[Section]) -> list[Nodes]:
    """Read the populations of all node files, in the order in which they are named.

    Args:
        sections: the entries of networks.nodes.

    Raises:
        InputError: a file is missing or wrong, or a model_type is not supported.
    """
    found: list[Nodes] = []
    first = 0
    for section in sections:
        section.check_keys("networks.nodes")
        path = section.existing_file("nodes_file")
        types = None
        if section.has("node_types_file"):
            types = read_types(section.existing_file("node_types_file"), "node_type_id")
        for name, node_ids in read_populations(path):
            if any(name == other.population.name for other in found):
                raise InputError(path, f'the population "{name}" is in another file too')
            nodes = Nodes(Population(name, first, node_ids), path, types)
            nodes.kinds = read_kinds(nodes)
            found.append(nodes)
            first = nodes.population.last
    return found


def read_populations(path: Path) -> list[tuple[str, np.ndarray]]:
    """Names and node ids of the populations in a file."""
    found = []
    with reading(path) as file:
        if not isinstance(file.get("nodes"), h5py.Group):
            raise InputError(path, "has no group /nodes")
        for name, group in file["nodes"].items():
            sized = next((n for n in ("node_type_id", "node_id") if n in group), None)
            if sized is None:
                raise InputError(path, f'population "{name}" has no dataset "node_type_id"')
            node_ids = np.arange(len(group[sized]))
            if "node_id" in group:
                node_ids = group["node_id"][()].astype(np.int64)
            if len(np.unique(node_ids)) != len(node_ids):
                raise InputError(path, f'population "{name}" has a node_id twice')
            found.append((name, node_ids))
    return found


def read_kinds(nodes: Nodes) -> np.ndarray:
    """Kind of every node, (n,) u1, as `Network.kinds` has it."""
    code, values = nodes.column("model_type")
    for value in {values[c] for c in np.unique(code)}:
        if value not in MODEL_TYPES:
            found = "is missing" if value is None else f'"{value}" is not supported'
            allowed = ", ".join(MODEL_TYPES)
            raise InputError(nodes.where, f"model_type {found}; allowed are {allowed}")
    return np.array([MODEL_TYPES.get(str(v), 0) for v in values], dtype=np.uint8)[code]
