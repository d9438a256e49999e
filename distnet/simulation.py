"""A network in time: the loop over epochs.

What runs when. An epoch is a run of steps in which no spike fired inside it is due. Its length is
half the shortest delay, so the spikes of one epoch travel while the next is computed:

- `advance` of epoch k needs every event due in it;
- an event due in epoch k comes from a spike of epoch k - 2 or earlier, as two epochs are no longer
  than the shortest delay;
- so the exchange started after epoch k - 2 must be finished before epoch k, and is: `finish`
  follows `advance` of epoch k - 1.

Where the shortest delay is a single step there is nothing to overlap, and the exchange is finished
at once. Known spike trains need no exchange: each rank has the trains that it hears.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.balance import divide
from distnet.catalogue import Catalogue
from distnet.cell import Cell
from distnet.errors import InputError, SimulationError
from distnet.exchange import SPIKE, Exchange, LocalExchange
from distnet.lower import lower
from distnet.network import ArtificialCell, Connections, Network, SpikeTrain
from distnet.recording import Recording
from distnet.routing import ROUND, EventQueue, Routing
from distnet.settings import Settings
from kernels import make_engine
from kernels.errors import NotFinite

#: What to sample, or a function of this rank's cells and the names of all mechanisms that says so.
Recordings = (
    Sequence[Recording] | Callable[[Mapping[int, Cell], Collection[str]], Sequence[Recording]]
)

LONGEST_EPOCH = 10.0  # ms: how often progress is shown where nothing is connected
DETAILED, ARTIFICIAL, TRAIN = 0, 1, 2


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    spike_gid: np.ndarray  # (n,) i8, all spikes of this rank's gids, sorted by (time, gid)
    spike_time: np.ndarray  # (n,) f8 [ms]
    #: (n_sample, n_place) f8 a recording, of the places on this rank (`Lowered.recorded`); empty
    #: where samples were handed to `on_samples`
    samples: tuple[np.ndarray, ...] = ()


class Simulation:
    """The part of a network that one rank owns, and its loop over epochs."""

    def __init__(
        self,
        network: Network,
        settings: Settings | None = None,
        recordings: Recordings = (),
        backend: str = "auto",
        exchange: Exchange | None = None,
        partition: str | Path = "auto",
    ):
        """Build, lower and compile this rank's part.

        Args:
            network: asked for the cells of this rank only.
            settings: step, temperature, method, mechanisms.
            recordings: what to sample; see `samples`.
            backend: a name of `kernels.BACKENDS`, or "auto".
            exchange: between ranks; by default there is one rank.
            partition: how cells are divided among ranks: a name of `partition.METHODS`, or a
                file of ranks, one a line in order of gid.
        """
        self.network = network
        self.settings = settings or Settings()
        self.exchange = exchange or LocalExchange()
        kinds = network.kinds()
        owner = divide(network, self.settings, self.exchange, str(partition))
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
        self.overlap, self.epoch = self._epoch(kinds)
        self._artificial = kinds[self.lowered.source_gid] == ARTIFICIAL
        self._trains = self._known_spikes(kinds)
        self.engine = make_engine(self.lowered.block, backend)

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

    def _epoch(self, kinds: np.ndarray) -> tuple[bool, int]:
        """Whether an exchange overlaps an epoch, and the steps of an epoch."""
        dt, routing = self.settings.dt, self.routing
        row = np.repeat(routing.heard, np.diff(routing.row_ptr))
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
        if shortest == 1:
            return False, 1
        return True, min(shortest // 2, longest)

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
    ) -> Result:
        """Simulate from 0 to `tstop` [ms].

        Args:
            tstop: end of the simulation; rounded to whole steps.
            on_progress: called after each epoch with the step reached and the last step.
            on_samples: called after each epoch with the new samples of this rank, one
                (n_sample, n_place) array a recording; see `Lowered.recorded`.

        Raises:
            SimulationError: a voltage became NaN or infinite.
        """
        n_steps = self._steps(tstop)
        queue = EventQueue(self.routing, self.epoch)
        fired, samples = [], []
        self.engine.reset()
        self._next_train = 0
        for first in range(0, n_steps, self.epoch):
            last = min(first + self.epoch, n_steps)
            queue.add(self._due_trains(last))
            spikes = self._advance(first, last, queue)
            if self.overlap:
                queue.add(self.exchange.finish())
            self.exchange.start(spikes)
            if not self.overlap:
                queue.add(self.exchange.finish())
            fired.append(spikes)
            if on_samples is not None:
                on_samples(self.engine.read())
            elif self.recordings:
                samples.append(self.engine.read())
            if on_progress is not None:
                on_progress(last, n_steps)
        self.exchange.finish()
        return self._result(fired, samples)

    def _steps(self, tstop: float) -> int:
        steps = round(tstop / self.settings.dt) if np.isfinite(tstop) else 0
        if not (tstop > 0.0 and steps > 0):
            raise InputError("tstop", f"{tstop} ms is not a positive time")
        return steps

    def _due_trains(self, last: int) -> np.ndarray:
        """Known spikes that may be due before step `last` and were not yet expanded."""
        times = self._trains["time"]
        end = int(np.searchsorted(times, last * self.settings.dt, side="right"))
        begin, self._next_train = self._next_train, max(end, self._next_train)
        return self._trains[begin : self._next_train]

    def _advance(self, first: int, last: int, queue: EventQueue) -> np.ndarray:
        """One epoch of this rank's cells; its spikes as they travel."""
        try:
            found = self.engine.advance(first, last, queue.take(first))
        except NotFinite as error:
            raise SimulationError(self._explain(error)) from None
        spikes = np.zeros(len(found.source), SPIKE)
        spikes["gid"] = self.lowered.source_gid[found.source]
        spikes["step"] = np.where(self._artificial[found.source], -1, found.step)
        spikes["time"] = found.time
        return spikes

    def _explain(self, error: NotFinite) -> str:
        gid = int(self.lowered.gid[error.cell])
        cell = self.network.cell(gid)
        node = error.node - int(self.lowered.block.cell_ptr[error.cell])
        section = cell.sections[int(cell.cable.section[node])].name  # type: ignore[union-attr]
        return (
            f"{self.network.describe(gid)}: section {section}: voltage became {error.value} mV "
            f"before t = {error.step * self.settings.dt:g} ms"
        )

    @staticmethod
    def _result(fired: list[np.ndarray], samples: list[list[np.ndarray]]) -> Result:
        spikes = np.concatenate(fired)
        order = np.lexsort((spikes["gid"], spikes["time"]))
        joined = tuple(np.concatenate(parts) for parts in zip(*samples, strict=True))
        return Result(spikes["gid"][order].astype(np.int64), spikes["time"][order], joined)
