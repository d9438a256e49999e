"""What lies on the device, and how it is filled from a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.cuda.common import common_values
from kernels.cuda.layout import I4, I8, TILE, Nodes, Placed, by_cell, tile_index
from kernels.cuda.mechanism import MechanismPrinter, sends
from kernels.cuda.memory import Memory
from kernels.cuda.pointers import link_arrays
from kernels.lists import lists_of, trains_of
from kernels.preparation import Prepared, slot_value

FIRED = 64  # spikes of one artificial cell in an epoch


@dataclass
class State:
    """Arrays of a block in the order of the device, where each piece of a cell is one."""

    block: Block
    prepared: Prepared
    printers: tuple[MechanismPrinter, ...]
    nodes: Nodes
    placed: list[Placed]
    diffusion: dict[str, np.ndarray]  # see `kernels.cuda.diffusion`

    def __post_init__(self) -> None:
        block, nodes = self.block, self.nodes
        self.n_cell = len(nodes.cell)
        self.cell_of_node = np.repeat(np.arange(self.n_cell), np.diff(nodes.node_ptr))
        watched = np.flatnonzero(block.source_node >= 0)
        order, self.source_ptr = by_cell(nodes.piece[block.source_node[watched]], self.n_cell)
        self.source = watched[order].astype(I4)  # of the block, by detector of the device
        self._lay_connections()
        slots = [printer.slots for printer in self.printers]
        self.links = link_arrays(block, self, slots)

    @property
    def real(self) -> type:
        """Format of states, voltages and the matrix."""
        return self.prepared.precision.dtype

    # --- what never changes ---

    def constant_arrays(self) -> dict[str, np.ndarray]:
        """Everything that is copied once."""
        block, nodes = self.block, self.nodes
        source_node = nodes.place[block.source_node[self.source]]
        arrays = {
            **self._node_arrays(),
            "source_ptr": self.source_ptr,
            "source_node": source_node.astype(I4),
            "source_threshold": block.source_threshold[self.source].astype(self.real),
            "queue_ptr": _offsets(self._queue_sizes()),
            "fired_ptr": _offsets(FIRED * self._artificial_per_cell()),
            **self.connections,
            **self._probe_arrays(),
        }
        for k, placed in enumerate(self.placed):
            arrays |= {f"node_{k}": placed.node, f"ptr_{k}": placed.ptr}
            arrays |= {f"run_{k}": placed.run, f"run_ptr_{k}": placed.run_ptr}
            arrays |= {f"table_{k}": self.prepared.tables[k], f"source_{k}": self._source_of(k)}
            values = common_values(block, self.prepared, k)
            arrays[f"common_{k}"] = np.array([*values.values()], self.real)
            arrays |= self._train_arrays(k)
        arrays |= self.links | self.diffusion
        for ion, (start, step) in self.prepared.followed.items():
            for when, chosen in (("start", start), ("step", step)):
                order, ptr = by_cell(nodes.piece[chosen], self.n_cell)
                arrays[f"{ion}_{when}"] = nodes.place[chosen[order]].astype(I4)
                arrays[f"{ion}_{when}_ptr"] = ptr
        return arrays

    def _node_arrays(self) -> dict[str, np.ndarray]:
        """Trees and the matrix's own part; steps of single precision use no stored charge."""
        arrays = dict(self.nodes.arrays)
        arrays |= {name: arrays[name].astype(self.real) for name in ("axial", "passive", "storage")}
        if self.prepared.precision.is_single:
            arrays["storage"] = arrays["storage"][:0]
        return arrays

    def scalars(self) -> dict[str, float]:
        """Numbers in the table."""
        return {
            "dt": float(self.block.dt),
            "half_step": int(self.block.method == "crank-nicolson"),
            "n_probe": len(self.block.probes),
            "n_weight": self.n_weight,
            "n_argument": self.n_argument,
            "n_detector": len(self.source),
        }

    def _senders(self) -> list[int]:
        return [
            k
            for k, q in enumerate(self.printers)
            if any(map(sends, (q.mechanism.init, q.mechanism.receive, q.mechanism.watch)))
        ]

    def _queue_sizes(self) -> np.ndarray:
        """Self-events that each cell may have pending."""
        count = np.zeros(self.n_cell, I8)
        for k in self._senders():
            count += np.diff(self.placed[k].ptr)
        return np.where(count > 0, 32 + 16 * count, 0)

    def _artificial_per_cell(self) -> np.ndarray:
        """Sources of each cell that are artificial."""
        count = np.zeros(self.n_cell, I8)
        for k in range(len(self.placed)):
            own = np.flatnonzero(self._source_of(k) >= 0)
            cell = np.searchsorted(self.placed[k].ptr, own, side="right") - 1
            count += np.bincount(cell, minlength=self.n_cell)
        return count

    def _source_of(self, k: int) -> np.ndarray:
        source = np.full(self.block.mechanisms[k].n, -1, I4)
        mine = np.flatnonzero(self.block.source_instance[:, 0] == k)
        source[self.placed[k].position[self.block.source_instance[mine, 1]]] = mine
        return source

    def _train_arrays(self, k: int) -> dict[str, np.ndarray]:
        """Spike trains of the instances, each followed by -1."""
        group = self.block.mechanisms[k]
        if group.mechanism.loops_over_connections:
            mine = np.flatnonzero(self.block.connection_target[:, 0] == k)
            owner, place = (self.event_target[n][mine] for n in ("event_instance", "event_weight"))
            joined, begin = lists_of(owner, place, group.n)
            return {f"train_{k}": joined, f"train_ptr_{k}": begin}
        if group.mechanism.kind == "density":  # plays none
            return {f"train_{k}": np.zeros(0), f"train_ptr_{k}": np.zeros(0, I8)}
        joined, begin = trains_of(group.trains, self.placed[k].index)
        return {f"train_{k}": joined, f"train_ptr_{k}": begin}

    def _lay_connections(self) -> None:
        """Connections: cell, instance on the device, place of the arguments of NET_RECEIVE."""
        target = self.block.connection_target
        n = len(target)
        instance, count, cell = np.zeros(n, I8), np.ones(n, I8), np.zeros(n, I8)
        self.n_argument = 1
        for k, (group, placed) in enumerate(zip(self.block.mechanisms, self.placed, strict=True)):
            mine = target[:, 0] == k
            instance[mine] = placed.position[target[mine, 1]]
            own = target[mine, 1]
            cell[mine] = self.nodes.piece_of(group.cell[own], group.node[own])
            if group.mechanism.receive is not None:
                count[mine] = max(1, len(group.mechanism.receive.args))
                self.n_argument = max(self.n_argument, len(group.mechanism.receive.args))
        weight = _offsets(count)
        self.n_weight = int(weight[-1])
        self.cell_of_connection = cell
        self.event_target = {
            "event_mechanism": target[:, 0].astype(I4),
            "event_instance": instance.astype(I4),
            "event_weight": weight[:-1],
        }
        order = np.lexsort((np.arange(n), target[:, 0], cell))
        ptr = np.searchsorted(cell[order], np.arange(self.n_cell + 1)).astype(I8)
        self.connections = {
            "connection_ptr": ptr,
            "connection_mechanism": target[order, 0].astype(I4),
            "connection_instance": instance[order],
            "connection_weight": weight[:-1][order],
        }

    # --- probes ---

    def sampled_arrays(self) -> list[str]:
        """Arrays that can be sampled, voltages apart, in the order of their numbers."""
        return [
            *(f"data_{k}" for k in range(len(self.placed))),
            *(f"{ion}_{field}" for ion, field in self.prepared.live),
        ]

    def _probe_arrays(self) -> dict[str, np.ndarray]:
        parts = [np.zeros((5, 0), I8)]
        for p, probe in enumerate(self.block.probes):
            cell, array, place = self.locate(probe.variable, np.asarray(probe.place, I8))
            n = len(cell)
            parts.append(np.stack([cell, np.full(n, p), np.full(n, array), place, np.arange(n)]))
        cell, probe_of, array_of, place, column = np.concatenate(parts, axis=1).astype(I8)
        order, ptr = by_cell(cell, self.n_cell)
        return {
            "entry_ptr": ptr,
            "entry_probe": probe_of[order].astype(I4),
            "entry_array": array_of[order].astype(I4),
            "entry_place": place[order],
            "entry_column": column[order],
            "probe_every": np.array([p.every for p in self.block.probes], I8),
            "probe_width": np.array([len(p.place) for p in self.block.probes], I8),
        }

    def locate(self, variable: str, place: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Cell, number of the array (-1: voltages, by position in the cell) and index in it."""
        first, _, last = variable.partition(".")
        names = [group.mechanism.name for group in self.block.mechanisms]
        if first in names:
            k = names.index(first)
            slots = self.printers[k].slots
            instance = self.placed[k].position[place]
            group = self.block.mechanisms[k]
            cell = self.nodes.piece_of(group.cell[place], group.node[place])
            return cell, k, tile_index(slots[last], instance, len(slots))
        cell = self.nodes.piece[place]
        position = self.nodes.place[place].astype(I8)
        if variable == "v":
            return cell, -1, position
        array = self.sampled_arrays().index(f"{first}_{last}")
        return cell, array, self.nodes.node_ptr[cell] + position

    # --- what a run changes ---

    def initial_arrays(self) -> dict[str, np.ndarray]:
        """Everything as it is before INITIAL."""
        block, nodes = self.block, self.nodes
        n_node, n_source = len(nodes.node), len(self.source)
        weights = np.zeros(self.n_weight + self.n_cell * self.n_argument)
        weights[self.event_target["event_weight"]] = block.weight
        n_self = int(self._queue_sizes().sum())
        n_fired = int(FIRED * self._artificial_per_cell().sum())
        arrays = {
            "voltage": block.v_init[nodes.node].astype(self.real),
            **{n: np.zeros(n_node, self.real) for n in ("diagonal", "right", "fixed", "constant")},
            "coupling": np.zeros(nodes.n_coupling, self.real),
            "leak": np.zeros(n_node if self.prepared.precision.is_single else 0, self.real),
            "weights": weights,
            "source_above": np.zeros(n_source, I4),
            "self_count": np.zeros(2 * self.n_cell, I8),
            "fired_count": np.zeros(2 * self.n_cell, I8),
            "event_next": np.zeros(self.n_cell, I4),
            "left": np.zeros(2 * nodes.n_outlet, self.real),
        }
        arrays |= {f"self_{n}": np.zeros(n_self) for n in ("time", "flag")}
        arrays |= {f"self_{n}": np.zeros(n_self, I4) for n in ("mechanism", "instance")}
        arrays |= {"self_weight": np.zeros(n_self, I8), "fired_time": np.zeros(n_fired)}
        arrays |= {"fired_step": np.zeros(n_fired, I8), "fired_source": np.zeros(n_fired, I4)}
        for ion, field in self.prepared.live:
            record = next(one for one in block.ions if one.name == ion)
            value = getattr(record, field)[nodes.node] if field != "i" else np.zeros(n_node)
            arrays[f"{ion}_{field}"] = value.astype(self.real)
        return arrays | {f"data_{k}": self._data(k) for k in range(len(self.placed))}

    def _data(self, k: int) -> np.ndarray:
        placed, storage = self.placed[k], self.prepared.storages[k]
        slots = self.printers[k].slots
        data: np.ndarray = np.zeros(placed.n_tile * len(slots) * TILE, self.real)
        group = self.block.mechanisms[k]
        instance = np.arange(group.n)
        for name, slot in slots.items() if group.n else ():
            value = slot_value(self.block, group, storage, name, self.prepared)
            data[tile_index(slot, instance, len(slots))] = value[placed.index]
        return data

    def fill(self, memory: Memory) -> None:
        """Copy everything, after making sure that it fits."""
        constant, initial = self.constant_arrays(), self.initial_arrays()
        fresh = {n: a for n, a in (constant | initial).items() if n not in memory.buffers}
        memory.check_room(sum(max(16, array.nbytes) for array in fresh.values()))
        for name, array in (constant | initial).items():
            memory.put(name, array)
        for name, value in self.scalars().items():
            memory.set_scalar(name, value)
        addresses = [memory.address(name) for name in self.sampled_arrays()]
        memory.put("sampled", np.array(addresses, np.uint64))


def _offsets(count: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(count)]).astype(I8)
