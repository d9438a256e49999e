"""The state of a reference engine; see `kernels.snapshot`."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from kernels.snapshot import SELF, argument_ptr, changing, no_self_events

if TYPE_CHECKING:
    from kernels.reference.engine import ReferenceEngine


def save_state(engine: ReferenceEngine) -> dict[str, np.ndarray]:
    """Copy everything that may have changed since initialisation."""
    state = {"v": engine.voltage.copy()}
    state |= {f"{ion}.{field}": array.copy() for (ion, field), array in engine.fields.items()}
    for population in engine.populations:
        own = population.group.mechanism.variables()
        for name in sorted(changing(engine.block, population.group.mechanism) & set(own)):
            values = [one[name] for one in population.values]
            state[f"{population.mechanism.name}.{name}"] = np.array(values, np.float64)
    state["above"] = engine.above.astype(np.uint8)
    state["arguments"] = np.array(list(itertools.chain(*engine.weights)), np.float64)
    return state | _pending(engine)


def _pending(engine: ReferenceEngine) -> dict[str, np.ndarray]:
    owner = {id(arguments): c for c, arguments in enumerate(engine.weights)}
    rows = [
        (time, flag, m, i, owner.get(id(arguments), -1))
        for time, _, flag, m, i, arguments in sorted(engine.pending, key=lambda one: one[1])
    ]
    events = no_self_events()
    if rows:
        columns = zip(SELF, zip(*rows, strict=True), strict=True)
        events = {name: np.array(column, events[name].dtype) for name, column in columns}
    return events


def load_state(engine: ReferenceEngine, state: Mapping[str, np.ndarray]) -> None:
    """Put a state into an engine that was reset."""
    engine.read()
    engine.fired = []
    engine.voltage[:] = state["v"]
    for (ion, field), array in engine.fields.items():
        array[:] = state[f"{ion}.{field}"]
    for population in engine.populations:
        own = population.group.mechanism.variables()
        for name in changing(engine.block, population.group.mechanism) & set(own):
            values = state[f"{population.mechanism.name}.{name}"].tolist()
            for one, value in zip(population.values, values, strict=True):
                one[name] = value
    engine.above[:] = state["above"] != 0
    parts = np.split(state["arguments"], argument_ptr(engine.block)[1:-1])
    for arguments, part in zip(engine.weights, parts, strict=False):
        arguments[:] = part.tolist()
    engine.pending = []
    for time, flag, m, i, c in zip(*(state[name].tolist() for name in SELF), strict=True):
        arguments = engine.weights[c] if c >= 0 else engine.no_arguments(m)
        heapq.heappush(engine.pending, (time, next(engine.count), flag, m, i, arguments))
