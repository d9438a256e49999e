"""The state of a CUDA engine, off the device and onto it; see `kernels.snapshot`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from kernels.cuda.layout import I4, I8, TILE, tile_index
from kernels.precision import RESTS, join, split
from kernels.snapshot import SELF, changing

if TYPE_CHECKING:
    from kernels.cuda.engine import CudaEngine

F8 = np.float64
QUEUE = {"time": F8, "flag": F8, "mechanism": I4, "instance": I4, "weight": I8}


def save_state(engine: CudaEngine) -> dict[str, np.ndarray]:
    """Copy everything that may have changed since initialisation."""
    block, state, memory = engine.block, engine.state, engine.memory
    saved: dict[str, np.ndarray] = {}
    for name, field in over_nodes(engine):
        saved[name] = np.zeros(block.n_node)
        saved[name][state.nodes.node] = memory.get(field, state.real, block.n_node)
    for k, placed in enumerate(state.placed):
        data, n_slot = mechanism_data(engine, k)
        for name, slot in variables(engine, k):
            found = data[tile_index(slot, placed.position, n_slot)]
            saved[name] = found if isinstance(slot, int) else join(*found)
    saved["above"] = np.zeros(len(block.source_node), np.uint8)
    saved["above"][state.source] = memory.get("source_above", I4, len(state.source))
    saved["arguments"] = memory.get("weights", F8, state.n_weight)
    return saved | pending_self_events(engine)


def load_state(engine: CudaEngine, saved: Mapping[str, np.ndarray]) -> None:
    """Put a state onto the device; the engine was reset before."""
    state, memory = engine.state, engine.memory
    engine.sampler.clear()
    for name, field in over_nodes(engine):
        memory.put(field, np.asarray(saved[name], state.real)[state.nodes.node])
    for k, placed in enumerate(state.placed):
        data, n_slot = mechanism_data(engine, k)
        for name, slot in variables(engine, k):
            value = np.asarray(saved[name], F8)
            at = tile_index(slot, placed.position, n_slot)
            data[at] = value if isinstance(slot, int) else split(value)
        memory.put(f"data_{k}", data)
    memory.put("source_above", saved["above"][state.source].astype(I4))
    weights = np.zeros(memory.capacity["weights"] // 8)
    weights[: state.n_weight] = saved["arguments"]
    memory.put("weights", weights)
    memory.put("fired_count", np.zeros(2 * state.n_cell, I8))
    put_self_events(engine, saved)


def over_nodes(engine: CudaEngine) -> Iterator[tuple[str, str]]:
    """Name in the state and field of the table of all arrays over nodes."""
    yield "v", "voltage"
    for ion, field in engine.state.prepared.live:
        yield f"{ion}.{field}", f"{ion}_{field}"


def variables(engine: CudaEngine, k: int) -> Iterator[tuple[str, int | np.ndarray]]:
    """Names in the state and slots of a mechanism's stored variables that change.

    A time of single precision has (3, 1) slots; see `kernels.precision.split`.
    """
    mechanism = engine.block.mechanisms[k].mechanism
    storage = engine.state.prepared.storages[k]
    names = changing(engine.block, mechanism) - set(storage.gathered)
    slots = engine.state.printers[k].slots
    for name, slot in slots.items():
        if name in names and not name.startswith("_"):
            parts = [slots[prefix + name] for prefix in RESTS if name in storage.times]
            own = np.array([[slot], *([part] for part in parts)]) if parts else slot
            yield f"{mechanism.name}.{name}", own


def mechanism_data(engine: CudaEngine, k: int) -> tuple[np.ndarray, int]:
    """All values of a mechanism, as `kernels.cuda.layout.tile_index` has them; slots of a tile."""
    n_slot = len(engine.state.printers[k].slots)
    size = engine.state.placed[k].n_tile * n_slot * TILE
    return engine.memory.get(f"data_{k}", engine.state.real, size), n_slot


def pending_self_events(engine: CudaEngine) -> dict[str, np.ndarray]:
    """Self-events of all cells, with instances and connections of the block."""
    state, memory = engine.state, engine.memory
    ptr = memory.get("queue_ptr", I8, state.n_cell + 1)
    count = memory.get("self_count", I8, 2 * state.n_cell)[::2]
    at = np.repeat(ptr[:-1] - np.cumsum(count) + count, count) + np.arange(count.sum())
    queue = {n: memory.get(f"self_{n}", kind, int(ptr[-1]))[at] for n, kind in QUEUE.items()}
    pairs = zip(queue["mechanism"].tolist(), queue["instance"].tolist(), strict=True)
    instance = [state.placed[m].index[i] for m, i in pairs]
    connection = np.searchsorted(state.event_target["event_weight"], queue["weight"])
    connection[queue["weight"] >= state.n_weight] = -1
    values = (
        queue["time"],
        queue["flag"],
        queue["mechanism"],
        np.array(instance, I4),
        connection.astype(I4),
    )
    return dict(zip(SELF, values, strict=True))


def put_self_events(engine: CudaEngine, saved: Mapping[str, np.ndarray]) -> None:
    """Give every cell its self-events, in their order."""
    state, memory = engine.state, engine.memory
    ptr = memory.get("queue_ptr", I8, state.n_cell + 1)
    count = np.zeros((state.n_cell, 2), I8)
    queue = {name: np.zeros(int(ptr[-1]), kind) for name, kind in QUEUE.items()}
    weight = state.event_target["event_weight"]
    for time, flag, m, i, c in zip(*(saved[name].tolist() for name in SELF), strict=True):
        group = engine.block.mechanisms[m]
        cell = int(state.nodes.piece_of(group.cell[i], group.node[i]))
        own = weight[c] if c >= 0 else state.n_weight + cell * state.n_argument
        row = (time, flag, m, state.placed[m].position[i], own)
        for array, value in zip(queue.values(), row, strict=True):
            array[ptr[cell] + count[cell, 0]] = value
        count[cell, 0] += 1
    for name, array in queue.items():
        memory.put(f"self_{name}", array)
    memory.put("self_count", count)
