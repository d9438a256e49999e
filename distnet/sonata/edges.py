"""Populations of edges: the synapses onto some cells, read without reading the others.

The index `target_to_source` tells where the edges onto a node lie; without one, a pass over all
target ids finds them. Edges onto one node keep the order that they have in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from distnet.errors import InputError
from distnet.output.hdf5 import reading, text
from distnet.sonata import columns
from distnet.sonata.nodes import Nodes
from distnet.sonata.section import Section
from distnet.sonata.synapses import SynapseModel, parameter_name
from distnet.sonata.types_table import TypesTable, Value, read_types

#: Target ids read at once where there is no index.
CHUNK = 1 << 20

#: Names of the index of edges by target, and of its table of ranges: SONATA's, libsonata's.
INDEX = "indices/target_to_source"
RANGES = ("node_id_to_range", "node_id_to_ranges")

#: Weight functions that give syn_weight as it is.
PLAIN_WEIGHTS = (None, "default_weight_fnc", "set_syn_weight", "wmax")

#: Makes a SynapseModel of a model_template, dynamics_params, what names them, and the parameters
#: that the edges have values of their own for.
MakeModel = Callable[[str, Value, str, Collection[str]], SynapseModel]


@dataclass(frozen=True)
class Synapses:
    """Edges onto some cells, each one point process and one connection."""

    edge_id: np.ndarray  # (n,) i8, in the population
    source: np.ndarray  # (n,) i8 gid
    target: np.ndarray  # (n,) i8 gid
    section: np.ndarray  # (n,) i4
    x: np.ndarray  # (n,) f8, normalised distance along the section
    weight: np.ndarray  # (n,) f8 [uS]
    delay: np.ndarray  # (n,) f8 [ms]
    model: np.ndarray  # (n,) i4, place in `models`
    models: tuple[SynapseModel, ...]
    overrides: dict[str, np.ndarray]  # parameter -> (n,) f8, NaN where the model's holds

    def piece(self, first: int, last: int) -> Synapses:
        """Synapses `first` to `last` - 1."""
        here = slice(first, last)
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {n: v[here] for n, v in values.items() if isinstance(v, np.ndarray)}
        return replace(self, **cut, overrides={n: v[here] for n, v in self.overrides.items()})


@dataclass(frozen=True)
class Edges:
    """One population of edges."""

    name: str
    file: Path
    types: TypesTable | None
    source: Nodes
    target: Nodes

    @property
    def where(self) -> str:
        """The file and population, for messages."""
        return f'{self.file}: population "{self.name}"'

    def onto(self, gids: np.ndarray, make_model: MakeModel, dt: float) -> Synapses:
        """Read the edges onto some gids of the target population.

        Args:
            gids: (n,) i8.
            make_model: makes the synapse model of a template.
            dt: time step [ms], the shortest delay.

        Raises:
            InputError: an edge is not what it must be.
        """
        with reading(self.file) as file:
            root = file[f"edges/{self.name}"]
            edge_id, target_row = self._find(root, gids - self.target.population.first)
            rows = columns.read_rows(root, "edge", self.types, self.where, edge_id)
            source_id = columns.take(root["source_node_id"], edge_id).astype(np.int64)
            source_row = self.source.population.rows(source_id)
            self._check(source_row < 0, edge_id, "source node {} does not exist", source_id)
            model, models, overrides = self._models(rows, edge_id, make_model)
            section, x = self._places(rows, edge_id)
            # Spikes of detailed cells must not arrive in the step in which they are found.
            shortest = np.where(self.source.kinds[source_row] == 0, dt, 0.0)
            weight, delay = self._strengths(rows, edge_id, shortest)
        return Synapses(
            edge_id=edge_id,
            source=source_row + self.source.population.first,
            target=target_row + self.target.population.first,
            section=section,
            x=x,
            weight=weight,
            delay=delay,
            model=model,
            models=models,
            overrides=overrides,
        )

    def in_degree(self) -> np.ndarray:
        """Number of edges onto every node of the target population, (n,) i8.

        Raises:
            InputError: an edge ends at no node, or at a virtual one.
        """
        with reading(self.file) as file:
            root = file[f"edges/{self.name}"]
            n = self.target.population.n
            count = np.zeros(n, dtype=np.int64)
            for first, node_ids in target_chunks(root):
                count += np.bincount(self._target_rows(node_ids, first), minlength=n)
        return count

    def ends(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Source and target gids of all edges, a piece at a time, (m,) i8 each.

        Raises:
            InputError: an edge has an end that does not exist, or ends at a virtual node.
        """
        with reading(self.file) as file:
            root = file[f"edges/{self.name}"]
            for first, node_ids in target_chunks(root):
                target = self._target_rows(node_ids, first)
                source_id = root["source_node_id"][first : first + len(node_ids)].astype(np.int64)
                source = self.source.population.rows(source_id)
                edge_id = np.arange(first, first + len(source))
                self._check(source < 0, edge_id, "source node {} does not exist", source_id)
                yield source + self.source.population.first, target + self.target.population.first

    def shortest_delay(self) -> float:
        """The shortest delay of an edge that does not come from a virtual node [ms]."""
        if (self.source.kinds != 0).all():
            return np.inf
        shortest = np.inf
        with reading(self.file) as file:
            root = file[f"edges/{self.name}"]
            for first, node_ids in target_chunks(root):
                edge_id = np.arange(first, first + len(node_ids))
                rows = columns.read_rows(root, "edge", self.types, self.where, edge_id)
                delay = columns.numbers(rows, "delay")
                shortest = min(shortest, float(np.nanmin(delay, initial=np.inf)))
        return shortest

    def _check(self, wrong: np.ndarray, edge_id: np.ndarray, problem: str, *values: object) -> None:
        """Refuse the first edge that is wrong; {} in `problem` are its values."""
        if wrong.any():
            i = int(np.argmax(wrong))
            shown = (v[i] if isinstance(v, np.ndarray) else v for v in values)
            ends = f'"{self.source.population.name}" to "{self.target.population.name}"'
            where = f"{self.where}: edge {edge_id[i]} ({ends})"
            raise InputError(where, problem.format(*shown))

    def _find(self, root: h5py.Group, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Edges onto some rows of the target population: their ids, (n,), and rows, (n,)."""
        if INDEX in root:
            edge_id = self._find_by_index(root, self.target.population.node_ids[rows])
            node_ids = columns.take(root["target_node_id"], edge_id).astype(np.int64)
            target_row = self.target.population.rows(node_ids)
            if not np.isin(target_row, rows).all():
                raise InputError(self.where, f"{INDEX} names edges onto other nodes")
        else:
            edge_id, target_row = self._find_by_pass(root, rows)
        order = np.lexsort((edge_id, target_row))
        return edge_id[order], target_row[order]

    def _find_by_index(self, root: h5py.Group, node_ids: np.ndarray) -> np.ndarray:
        index = root[INDEX]
        ranges = next((index[name] for name in RANGES if name in index), None)
        if ranges is None or "range_to_edge_id" not in index:
            raise InputError(self.where, f"{INDEX} needs {RANGES[0]} and range_to_edge_id")
        self._check_index(root, ranges, index["range_to_edge_id"])
        span = columns.take(ranges, node_ids[node_ids < len(ranges)]).astype(np.int64)
        pieces = columns.expand(span[:, 0], span[:, 1])
        edges = columns.take(index["range_to_edge_id"], pieces).astype(np.int64)
        return columns.expand(edges[:, 0], edges[:, 1])

    def _check_index(self, root: h5py.Group, ranges: h5py.Dataset, pieces: h5py.Dataset) -> None:
        """Refuse edges that the index gives to nodes that do not exist, or to none."""
        n_indexed = sum(
            int((piece[:, 1].astype(np.int64) - piece[:, 0].astype(np.int64)).sum())
            for piece in (pieces[i : i + CHUNK] for i in range(0, len(pieces), CHUNK))
        )
        too_far = len(ranges) > self.target.population.node_ids.max(initial=-1) + 1
        n_edge = len(root["target_node_id"])
        if n_indexed != n_edge or too_far:
            for first, node_ids in target_chunks(root):
                self._target_rows(node_ids, first)
        if n_indexed != n_edge:
            raise InputError(self.where, f"{INDEX} holds {n_indexed} of the {n_edge} edges")

    def _find_by_pass(self, root: h5py.Group, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mine = np.zeros(self.target.population.n, dtype=bool)
        mine[rows] = True
        edges, targets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for first, node_ids in target_chunks(root):
            target_row = self._target_rows(node_ids, first)
            kept = np.flatnonzero(mine[target_row])
            edges.append(kept + first)
            targets.append(target_row[kept])
        return np.concatenate(edges), np.concatenate(targets)

    def _target_rows(self, node_ids: np.ndarray, first: int) -> np.ndarray:
        """Rows of target ids, which must be detailed; `first` is the id of the first edge."""
        rows = self.target.population.rows(node_ids)
        edge_id = np.arange(first, first + len(rows))
        self._check(rows < 0, edge_id, "target node {} does not exist", node_ids)
        virtual = self.target.kinds[rows] != 0
        self._check(virtual, edge_id, "target node {} is virtual", node_ids)
        return rows

    def _places(self, rows: columns.Rows, edge_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        section = columns.numbers(rows, "afferent_section_id", "sec_id")
        problem = "{} is missing; every edge needs an explicit location"
        self._check(np.isnan(section), edge_id, problem, "afferent_section_id")
        problem = "afferent_section_id is {}, not a whole number, 0 or greater"
        self._check((section < 0) | (section % 1 != 0), edge_id, problem, section)
        x = columns.numbers(rows, "afferent_section_pos", "sec_x")
        problem = "{} is missing; every edge needs an explicit location"
        self._check(np.isnan(x), edge_id, problem, "afferent_section_pos")
        problem = "afferent_section_pos is {}; allowed is 0 to 1"
        self._check((x < 0) | (x > 1), edge_id, problem, x)
        return section.astype(np.int32), x

    def _strengths(
        self, rows: columns.Rows, edge_id: np.ndarray, shortest: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        code, functions = columns.coded(rows, "weight_function")
        for i in np.unique(code):
            problem = 'weight_function "{}" is not supported; give syn_weight'
            self._check(
                (code == i) & (functions[i] not in PLAIN_WEIGHTS), edge_id, problem, functions[i]
            )
        weight = columns.numbers(rows, "syn_weight")
        self._check(~np.isfinite(weight), edge_id, "{} is missing", "syn_weight")
        delay = columns.numbers(rows, "delay")
        self._check(~np.isfinite(delay), edge_id, "{} is missing", "delay")
        self._check(delay < 0.0, edge_id, "delay {} ms is negative", delay)
        problem = "delay {} ms is shorter than the time step {} ms"
        self._check(delay < shortest * (1 - 1e-9), edge_id, problem, delay, shortest)
        return weight, delay

    def _models(
        self, rows: columns.Rows, edge_id: np.ndarray, make_model: MakeModel
    ) -> tuple[np.ndarray, tuple[SynapseModel, ...], dict[str, np.ndarray]]:
        """Synapse models of edges: places in a list, the list, and values edge by edge."""
        template, templates = columns.coded(rows, "model_template")
        parameters, files = columns.coded(rows, "dynamics_params")
        own = own_parameters(rows)
        pairs, model = np.unique(
            np.column_stack([template, parameters]), axis=0, return_inverse=True
        )
        models = []
        for k, (i, j) in enumerate(pairs):
            name = templates[i]
            if not isinstance(name, str):
                self._check(model == k, edge_id, "{} is missing", "model_template")
            models.append(make_model(str(name), files[j], self.where, own))
        overrides: dict[str, np.ndarray] = {}
        for name, values in own.items():
            for mechanism in {m.mechanism for m in models}:
                of_it = np.array([m.mechanism == mechanism for m in models])[model]
                target = parameter_name(mechanism, name, self.where)
                column = overrides.setdefault(target, np.full(rows.n, np.nan))
                column[of_it] = values[of_it]
        return model.astype(np.int32), tuple(models), overrides


def own_parameters(rows: columns.Rows) -> dict[str, np.ndarray]:
    """Parameters that HDF5 holds edge by edge, in the group dynamics_params."""
    groups = (rows.root.get(f"{g}/dynamics_params") for g in np.unique(rows.group))
    found = {name for group in groups if isinstance(group, h5py.Group) for name in group}
    return {name: columns.numbers(rows, f"dynamics_params/{name}") for name in sorted(found)}


def target_chunks(root: h5py.Group) -> Iterator[tuple[int, np.ndarray]]:
    """All target ids, piece by piece: the number of the first edge, and the ids, (n,) i8."""
    targets = root["target_node_id"]
    for first in range(0, len(targets), CHUNK):
        yield first, targets[first : first + CHUNK].astype(np.int64)


def read_edges(sections: list[Section], nodes: list[Nodes]) -> list[Edges]:
    """Read what there is in all edge files, in the order in which they are named.

    Args:
        sections: the entries of networks.edges.
        nodes: all node populations.

    Raises:
        InputError: a file is missing or wrong, or names a population that does not exist.
    """
    found: list[Edges] = []
    for section in sections:
        section.check_keys("networks.edges")
        path = section.existing_file("edges_file")
        types = None
        if section.has("edge_types_file"):
            types = read_types(section.existing_file("edge_types_file"), "edge_type_id")
        with reading(path) as file:
            if not isinstance(file.get("edges"), h5py.Group):
                raise InputError(path, "has no group /edges")
            for name, root in file["edges"].items():
                where = f'{path}: population "{name}"'
                source, target = (end_nodes(root, e, nodes, where) for e in ENDS)
                found.append(Edges(name, path, types, source, target))
    return found


#: The datasets that hold the two ends of every edge.
ENDS = ("source_node_id", "target_node_id")


def end_nodes(root: h5py.Group, name: str, nodes: list[Nodes], where: str) -> Nodes:
    """The population of nodes at one end of the edges."""
    if name not in root:
        raise InputError(where, f'the dataset "{name}" is missing')
    wanted = text(root[name].attrs.get("node_population"))
    for one in nodes:
        if one.population.name == wanted:
            return one
    known = ", ".join(one.population.name for one in nodes)
    problem = f'the node_population of {name} is "{wanted}"; known are {known}'
    raise InputError(where, problem)
