"""A network in time: the part of it that one rank owns, from its cells to its spikes.

Every rank builds its own cells and the connections onto them, and hears of the spikes of others by
an exchange; `distnet.loop` is the loop over epochs. Known spike trains need no exchange: each rank
has the trains that it hears.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.balance import divide
from distnet.catalogue import Catalogue
from distnet.cell import Cell
from distnet.checkpoint import Checkpoint, Saved, Saving, restore, saving_engine
from distnet.control import Control
from distnet.errors import InputError
from distnet.exchange import SPIKE, Exchange, Links, LocalExchange
from distnet.loop import Loop
from distnet.lower import lower
from distnet.network import ArtificialCell, Connections, Network, SpikeTrain
from distnet.recording import Recording
from distnet.routing import ROUND, Routing
from distnet.settings import Settings
from distnet.trace import Trace, Tracer
from kernels import make_engine
from kernels.engine import DeviceEngine
from kernels.errors import NotFinite

#: What to sample, or a function of this rank's cells and the names of all mechanisms that says so.
Recordings = (
    Sequence[Recording] | Callable[[Mapping[int, Cell], Collection[str]], Sequence[Recording]]
)

LONGEST_EPOCH = 10.0  # ms: how often progress is shown where nothing is connected
DETAILED, ARTIFICIAL, TRAIN = 0, 1, 2

INTERVALS = 2  # epochs in the shortest delay
MOST_INTERVALS = 4
RATE = 5.0  # Hz: what a cell is thought to fire, for the first size of messages


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    spike_gid: np.ndarray  # (n,) i8, all spikes of this rank's gids, sorted by (time, gid)
    spike_time: np.ndarray  # (n,) f8 [ms]
    #: (n_sample, n_place) f8 a recording, of the places on this rank (`Lowered.recorded`); empty
    #: where samples were handed to `on_samples`
    samples: tuple[np.ndarray, ...] = ()
    step: int = 0  # the last that was reached
    complete: bool = True  # not so where the run was stopped and its state saved


class Simulation:
    """The part of a network that one rank owns, and its loop over epochs."""

    def __init__(
        self,
        network: Network,
        settings: Settings | None = None,
        recordings: Recordings = (),
        backend: str = "auto",
        exchange: Exchange | None = None,
        partition: str | Path | np.ndarray = "auto",
        intervals: int = INTERVALS,
    ):
        """Build, lower and compile this rank's part.

        Args:
            network: asked for the cells of this rank only.
            settings: step, temperature, method, mechanisms.
            recordings: what to sample; see `samples`.
            backend: a name of `kernels.BACKENDS`, or "auto".
            exchange: between ranks; by default there is one rank.
            partition: how cells are divided among ranks: a name of `partition.METHODS`, or a
                file of ranks, one a line in order of gid; or the rank of each gid, -1 for a
                spike train.
            intervals: epochs in the shortest delay, 1 to 4: all but one exchange overlap with
                computation. Results do not depend on it.

        Raises:
            InputError: something in the network, or an argument, is wrong.
        """
        self.network = network
        self.settings = settings or Settings()
        self.exchange = exchange or LocalExchange()
        kinds = network.kinds()
        method = partition if isinstance(partition, np.ndarray) else str(partition)
        owner = divide(network, self.settings, self.exchange, method)
        self.gids = np.flatnonzero(owner == self.exchange.rank)
        network.own(self.gids)
        cells = self._build(network)
        connections = {gid: network.connections_to(gid) for gid in cells}
        self._check_sources(connections)
        catalogue = Catalogue(self.settings)
        describe = network.describe
        if callable(recordings):
            detailed = {gid: cell for gid, cell in cells.items() if isinstance(cell, Cell)}
            recordings = recordings(detailed, catalogue.files)
        self.recordings = tuple(recordings)
        self._check_recordings(kinds)
        self.lowered = lower(
            cells, connections, self.settings, catalogue, self.recordings, describe
        )
        self.routing = Routing(self.lowered, network.n_cells, self.settings.dt)
        self.depth, self.epoch = self._epoch(kinds, intervals)
        self.artificial = kinds[self.lowered.source_gid] == ARTIFICIAL
        self.trains = self._known_spikes(kinds)
        self.control = Control()
        self.tracer: Tracer | None = None  # where epochs are to be noted
        self.links = self._links(kinds, owner)
        self.exchange.connect(self.links)
        self.engine = make_engine(self.lowered.block, backend, self.settings.precision)
        # one order of exchanges on all ranks
        self.beside = self.exchange.minimum(float(isinstance(self.engine, DeviceEngine))) > 0.0

    # --- set-up ---

    def _build(self, network: Network) -> dict[int, Cell | ArtificialCell]:
        cells = {}
        for gid in self.gids.tolist():
            cell = network.cell(gid)
            assert not isinstance(cell, SpikeTrain)
            cells[gid] = cell
        return cells

    def _check_sources(self, connections: Mapping[int, Connections]) -> None:
        for gid, onto in connections.items():
            bad = np.flatnonzero((onto.source < 0) | (onto.source >= self.network.n_cells))
            if len(bad):
                raise InputError(
                    self.network.describe(gid),
                    f"a connection comes from gid {onto.source[bad[0]]}, which does not exist; "
                    f"allowed are 0 to {self.network.n_cells - 1}",
                )

    def _check_recordings(self, kinds: np.ndarray) -> None:
        for recording in self.recordings:
            where = f"recording of {recording.variable}"
            for gid in recording.gid.tolist():
                if not 0 <= gid < len(kinds):
                    allowed = (
                        f"allowed are 0 to {len(kinds) - 1}" if len(kinds) else "there are none"
                    )
                    raise InputError(where, f"there is no gid {gid}; {allowed}")
                if kinds[gid] == TRAIN:
                    problem = f"{self.network.describe(gid)} is a spike train, which has no state"
                    raise InputError(where, problem)

    def _epoch(self, kinds: np.ndarray, intervals: int) -> tuple[int, int]:
        """Exchanges in flight at a time, and the steps of an epoch."""
        if not 1 <= intervals <= MOST_INTERVALS:
            raise InputError("intervals", f"{intervals} is not one of 1 to {MOST_INTERVALS}")
        dt, routing = self.settings.dt, self.routing
        row = routing.source
        live = kinds[row] != TRAIN
        short = live & (routing.delay < dt * (1.0 - ROUND))
        if short.any():
            gid = int(row[short][0])
            raise InputError(
                f"connection from {self.network.describe(gid)}",
                f"delay {routing.delay[short][0]} ms is shorter than the time step {dt} ms",
            )
        exact = np.floor(routing.delay / dt + ROUND).astype(np.int64)
        steps = np.where(kinds[row] == ARTIFICIAL, exact, routing.delay_steps)[live]
        shortest = int(self.exchange.minimum(float(steps.min(initial=np.iinfo(np.int32).max))))
        longest = max(1, round(LONGEST_EPOCH / dt))
        depth = min(intervals, shortest)
        return depth, min(shortest // depth, longest)

    def _links(self, kinds: np.ndarray, owner: np.ndarray) -> Links:
        heard = self.routing.heard[kinds[self.routing.heard] != TRAIN]
        own = np.sort(self.lowered.source_gid)
        expected = 1e-3 * RATE * len(own) * self.epoch * self.settings.dt
        return Links(own, heard, owner[heard].astype(np.int32), self.depth, expected)

    def _known_spikes(self, kinds: np.ndarray) -> np.ndarray:
        """Spikes of the trains that this rank hears, by time."""
        parts = [np.zeros(0, SPIKE)]
        for gid in self.routing.heard[kinds[self.routing.heard] == TRAIN].tolist():
            train = self.network.cell(gid)
            assert isinstance(train, SpikeTrain)
            part = np.zeros(len(train.times), SPIKE)
            part["gid"], part["step"], part["time"] = gid, -1, train.times
            parts.append(part)
        spikes = np.concatenate(parts)
        return spikes[np.lexsort((spikes["gid"], spikes["time"]))]

    # --- running ---

    def run(
        self,
        tstop: float,
        on_progress: Callable[[int, int], None] | None = None,
        on_samples: Callable[[list[np.ndarray]], None] | None = None,
        saving: Saving | None = None,
        restart: Checkpoint | None = None,
        on_spikes: Callable[[int, np.ndarray], None] | None = None,
    ) -> Result:
        """Simulate from 0, or from where a checkpoint was saved, to `tstop` [ms].

        Args:
            tstop: end of the simulation; rounded to whole steps.
            on_progress: called after each epoch with the step reached and the last step.
            on_samples: called after each epoch with the new samples of this rank, one
                (n_sample, n_place) array a recording; see `Lowered.recorded`.
            saving: where and how often to save the state; without it a wish to stop
                (`control.request`) ends the run unsaved.
            restart: what to go on from; samples start there, spikes at 0.
            on_spikes: called after each epoch with the step reached and the new spikes of this
                rank (SPIKE), after a restart with those from before it first.

        Raises:
            InputError: the checkpoint is damaged, or of another network.
            SimulationError: a voltage became NaN or infinite, or a file could not be written.
        """
        n_steps = self._steps(tstop)
        samples: list[list[np.ndarray]] = []
        self.engine.reset()
        loop = Loop(self, n_steps, self._restore(restart, n_steps))

        def on_epoch(step: int) -> None:
            if on_spikes is not None:
                on_spikes(step, loop.take_new())
            if on_samples is not None:
                on_samples(self.engine.read())
            elif self.recordings:
                samples.append(self.engine.read())
            if on_progress is not None:
                on_progress(step, n_steps)

        complete = loop.run(on_epoch, self._every(saving), saving.save if saving else None)
        return self._result(loop, samples, complete)

    def trace(self) -> Trace | None:
        """What `tracer` has noted on all ranks, on rank 0."""
        assert self.tracer is not None
        return self.tracer.gather(np.unique(self.links.owner), self.depth)

    def _restore(self, restart: Checkpoint | None, n_steps: int) -> Saved | None:
        if restart is None:
            return None
        if restart.step >= n_steps:
            then, end = restart.step * self.settings.dt, n_steps * self.settings.dt
            raise InputError(restart.folder, f"was saved at {then:g} ms; the run ends at {end:g}")
        return restore(self, restart)

    def _every(self, saving: Saving | None) -> int | None:
        if saving is None:
            return None
        saving_engine(self)
        if saving.every is None:
            return None
        if not (saving.every > 0.0 and np.isfinite(saving.every)):
            raise InputError("checkpoint-every", f"{saving.every} ms is not a positive time")
        return max(1, round(saving.every / self.settings.dt))

    def _steps(self, tstop: float) -> int:
        steps = round(tstop / self.settings.dt) if np.isfinite(tstop) else 0
        if not (tstop > 0.0 and steps > 0):
            raise InputError("tstop", f"{tstop} ms is not a positive time")
        return steps

    def explain(self, error: NotFinite) -> str:
        """A sentence about a voltage that is not finite."""
        gid = int(self.lowered.gid[error.cell])
        cell = self.network.cell(gid)
        node = error.node - int(self.lowered.block.cell_ptr[error.cell])
        section = cell.sections[int(cell.cable.section[node])].name  # type: ignore[union-attr]
        return (
            f"{self.network.describe(gid)}: section {section}: voltage became {error.value} mV "
            f"before t = {error.step * self.settings.dt:g} ms"
        )

    @staticmethod
    def _result(loop: Loop, samples: list[list[np.ndarray]], complete: bool) -> Result:
        spikes = np.concatenate([np.zeros(0, SPIKE), *loop.fired])
        order = np.lexsort((spikes["gid"], spikes["time"]))
        spikes = spikes[order]
        joined = tuple(np.concatenate(parts) for parts in zip(*samples, strict=True))
        gid = spikes["gid"].astype(np.int64)
        return Result(gid, spikes["time"].copy(), joined, loop.step, complete)
