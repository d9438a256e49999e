"""A SONATA circuit as a `distnet.network.Network`: each rank reads only what it owns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from distnet.cell import Cell, Location
from distnet.costs import Counted, Prices
from distnet.errors import InputError
from distnet.morphology import AXON_RULES
from distnet.network import Connections, SpikeTrain
from distnet.output.populations import Population
from distnet.sonata.clamps import Clamp
from distnet.sonata.edges import Edges, Synapses
from distnet.sonata.fits import build_cell, read_fit
from distnet.sonata.nodes import Nodes
from distnet.sonata.section import Section
from distnet.sonata.spike_inputs import SpikeTrains
from distnet.sonata.synapses import SynapseModel, read_parameters, synapse_model
from distnet.sonata.types_table import Value

#: Supported values of model_template of biophysical nodes.
TEMPLATES = ("ctdb:Biophys1.hoc", "ctdb:Biophys1")

#: Attributes that say what a biophysical node is.
MODEL = ("model_template", "model_processing", "morphology", "dynamics_params")


class SonataNetwork:
    """Cells and connections of a circuit.

    Gids count the nodes of all populations in the order of the configuration, inside a file in
    order of name, inside a population by row. Every node has a gid: biophysical nodes are detailed
    cells, virtual nodes are spike trains.
    """

    def __init__(
        self,
        nodes: list[Nodes],
        edges: list[Edges],
        components: Section,
        trains: SpikeTrains,
        clamps: list[Clamp],
        dl: float,
        threshold: float,
        dt: float,
    ) -> None:
        """Put a network together.

        Args:
            nodes: all populations of nodes.
            edges: all populations of edges.
            components: folders of morphologies, fits and synapse models.
            trains: what the virtual nodes do.
            clamps: currents into cells.
            dl: discretisation, see `fits.build_cell` [um].
            threshold: of spike detection [mV].
            dt: time step, the shortest delay [ms].
        """
        self.nodes, self.edges, self.components = nodes, edges, components
        self.trains, self.clamps = trains, clamps
        self.dl, self.threshold, self.dt = dl, threshold, dt
        self._templates: dict[tuple[Path, Path, str], Cell] = {}
        self._parameters: dict[Path, dict[str, object]] = {}
        self._synapses: dict[int, list[tuple[Edges, Synapses]]] = {}

    @property
    def n_cells(self) -> int:
        """Number of gids."""
        return self.nodes[-1].population.last if self.nodes else 0

    @property
    def populations(self) -> tuple[Population, ...]:
        """All populations, in order of gid."""
        return tuple(nodes.population for nodes in self.nodes)

    @property
    def cell_populations(self) -> tuple[Population, ...]:
        """The populations that hold detailed cells, in order of gid."""
        return tuple(nodes.population for nodes in self.nodes if (nodes.kinds == 0).any())

    def kinds(self) -> np.ndarray:
        """(n_cells,) u1: 0 a detailed cell, 2 a spike train."""
        return np.concatenate([np.zeros(0, np.uint8), *(nodes.kinds for nodes in self.nodes)])

    @cached_property
    def _in_degree(self) -> np.ndarray:
        """(n_cells,) i8, number of synapses onto each gid."""
        count = np.zeros(self.n_cells, dtype=np.int64)
        for edges in self.edges:
            count[edges.target.population.first : edges.target.population.last] += edges.in_degree()
        return count

    def n_synapses(self) -> int:
        """Number of edges of all populations."""
        return int(self._in_degree.sum())

    def costs(self, prices: Prices | None = None) -> np.ndarray:
        """(n_cells,) f8: the price of each gid and of the synapses onto it.

        Builds every kind of cell once and reads all target ids: call it on one rank.
        """
        prices = prices or Counted()
        cost = (prices.synapse + prices.event) * self._in_degree
        for nodes in self.nodes:
            rows = np.flatnonzero(nodes.kinds == 0)
            key = np.zeros(len(rows), np.int64)
            for name in MODEL:
                code, values = nodes.column(name)
                key = key * len(values) + code[rows]
            _, first, kind = np.unique(key, return_index=True, return_inverse=True)
            price = np.zeros(len(first))
            for k in np.argsort(first).tolist():
                model = self._model(nodes, int(rows[first[k]]))
                price[k] = prices.cell(self._template(nodes, model))
            cost[nodes.population.first + rows] += price[kind]
        return cost

    def positions(self) -> np.ndarray | None:
        """(n_cells, 3) f8 [um], the nodes' x, y, z; None where a detailed cell lacks one."""
        found = [nodes.positions() for nodes in self.nodes]
        if any(np.isnan(p[n.kinds == 0]).any() for p, n in zip(found, self.nodes, strict=True)):
            return None
        return np.concatenate([np.zeros((0, 3)), *found])

    def all_connections(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Source and target gids of all edges, a piece of a file at a time."""
        for edges in self.edges:
            yield from edges.ends()

    def shortest_delay(self) -> float:
        """The shortest delay of an edge from a detailed cell [ms]; infinite where there is none."""
        return min((edges.shortest_delay() for edges in self.edges), default=np.inf)

    def describe(self, gid: int) -> str:
        """A name of gid for messages, e.g. 'cortex 7'."""
        nodes, row = self._node(gid)
        return f"{nodes.population.name} {nodes.population.node_ids[row]}"

    def attribute(self, gid: int, name: str) -> Value:
        """An attribute of a node, any column of its files; None where it has none."""
        nodes, row = self._node(gid)
        return nodes.attribute(row, name)

    def own(self, gids: np.ndarray) -> None:
        """Read the edges onto these gids at once, before asking for them one by one."""
        gids = np.asarray(gids, dtype=np.int64)
        self._synapses = {int(gid): [] for gid in gids}
        for edges in self.edges:
            target = edges.target.population
            mine = gids[(gids >= target.first) & (gids < target.last)]
            synapses = edges.onto(np.sort(mine), self._synapse_model, self.dt)
            targets, start, n = np.unique(synapses.target, return_index=True, return_counts=True)
            for gid, first, last in zip(targets, start, start + n, strict=True):
                self._synapses[int(gid)].append((edges, synapses.piece(first, last)))

    def cell(self, gid: int) -> Cell | SpikeTrain:
        """Build what gid is, with a point process for each edge onto it, in stored order.

        Raises:
            InputError: a file of the node is missing or wrong, or an edge does not fit the cell.
        """
        nodes, row = self._node(gid)
        if nodes.kinds[row] != 0:
            return self.trains.train(gid)
        cell = self._template(nodes, self._model(nodes, row)).copy()
        for edges, synapses in self._onto(gid):
            place_synapses(cell, edges, synapses, self.describe(gid))
        for clamp in self.clamps:
            if gid in clamp.gids:
                clamp.place_on(cell)
        return cell

    def connections_to(self, gid: int) -> Connections:
        """Connections onto gid, one each edge, in the order of the configuration and of edge id."""
        found = [synapses for _, synapses in self._onto(gid)]
        source, weight, delay = (
            np.concatenate([np.zeros(0), *(getattr(s, name) for s in found)])
            for name in ("source", "weight", "delay")
        )
        target = np.arange(len(source), dtype=np.int32)
        return Connections(source.astype(np.int64), target, weight, delay)

    def _node(self, gid: int) -> tuple[Nodes, int]:
        for nodes in self.nodes:
            if nodes.population.first <= gid < nodes.population.last:
                return nodes, gid - nodes.population.first
        raise IndexError(f"gid {gid} is not one of 0 to {self.n_cells - 1}")

    def _onto(self, gid: int) -> list[tuple[Edges, Synapses]]:
        if gid not in self._synapses:
            kept = self._synapses
            self.own(np.array([gid]))
            self._synapses.update(kept)
        return self._synapses[gid]

    # -- Kinds of cells and synapses -----------------------------------------------------------

    def _model(self, nodes: Nodes, row: int) -> tuple[Path, Path, str]:
        """Morphology file, fit file and processing of a node."""
        where = f"{nodes.where}: node {nodes.population.node_ids[row]}"

        def need(name: str, allowed: Collection[str] = ()) -> str:
            value = nodes.attribute(row, name)
            if value is None:
                raise InputError(where, f"{name} is missing")
            if allowed and value not in allowed:
                problem = f'{name} "{value}" is not supported; allowed are {", ".join(allowed)}'
                raise InputError(where, problem)
            return str(value)

        need("model_template", TEMPLATES)
        processing = need("model_processing", AXON_RULES)
        morphology = self._component("morphologies_dir", need("morphology"), where, ".swc")
        fit_name = need("dynamics_params")
        fit = self._component("biophysical_neuron_models_dir", fit_name, where)
        return morphology, fit, processing

    def _component(self, key: str, name: str, where: str, extension: str = "") -> Path:
        """A file in a folder of components; its extension may be left out."""
        path = self.components.existing_folder(key) / name
        if not path.is_file() and extension and not name.endswith(extension):
            path = path.with_name(path.name + extension)
        if not path.is_file():
            raise InputError(where, f"the file {path} does not exist")
        return path

    def _template(self, nodes: Nodes, model: tuple[Path, Path, str]) -> Cell:
        if model not in self._templates:
            if nodes.has_own_parameters():
                problem = "dynamics_params in HDF5 are not supported for biophysical nodes"
                raise InputError(nodes.where, problem)
            morphology, fit_file, processing = model
            fit = read_fit(fit_file, nodes.where)
            cell = build_cell(morphology, fit, processing, self.dl, self.threshold)
            self._templates[model] = cell
        return self._templates[model]

    def _synapse_model(
        self, template: str, file: Value, where: str, own: Collection[str]
    ) -> SynapseModel:
        if file is None:
            return synapse_model(template, {}, where, own)
        path = self._component("synaptic_models_dir", str(file), where)
        if path not in self._parameters:
            self._parameters[path] = read_parameters(path, where)
        return synapse_model(template, self._parameters[path], str(path), own)


def place_synapses(cell: Cell, edges: Edges, synapses: Synapses, name: str) -> None:
    """Put a point process on a cell for every edge.

    Raises:
        InputError: the cell has no such section.
    """
    n_section = len(cell.sections)
    for i, model in enumerate(synapses.model):
        section = int(synapses.section[i])
        if section >= n_section:
            where = f"{edges.where}: edge {synapses.edge_id[i]}"
            problem = (
                f"afferent_section_id is {section}, but {name} has sections 0 to {n_section - 1}"
            )
            raise InputError(where, problem)
        own = {n: v[i] for n, v in synapses.overrides.items() if not np.isnan(v[i])}
        kind = synapses.models[model]
        location = Location(section, float(synapses.x[i]))
        cell.place(location, kind.mechanism, **{**kind.parameters, **own})
