"""The state of a CPU engine, out of its groups and into them; see `kernels.snapshot`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from kernels.precision import join, split
from kernels.snapshot import SELF, argument_ptr, changing, no_self_events
from kernels.storage import Storage

if TYPE_CHECKING:
    from kernels.cpu.engine import CpuEngine
    from kernels.cpu.state import GroupState


def save_state(engine: CpuEngine) -> dict[str, np.ndarray]:
    """Copy everything that may have changed since initialisation."""
    block = engine.block
    state = {"v": np.zeros(block.n_node)}
    state |= {f"{ion}.{field}": np.zeros(block.n_node) for ion, field in engine.live}
    for k, instances in enumerate(block.mechanisms):
        name = instances.mechanism.name
        state |= {f"{name}.{variable}": np.zeros(instances.n) for variable in variables(engine, k)}
    state["above"] = np.zeros(len(block.source_node), np.uint8)
    state["arguments"] = np.zeros(int(argument_ptr(block)[-1]))
    events = [no_self_events()]
    for group in engine.groups:
        for name, places, array, own in copies(engine, group):
            state[name][places] = values_at(array, own)
        events.append(pending_self_events(group))
    return state | {name: np.concatenate([one[name] for one in events]) for name in SELF}


def load_state(engine: CpuEngine, state: Mapping[str, np.ndarray]) -> None:
    """Put a state into an engine that was reset."""
    engine.sampler.clear()
    for group in engine.groups:
        for name, places, array, own in copies(engine, group):
            value = state[name][places]
            array[own] = value if own.ndim == 1 else split(value)
        group.spike_count[:] = 0
        put_self_events(group, state)


def slots_of(storage: Storage, name: str) -> int | np.ndarray:
    """The slot of a variable, or the (3, 1) slots of a time."""
    if name in storage.times:
        return np.array(storage.parts(name))[:, None]
    return storage.slots[name]


def values_at(array: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Values at places, or at three rows of them."""
    return array[own] if own.ndim == 1 else join(*array[own])


def variables(engine: CpuEngine, k: int) -> list[str]:
    """The stored variables of a mechanism that change, helpers and gathered ones left out."""
    storage = engine.storages[k]
    names = changing(engine.block, engine.block.mechanisms[k].mechanism) - set(storage.gathered)
    return [name for name in storage.slots if name in names and not name.startswith("_")]


def copies(
    engine: CpuEngine, group: GroupState
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name and places in the block's order, array and places in the group.

    A time of single precision has three rows of places; see `kernels.precision.split`.
    """
    layout = group.layout
    yield "v", layout.node, group.voltage, layout.place
    for ion, field in engine.live:
        yield f"{ion}.{field}", layout.node, group.ions[f"{ion}_{field}"], layout.place
    for k, part in enumerate(group.slices):
        mechanism = engine.block.mechanisms[k].mechanism.name
        storage = engine.storages[k]
        lanes = engine.precision.lanes
        tile, lane = np.divmod(np.arange(len(part.index)), lanes)
        for name in variables(engine, k):
            own = (tile * len(storage.slots) + slots_of(storage, name)) * lanes + lane
            yield f"{mechanism}.{name}", part.index, part.data, own
    yield "above", group.detector_source, group.detector_above, np.arange(len(group.detector_node))
    places, own = argument_places(engine, group)
    yield "arguments", places, group.weights, own


def argument_places(engine: CpuEngine, group: GroupState) -> tuple[np.ndarray, np.ndarray]:
    """Places of kept arguments in the block's order and in the group."""
    ptr = argument_ptr(engine.block)
    first, size = ptr[group.connections], np.diff(ptr)[group.connections]
    of = np.repeat(np.arange(len(size)), size)
    within = np.arange(len(of)) - np.repeat(np.cumsum(size) - size, size)
    return first[of] + within, group.connection_weight[of] + within


def pending_self_events(group: GroupState) -> dict[str, np.ndarray]:
    """Self-events of a group, with instances and connections of the block."""
    n = int(group.self_count[0])
    mechanism = group.self_mechanism[:n]
    instance = [
        group.slices[m].index[i]
        for m, i in zip(mechanism.tolist(), group.self_instance[:n].tolist(), strict=True)
    ]
    weight = group.self_weight[:n]
    slot = np.searchsorted(group.connection_weight, weight)
    known = weight >= 0
    connection = np.full(n, -1, np.int32)
    connection[known] = group.connections[slot[known]]
    values = (
        group.self_time[:n].copy(),
        group.self_flag[:n].copy(),
        mechanism.copy(),
        np.array(instance, np.int32),
        connection,
    )
    return dict(zip(SELF, values, strict=True))


def put_self_events(group: GroupState, state: Mapping[str, np.ndarray]) -> None:
    """Take those self-events that belong to instances of this group."""
    position = [
        dict(zip(part.index.tolist(), range(len(part.index)), strict=True)) for part in group.slices
    ]
    slots = dict(zip(group.connections.tolist(), group.connection_weight.tolist(), strict=True))
    n = 0
    for time, flag, m, i, c in zip(*(state[name].tolist() for name in SELF), strict=True):
        own = position[m].get(i)
        if own is None:
            continue
        receive = group.engine.block.mechanisms[m].mechanism.receive
        none = -max(1, len(receive.args) if receive else 0)
        group.self_time[n], group.self_flag[n] = time, flag
        group.self_mechanism[n], group.self_instance[n] = m, own
        group.self_weight[n] = slots[c] if c >= 0 else none
        n += 1
    group.self_count[:] = n, 0
