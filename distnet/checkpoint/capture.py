"""The state of a simulation, cell by cell, out of one division into ranks and into another.

What a rank saves: the arrays of its engine (`kernels.snapshot`), the events to come on its
connections, and the spikes of its cells so far. Everything that names an instance or a connection
counts from the first one of its cell, so that it means the same on another rank. Known spike trains
are not saved: their positions follow from the step.

What is restored starts from an engine that was reset: an engine keeps a value only where some cell
of its rank can change it, so what a file does not hold is what initialisation gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from distnet.checkpoint.cells import (
    cell_pointers,
    connection_cells,
    entries,
    fingerprints,
    kind_of,
)
from distnet.errors import InputError
from distnet.exchange import SPIKE
from kernels.engine import SavingEngine
from kernels.snapshot import SELF

if TYPE_CHECKING:
    from distnet.checkpoint.files import Checkpoint
    from distnet.loop import Loop
    from distnet.simulation import Simulation

Arrays = dict[str, np.ndarray]


@dataclass
class Saved:
    """What a rank takes up from a checkpoint."""

    step: int
    spikes: np.ndarray  # (n,) SPIKE, those of its cells before `step`
    due: np.ndarray  # (n_event,) i8 step
    time: np.ndarray  # (n_event,) f8 [ms]
    connection: np.ndarray  # (n_event,) i4, of the block


def saving_engine(simulation: Simulation) -> SavingEngine:
    """The engine of a simulation.

    Raises:
        InputError: it cannot save its state.
    """
    engine = simulation.engine
    if not isinstance(engine, SavingEngine):
        raise InputError("backend", f"{type(engine).__name__} cannot save its state")
    return engine


def capture(loop: Loop) -> Arrays:
    """The state of this rank at the end of an epoch, no exchange being in flight."""
    simulation = loop.simulation
    lowered = simulation.lowered
    block = lowered.block
    ptr = cell_pointers(lowered)
    names = [group.mechanism.name for group in block.mechanisms]
    state = saving_engine(simulation).save()
    found: Arrays = {f"state/{name}": a for name, a in state.items() if name not in SELF}
    found |= {f"ptr/{kind}": one for kind, one in ptr.items()}
    found |= {"gid": lowered.gid, "fingerprint": fingerprints(lowered)}
    found["mechanisms"] = np.array(names, np.str_) if names else np.zeros(0, "U1")
    found |= _capture_self(state, simulation, ptr)
    due, time, k = loop.queue.pending()
    connection = simulation.routing.connection[k]
    cell = connection_cells(block)[connection]
    order = np.lexsort((connection, time, due, cell))
    found |= {
        "event/cell": cell[order],
        "event/due": due[order],
        "event/time": time[order],
        "event/connection": (connection - ptr["connection"][cell])[order],
    }
    found["spikes"] = np.concatenate([np.zeros(0, SPIKE), *loop.fired])
    return found


def _capture_self(state: Arrays, simulation: Simulation, ptr: Arrays) -> Arrays:
    block = simulation.lowered.block
    time, flag, mechanism, instance, connection = (state[name] for name in SELF)
    cell = np.zeros(len(time), np.int64)
    within = np.zeros(len(time), np.int64)
    for k, group in enumerate(block.mechanisms):
        mine = mechanism == k
        cell[mine] = group.cell[instance[mine]]
        within[mine] = instance[mine] - ptr[group.mechanism.name][cell[mine]]
    order = np.argsort(cell, kind="stable")
    known = connection >= 0
    relative = np.where(known, connection - ptr["connection"][cell], -1)
    return {
        "self/cell": cell[order],
        "self/time": time[order],
        "self/flag": flag[order],
        "self/mechanism": mechanism[order],
        "self/instance": within[order],
        "self/connection": relative[order],
    }


class Restoring:
    """The state of one rank, put together from what several ranks saved."""

    def __init__(self, simulation: Simulation):
        """Start from initialisation; the engine was reset."""
        self.simulation = simulation
        self.lowered = simulation.lowered
        self.engine = saving_engine(simulation)
        self.ptr = cell_pointers(self.lowered)
        self.names = [group.mechanism.name for group in self.lowered.block.mechanisms]
        self.fingerprint = fingerprints(self.lowered)
        self.state = self.engine.save()
        self.self_events: list[tuple[np.ndarray, ...]] = []
        self.events: list[tuple[np.ndarray, ...]] = []
        self.spikes = [np.zeros(0, SPIKE)]

    def add(self, saved: Mapping[str, np.ndarray], where: object) -> None:
        """Take the cells of this rank from what one rank saved.

        Raises:
            InputError: a cell was another one then.
        """
        then = np.flatnonzero(np.isin(saved["gid"], self.lowered.gid))
        now = np.searchsorted(self.lowered.gid, saved["gid"][then])
        self._check(saved, then, now, where)
        mechanisms = saved["mechanisms"].tolist()
        for key in (key for key in saved if key.startswith("state/")):
            name = key.removeprefix("state/")
            kind = kind_of(name, mechanisms)
            if name in self.state and kind in self.ptr:
                to, of = entries(self.ptr[kind], now), entries(saved[f"ptr/{kind}"], then)
                self.state[name][to] = saved[key][of]
        own = np.full(len(saved["gid"]), -1, np.int64)
        own[then] = now
        self._add_self(saved, own, mechanisms)
        self._add_events(saved, own)
        spikes = saved["spikes"]
        self.spikes.append(spikes[np.isin(spikes["gid"], self.lowered.gid)])

    def _check(
        self, saved: Mapping[str, np.ndarray], then: np.ndarray, now: np.ndarray, where: object
    ) -> None:
        wrong = saved["fingerprint"][then] != self.fingerprint[now]
        for kind in self.ptr:
            if f"ptr/{kind}" in saved:
                size = np.diff(saved[f"ptr/{kind}"])[then]
                wrong |= size != np.diff(self.ptr[kind])[now]
            else:
                wrong |= np.diff(self.ptr[kind])[now] != 0
        if wrong.any():
            gid = int(self.lowered.gid[now[np.argmax(wrong)]])
            name = self.simulation.network.describe(gid)
            raise InputError(where, f"{name} had another shape or other connections then")

    def _add_self(
        self, saved: Mapping[str, np.ndarray], own: np.ndarray, mechanisms: list[str]
    ) -> None:
        cell = own[saved["self/cell"]]
        mine = np.flatnonzero(cell >= 0)
        cell = cell[mine]
        index = [self.names.index(mechanisms[m]) for m in saved["self/mechanism"][mine]]
        first = [self.ptr[self.names[m]][c] for m, c in zip(index, cell, strict=True)]
        connection = saved["self/connection"][mine]
        connection = np.where(connection >= 0, connection + self.ptr["connection"][cell], -1)
        self.self_events.append(
            (
                saved["self/time"][mine],
                saved["self/flag"][mine],
                np.array(index, np.int32),
                (saved["self/instance"][mine] + np.array(first, np.int64)).astype(np.int32),
                connection.astype(np.int32),
            )
        )

    def _add_events(self, saved: Mapping[str, np.ndarray], own: np.ndarray) -> None:
        cell = own[saved["event/cell"]]
        mine = np.flatnonzero(cell >= 0)
        connection = saved["event/connection"][mine] + self.ptr["connection"][cell[mine]]
        self.events.append((saved["event/due"][mine], saved["event/time"][mine], connection))

    def finish(self, step: int) -> Saved:
        """Give the engine its state."""
        joined = {}
        for k, name in enumerate(SELF):
            parts = [one[k] for one in self.self_events]
            joined[name] = np.concatenate([self.state[name][:0], *parts])
        self.engine.load({**self.state, **joined})
        none = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
        pieces = zip(none, *self.events, strict=True)
        due, time, connection = (np.concatenate(piece) for piece in pieces)
        return Saved(step, np.concatenate(self.spikes), due, time, connection)


def restore(simulation: Simulation, checkpoint: Checkpoint) -> Saved:
    """Put the state of a checkpoint into a simulation whose engine was reset.

    Args:
        simulation: this rank's part.
        checkpoint: what was saved.

    Raises:
        InputError: it is damaged, or of another network.
    """
    checkpoint.check(simulation)
    restoring = Restoring(simulation)
    for rank in checkpoint.ranks_of(simulation.gids):
        restoring.add(checkpoint.read(rank), checkpoint.folder)
    return restoring.finish(checkpoint.step)
