"""The arrays of one group of cells, filled from a block, and the call of its compiled function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.block import Block, Instances, Pointer
from kernels.cable import Cable
from kernels.cpu.diffusion import spread_values
from kernels.cpu.initial import initialise
from kernels.cpu.layout import Group
from kernels.cpu.pointers import index_names
from kernels.cpu.printer import ion_arrays, sends
from kernels.errors import QueueOverflow
from kernels.lists import lists_of, trains_of
from kernels.mechanism import Kernel
from kernels.storage import Storage

if TYPE_CHECKING:
    from kernels.cpu.engine import CpuEngine

F8, I8, I4 = np.float64, np.int64, np.int32


@dataclass
class Slice:
    """The instances of one mechanism in one group."""

    index: np.ndarray  # (n,) i8, instances of the block
    data: np.ndarray  # flat tiles, see kernels.cpu.printer
    node: np.ndarray  # (tiles * lanes,) i4, place in the group's arrays; the spare one to fill up
    source: np.ndarray  # (n,) i4, source of the block that an artificial cell is, or -1
    train: np.ndarray  # spike times [ms] of all instances, each followed by -1
    train_ptr: np.ndarray  # (n,) i8, where those of an instance begin


class GroupState:
    """One group of cells: its arrays and the call of its compiled function."""

    def __init__(self, engine: CpuEngine, number: int, layout: Group, tables: list[np.ndarray]):
        block = engine.block
        self.engine, self.number, self.layout, self.tables = engine, number, layout, tables
        n = layout.n_node
        self.spare = n
        self.real, self.lanes = engine.precision.dtype, engine.precision.lanes
        self.voltage, self.right = (np.zeros(n + 1, self.real) for _ in range(2))
        self.diagonal = np.ones(n + 1, self.real)
        self._lay_tree(engine.cable)
        self._lay_sources(block)
        self.slices = [
            self._lay_instances(block, k, group, storage)
            for k, (group, storage) in enumerate(
                zip(block.mechanisms, engine.storages, strict=True)
            )
        ]
        self.ions = {f"{ion}_{field}": np.zeros(n + 1, self.real) for ion, field in engine.live}
        self._lay_connections(block)
        self._lay_queue(block)
        self._lay_probes(block)
        self.pointers = [
            [self._lay_pointer(block, k, pointer) for pointer in group.pointers]
            for k, group in enumerate(block.mechanisms)
        ]
        self.arguments = self._collect()

    # --- layout ---

    def places(self, nodes: np.ndarray) -> np.ndarray:
        """Places of nodes of the block; the spare one for node -1 and those of other groups."""
        placement = self.engine.placement
        mine = placement.group_of_node[nodes] == self.number
        return np.where(mine, placement.place_of_node[nodes], self.spare)

    def _lay_tree(self, cable: Cable) -> None:
        n, nodes, places = self.layout.n_node, self.layout.node, self.layout.place
        self.parent = (np.arange(n) % self.layout.lanes).astype(I4)
        self.other = np.full(n, -1, I4)
        for name in ("parent", "other"):
            to = getattr(cable, name)[nodes]
            getattr(self, name)[places[to >= 0]] = self.places(to[to >= 0])
        self.axial, self.storage, self.passive = (
            make(n, self.real) for make in (np.zeros, np.ones, np.ones)
        )
        for name in ("axial", "storage", "passive"):
            getattr(self, name)[places] = getattr(cable, name)[nodes]
        condensed = self.layout.n_plain < self.layout.n_row
        self.coupling = self.axial.copy() if condensed else self.axial
        self.far_coupling = np.zeros(n if condensed else 0, self.real)
        self.static = self.passive.copy()
        self.constant, self.leak = np.zeros(n, self.real), np.zeros(n, self.real)

    def _lay_sources(self, block: Block) -> None:
        place = self.places(block.source_node)
        mine = np.flatnonzero(place < self.spare)
        self.detector_node = place[mine].astype(I4)
        self.detector_threshold = block.source_threshold[mine].astype(self.real)
        self.detector_above = np.zeros(len(mine), np.bool_)
        self.detector_source = mine.astype(I4)

    def _lay_instances(self, block: Block, k: int, group: Instances, storage: Storage) -> Slice:
        index = self.engine.placement.instances[k].of(self.number)
        tiles = -(-len(index) // self.lanes)
        node = np.full(tiles * self.lanes, self.spare, I4)
        node[: len(index)] = self.places(group.node[index])
        source = self.engine.placement.sources[k]
        data = np.zeros(tiles * len(storage.slots) * self.lanes, self.real)
        return Slice(index, data, node, source[index], *trains_of(group.trains, index))

    def _lay_connections(self, block: Block) -> None:
        """Connections onto this group's instances, with room for the arguments of NET_RECEIVE."""
        placement = self.engine.placement
        self.connections = placement.connections.of(self.number)
        mechanism, instance = block.connection_target[self.connections].T
        self.connection_mechanism = mechanism.astype(I4)
        self.connection_instance = np.zeros(len(instance), I4)
        arguments = np.zeros(len(block.mechanisms), I8)
        for k, group in enumerate(block.mechanisms):
            mine = mechanism == k
            self.connection_instance[mine] = placement.instances[k].position[instance[mine]]
            if group.mechanism.receive is not None:
                arguments[k] = max(1, len(group.mechanism.receive.args))
        count = arguments[self.connection_mechanism]
        ends = np.cumsum(count)
        self.connection_weight = (ends - count).astype(I8)
        self.weights = np.zeros(int(count.sum() + arguments.max(initial=1)))
        for k, group in enumerate(block.mechanisms):
            if group.mechanism.loops_over_connections:
                mine = np.flatnonzero(self.connection_mechanism == k)
                self.slices[k].train, self.slices[k].train_ptr = lists_of(
                    self.connection_instance[mine],
                    self.connection_weight[mine],
                    len(self.slices[k].index),
                )

    def _lay_queue(self, block: Block) -> None:
        senders = sum(
            len(part.index)
            for group, part in zip(block.mechanisms, self.slices, strict=True)
            if any(
                map(sends, (group.mechanism.init, group.mechanism.receive, group.mechanism.watch))
            )
        )
        capacity = 256 + 16 * senders if senders else 1
        self.self_time, self.self_flag = np.zeros(capacity), np.zeros(capacity)
        self.self_mechanism, self.self_instance = np.zeros(capacity, I4), np.zeros(capacity, I4)
        self.self_weight, self.self_count = np.zeros(capacity, I8), np.zeros(2, I8)
        self.n_artificial = sum(int((part.source >= 0).sum()) for part in self.slices)
        self.spike_count = np.zeros(2, I8)
        self.spike_step, self.spike_time = np.zeros(0, I8), np.zeros(0)
        self.spike_source = np.zeros(0, I4)
        self._size_spikes(1)

    def _size_spikes(self, steps: int) -> None:
        size = len(self.detector_node) * (steps // 2 + 1) + 64 * self.n_artificial
        more = size - len(self.spike_time)
        if more > 0:
            self.spike_step = np.append(self.spike_step, np.zeros(more, I8))
            self.spike_time = np.append(self.spike_time, np.zeros(more))
            self.spike_source = np.append(self.spike_source, np.zeros(more, I4))

    def _lay_probes(self, block: Block) -> None:
        """Where each sampled value lies: array, place, probe, column."""
        names = ["voltage", *(f"data_{k}" for k in range(len(block.mechanisms))), *self.ions]
        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for p, probe in enumerate(block.probes):
            array, place, column = self._locate(block, probe.variable, np.asarray(probe.place))
            found[array].append(np.stack([np.full(len(place), p), place, column]))
        self.probe_index = {
            name: np.concatenate(parts, axis=1).astype(I8) if parts else np.zeros((3, 0), I8)
            for name, parts in found.items()
        }

    def _locate(
        self, block: Block, variable: str, place: np.ndarray
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """Array, index in it and column of the sampled places that are in this group."""
        first, _, last = variable.partition(".")
        mechanism = [k for k, g in enumerate(block.mechanisms) if g.mechanism.name == first]
        if mechanism:
            k = mechanism[0]
            parts, slots = self.engine.placement.instances[k], self.engine.storages[k].slots
            mine = np.flatnonzero(parts.group[place] == self.number)
            return f"data_{k}", self.flat(parts.position[place[mine]], k, slots[last]), mine
        local = self.places(place)
        mine = np.flatnonzero(local < self.spare)
        return ("voltage" if variable == "v" else f"{first}_{last}"), local[mine], mine

    def _lay_pointer(
        self, block: Block, k: int, pointer: Pointer
    ) -> tuple[np.ndarray, str, np.ndarray, np.ndarray]:
        """Places in the mechanism's data, array of the targets, their places; entry by instance."""
        array, other, mine = self._locate(block, pointer.variable, pointer.place)
        position = np.full(block.mechanisms[k].n, -1, I8)
        position[self.slices[k].index] = np.arange(len(self.slices[k].index))
        slot = self.engine.storages[k].slots[pointer.name]
        own = position[pointer.instance[mine]]
        entry = np.full(len(self.slices[k].index), -1, I8)
        entry[own] = np.arange(len(own))
        return self.flat(own, k, slot), array, other.astype(I8), entry

    def flat(self, instance: np.ndarray, k: int, slot: int) -> np.ndarray:
        """Index of a slot of some instances in the mechanism's tiles."""
        stride = len(self.engine.storages[k].slots) * self.lanes
        return instance // self.lanes * stride + slot * self.lanes + instance % self.lanes

    def _collect(self) -> dict[str, object]:
        layout, block = self.layout, self.engine.block
        values: dict[str, object] = {
            "dt": block.dt,
            "half_step": block.method == "crank-nicolson",
            "tile_lanes": self.lanes,
            "lanes": layout.lanes,
            "n_place": layout.n_node,
            "n_plain": layout.n_plain * layout.lanes,
        }
        own = "parent other axial coupling far_coupling storage leak static constant "
        own += "voltage diagonal right detector_node "
        own += "detector_threshold detector_above detector_source weights self_time self_flag "
        own += "self_mechanism self_instance self_weight self_count spike_count"
        values.update({name: getattr(self, name) for name in own.split()})
        for k, part in enumerate(self.slices):
            values |= {f"data_{k}": part.data, f"node_{k}": part.node, f"n_{k}": len(part.index)}
            values |= {f"table_{k}": self.tables[k], f"source_{k}": part.source}
            values |= {f"train_{k}": part.train, f"train_ptr_{k}": part.train_ptr}
            for n, (place, _, origin, entry) in enumerate(self.pointers[k]):
                values.update(zip(index_names(k, n), (place, origin, entry), strict=True))
        for k, spread in self.engine.spreads.items():
            values |= spread_values(self, k, spread)
        values.update(self.ions)
        for ion, (_, nodes) in self.engine.followed.items():
            local = self.places(nodes)
            values[f"{ion}_reversal"] = local[local < self.spare]
        for name, index in self.probe_index.items():
            rows = zip(("probe", "place", "column"), index, strict=True)
            values.update({f"{name}_{what}": np.ascontiguousarray(row) for what, row in rows})
        every = np.array([probe.every for probe in block.probes], I8)
        width = np.array([len(probe.place) for probe in block.probes], I8)
        values |= {"probe_every": every, "probe_width": width}
        values["probe_row"] = np.zeros(len(every), I8)
        return values

    # --- running ---

    def reset(self) -> None:
        """Initialise at step 0; compile what was not yet."""
        initialise(self)
        nothing = np.zeros(0, I8)
        self.advance(0, 0, nothing, np.zeros(0), nothing, self.engine.sampler.open(0, 0))

    def shared(self, k: int) -> tuple:
        part, storage = self.slices[k], self.engine.storages[k]
        arrays = [self.ions[name] for name in ion_arrays(storage)]
        matrix = (self.voltage, self.diagonal, self.right)
        head = (part.data, part.node, len(part.index), self.lanes)
        return (*head, *matrix, *arrays, self.tables[k], self.engine.block.dt, 0.0)

    def outbox(self, k: int) -> tuple:
        return (
            k, self.slices[k].source, 0, self.self_time, self.self_flag, self.self_mechanism,
            self.self_instance, self.self_weight, self.self_count, self.spike_step,
            self.spike_time, self.spike_source, self.spike_count,
            self.slices[k].train, self.slices[k].train_ptr,
        )  # fmt: skip

    def run(self, kernel: str, k: int) -> None:
        function = self.engine.program.functions[k][kernel]
        body = self.engine.mechanisms[k].kernels().get(kernel, Kernel())
        self._fetch(k, body)
        scalar = kernel == "init" and sends(self.engine.block.mechanisms[k].mechanism.init)
        function(*self.shared(k), *(self.outbox(k) if scalar else ()))
        self._put(k, body)

    def _fetch(self, k: int, body: Kernel) -> None:
        """Fetch what the POINTERs that a kernel loads stand for."""
        for name, own, array, other in self._links(k):
            if name in body.loads:
                self.slices[k].data[own] = array[other]

    def _put(self, k: int, body: Kernel) -> None:
        """Put back, or add, what a kernel set POINTERs to."""
        for name, own, array, other in self._links(k):
            if name in body.adds:
                np.add.at(array, other, self.slices[k].data[own])
            elif name in body.stores:
                array[other] = self.slices[k].data[own]

    def _links(self, k: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """Name, own places, array of the targets and their places, of each POINTER."""
        arrays = self._arrays() if self.pointers[k] else {}
        for pointer, (own, array, other, _) in zip(
            self.engine.block.mechanisms[k].pointers, self.pointers[k], strict=True
        ):
            yield pointer.name, own, arrays[array], other

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays that can be sampled or pointed to, by name."""
        data = {f"data_{k}": part.data for k, part in enumerate(self.slices)}
        return {"voltage": self.voltage, **self.ions, **data}

    def advance(
        self,
        first: int,
        last: int,
        step: np.ndarray,
        time: np.ndarray,
        connection: np.ndarray,
        samples: dict[str, np.ndarray],
    ) -> None:
        """Run the compiled function over the epoch; events are sorted by step."""
        self._size_spikes(last - first)
        values = self.arguments
        values["first"], values["last"] = first, last
        values["event_ptr"] = np.searchsorted(step, np.arange(first, last + 1))
        values["event_time"] = time
        values["event_mechanism"] = self.connection_mechanism[connection]
        values["event_instance"] = self.connection_instance[connection]
        values["event_weight"] = self.connection_weight[connection]
        values["spike_step"], values["spike_time"] = self.spike_step, self.spike_time
        values["spike_source"] = self.spike_source
        values.update(samples)
        self.engine.program.advance(*[values[name] for name in self.engine.program.names])
        if self.self_count[1] or self.spike_count[1]:
            raise QueueOverflow(len(self.self_time), len(self.spike_time), first, last)

    def take_spikes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spikes since the last call: step, time, source of the block."""
        n = int(self.spike_count[0])
        self.spike_count[:] = 0
        return self.spike_step[:n].copy(), self.spike_time[:n].copy(), self.spike_source[:n].copy()

    def sample_into(self, values: list[np.ndarray]) -> None:
        """Put the present value of every sampled place of this group into its column."""
        arrays = self._arrays()
        for name, (probe, place, column) in self.probe_index.items():
            for p in np.unique(probe):
                mine = probe == p
                values[p][column[mine]] = arrays[name][place[mine]]
