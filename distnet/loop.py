"""The loop over epochs of one rank.

What runs when. An epoch is a run of steps; `depth` epochs together are no longer than the shortest
delay, so a spike of epoch k is due in epoch k + depth at the earliest. With a depth of 1 every
exchange is finished before the next epoch; with a depth of m the spikes of an epoch travel while
m - 1 more are computed:

- `advance` of epoch k needs every event due in it, of spikes of epoch k - depth or earlier;
- the exchange of epoch k is started after `advance` of epoch k, and the oldest one is finished as
  soon as `depth` are in flight: that of epoch k - depth + 1, just before epoch k + 1 needs it;
- where all ranks compute on devices, that one is finished while the device computes epoch k, so
  that the device need not wait for what the processor does with the spikes.

How the steps are cut into epochs changes no result: an event is delivered at its own step, and the
events of a step are in an order of their own (`distnet.delivery`).

Saving. At the end of an epoch at which a checkpoint is due (`distnet.control`, or a time that all
ranks know) every exchange in flight is finished first. Then what is to come is in the queues alone,
and the state is that of one step on all ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from distnet.control import CHECKPOINT, STOP
from distnet.errors import SimulationError
from distnet.exchange import NO_SPIKES, SPIKE
from distnet.routing import EventQueue
from kernels.engine import DeviceEngine
from kernels.errors import NotFinite

if TYPE_CHECKING:
    from distnet.checkpoint import Saved
    from distnet.simulation import Simulation


class Loop:
    """A run of a simulation: the events to come, the exchanges in flight, the spikes so far."""

    def __init__(self, simulation: Simulation, n_steps: int, saved: Saved | None = None):
        """Get ready to run to step `n_steps`, from 0 or from where a checkpoint was saved."""
        self.simulation, self.control = simulation, simulation.control
        self.n_steps = n_steps
        self.begin = begin = saved.step if saved is not None else 0
        self.queue = EventQueue(simulation.routing, simulation.epoch, begin)
        self.fired: list[np.ndarray] = []
        self._taken = 0  # of them
        if saved is not None:
            self.queue.put_back(saved.due, saved.time, simulation.routing.rows(saved.connection))
            self.fired.append(saved.spikes)
        self.step = begin
        self._in_flight = 0
        dt = simulation.settings.dt
        trains = simulation.trains["time"]
        self._next_train = int(np.searchsorted(trains, begin * dt, side="right")) if begin else 0
        self.control.begin(simulation.exchange.reach, simulation.depth)

    def run(
        self,
        on_epoch: Callable[[int], None],
        every: int | None = None,
        on_checkpoint: Callable[[Loop], None] | None = None,
    ) -> bool:
        """Run all epochs.

        Args:
            on_epoch: called after each with the step reached.
            every: steps between checkpoints.
            on_checkpoint: saves the state; called at the same step on all ranks.

        Returns:
            Whether the end was reached; not so where a rank wished to stop.
        """
        epoch, tracer = self.simulation.epoch, self.simulation.tracer
        if tracer is not None:
            tracer.begin()
        for k, first in enumerate(range(self.begin, self.n_steps, epoch)):
            self.step = last = min(first + epoch, self.n_steps)
            self._run_epoch(k, first, last)
            on_epoch(last)
            if tracer is not None:
                tracer.note()
            kind = self.control.due(k)
            if every is not None and first // every != last // every:
                kind = max(kind, CHECKPOINT)
            if kind and last < self.n_steps:
                self._drain()
                if on_checkpoint is not None:
                    on_checkpoint(self)
                if kind == STOP:
                    return False
        self._drain()
        return True

    def take_new(self) -> np.ndarray:
        """Spikes (SPIKE) of this rank since this was last asked."""
        new, self._taken = self.fired[self._taken :], len(self.fired)
        return np.concatenate([NO_SPIKES, *new])

    def _run_epoch(self, k: int, first: int, last: int) -> None:
        self.queue.add(self._due_trains(last))
        spikes = self._advance(first, last)
        self.simulation.exchange.start(spikes, self.control.notice(k))
        self._in_flight += 1
        if self._in_flight == self.simulation.depth:
            self._collect()
        self.fired.append(spikes)

    def _collect(self) -> None:
        """Finish the oldest exchange in flight."""
        spikes, notice = self.simulation.exchange.finish()
        self._in_flight -= 1
        self.queue.add(spikes)
        self.control.hear(notice)

    def _drain(self) -> None:
        """Finish every exchange in flight."""
        while self._in_flight:
            self._collect()

    def _collect_early(self) -> None:
        """Finish the exchange that the next epoch needs."""
        if self._in_flight == self.simulation.depth - 1 > 0:
            self._collect()

    def _due_trains(self, last: int) -> np.ndarray:
        """Known spikes that may be due before step `last` and were not yet expanded."""
        trains = self.simulation.trains
        limit = last * self.simulation.settings.dt
        end = int(np.searchsorted(trains["time"], limit, side="right"))
        begin, self._next_train = self._next_train, max(end, self._next_train)
        return trains[begin : self._next_train]

    def _advance(self, first: int, last: int) -> np.ndarray:
        """One epoch of this rank's cells; its spikes as they travel."""
        simulation = self.simulation
        engine, events = simulation.engine, self.queue.take(first, last)
        try:
            if simulation.beside and isinstance(engine, DeviceEngine):
                found = engine.advance_beside(first, last, events, self._collect_early)
            else:
                found = engine.advance(first, last, events)
        except NotFinite as error:
            raise SimulationError(simulation.explain(error)) from None
        if not len(found.source):
            return NO_SPIKES
        spikes = np.zeros(len(found.source), SPIKE)
        spikes["gid"] = simulation.lowered.source_gid[found.source]
        spikes["step"] = np.where(simulation.artificial[found.source], -1, found.step)
        spikes["time"] = found.time
        return spikes
