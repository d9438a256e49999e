"""From a SONATA configuration to files of spikes and reports, on the ranks of an exchange."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.cell import Cell
from distnet.checkpoint import Checkpoint, Saving
from distnet.control import Control
from distnet.errors import SimulationError
from distnet.exchange import Exchange, LocalExchange
from distnet.output import spike_log, write_spikes, write_spikes_csv
from distnet.recording import Recording
from distnet.report_streams import GATHERED, GatheredReport, PieceReport, ReportStream
from distnet.simulation import INTERVALS, Result, Simulation
from distnet.sonata import SimulationPlan, SonataNetwork, load
from distnet.sonata.reports import Columns
from distnet.trace import Tracer, write_trace

#: Folder of checkpoints, below that of the results.
CHECKPOINTS = "checkpoints"

FLUSH = 1.0  # s, see `run_sonata`


@dataclass(frozen=True)
class Going:
    """How a run is saved, and gone on with."""

    folder: Path  # of the results: holds the checkpoints, and reports in pieces
    every: float | None = None  # [ms] between checkpoints; without it only on a wish
    resume: bool = False  # from the newest checkpoint in the folder, if there is one
    control: Control | None = None  # takes wishes to save or to stop

    def newest(self) -> Checkpoint | None:
        """The checkpoint to go on from."""
        folder = self.folder / CHECKPOINTS
        if not self.resume or not any(folder.glob("checkpoint-*")):
            return None
        return Checkpoint.open(folder)


def run_sonata(
    config: str | Path,
    out: str | Path,
    backend: str = "auto",
    tstop: float | None = None,
    dt: float | None = None,
    seed: int | None = None,
    exchange: Exchange | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    partition: str | Path = "auto",
    intervals: int = INTERVALS,
    going: Going | None = None,
    flush: float = FLUSH,
    precision: str = "double",
    trace: Path | None = None,
) -> Result:
    """Run a SONATA simulation and write its outputs.

    Args:
        config: simulation configuration, or one that names circuit and simulation.
        out: folder for the output files, which exists.
        backend: engine; see `kernels.BACKENDS`.
        tstop: end of the simulation [ms], instead of the configuration's.
        dt: time step [ms], instead of the configuration's.
        seed: of random streams, instead of the configuration's.
        exchange: between ranks; by default there is one rank.
        on_progress: called after each epoch with the step reached and the last step.
        partition: how cells are divided among ranks; see `Simulation`.
        intervals: epochs in the shortest delay; see `Simulation`.
        going: saves the state, and goes on from a saved one; reports are written in pieces then.
        flush: wall time between additions to the log of spikes, for runs that do not end well [s].
        precision: "double" or "single"; see `Settings`.
        trace: file for what every rank did in every epoch (`distnet.trace`).

    Returns:
        The spikes of this rank's cells; not `complete` where a wish to stop was met.

    Raises:
        InputError: the configuration or the circuit is wrong.
        SimulationError: the simulation failed, or a file could not be written.
    """
    exchange = exchange or LocalExchange()
    sonata = load(config, tstop=tstop, dt=dt, seed=seed, precision=precision)
    network, plan = sonata.network, sonata.plan
    columns: list[Columns] = []

    def recordings(cells: Mapping[int, Cell], mechanisms: Collection[str]) -> list[Recording]:
        columns.extend(report.columns(cells, mechanisms) for report in plan.reports)
        return [one.recording for one in columns]

    simulation = Simulation(
        network, plan.settings, recordings, backend, exchange, partition, intervals
    )
    folder = Path(out)
    saving, restart = None, None
    if going is not None:
        simulation.control = going.control or simulation.control
        restart = exchange.broadcast(going.newest() if exchange.rank == 0 else None)
    if trace is not None:
        simulation.tracer = Tracer(exchange)
    step = restart.step if restart is not None else 0
    streams = open_streams(plan, columns, network, folder, exchange, going, step)
    if going is not None:

        def save_streams(step: int) -> None:
            for stream in streams:
                stream.save()

        saving = Saving(going.folder / CHECKPOINTS, exchange, going.every, save_streams)

    def on_samples(samples: list[np.ndarray]) -> None:
        for stream, rows in zip(streams, samples, strict=True):
            stream.add(rows)

    log_folder = (going.folder if going is not None else folder) / spike_log.FOLDER
    log = open_log(plan, network, log_folder, exchange, flush)

    def on_spikes(step: int, spikes: np.ndarray) -> None:
        # a spike at an exact time is found up to half a step after it
        log.add((step - 1) * plan.run.dt, spikes["time"], spikes["gid"])

    try:
        result = simulation.run(
            plan.run.tstop, on_progress, on_samples if streams else None, saving, restart, on_spikes
        )
        if not result.complete:
            log.flush((result.step - 1) * plan.run.dt)
            return result
        for stream in streams:
            stream.close()
    except BaseException:
        for stream in streams:
            stream.abort()
        raise
    finally:
        log.close()
    write_all_spikes(result, network, plan, folder, exchange)
    if trace is not None and (found := simulation.trace()) is not None:
        write_trace(trace, found)
    exchange.gather(None)
    if exchange.rank == 0:
        spike_log.remove_log(log_folder)
    return result


def open_log(
    plan: SimulationPlan, network: SonataNetwork, folder: Path, exchange: Exchange, every: float
) -> spike_log.SpikeLog:
    """Begin the log of spikes of a run.

    Raises:
        DistnetError: on every rank, where rank 0 cannot write it.
    """
    output = plan.output
    problem = None
    if exchange.rank == 0:
        name = output.spikes_file or "spikes.h5"
        what = (network.cell_populations, name, output.sort, plan.configuration)
        try:
            spike_log.start_log(folder, exchange.size, *what)
        except SimulationError as found:
            problem = str(found)
    problem = exchange.broadcast(problem)
    if problem is not None:
        raise SimulationError(problem)
    return spike_log.SpikeLog(folder, exchange.rank, every)


def open_streams(
    plan: SimulationPlan,
    columns: list[Columns],
    network: SonataNetwork,
    out: Path,
    exchange: Exchange,
    going: Going | None,
    step: int,
) -> list[ReportStream]:
    """A stream for every report: in pieces where the state is saved or there are many ranks."""
    pairs = zip(plan.reports, columns, strict=True)
    if going is None and exchange.size <= GATHERED:
        return [GatheredReport(one, own, network, plan, out, exchange) for one, own in pairs]
    folder = going.folder if going is not None else out
    return [PieceReport(one, own, network, plan, folder, exchange, step) for one, own in pairs]


def write_all_spikes(
    result: Result, network: SonataNetwork, plan: SimulationPlan, out: Path, exchange: Exchange
) -> None:
    """Gather the spikes of all ranks and write them on rank 0."""
    parts = exchange.gather((result.spike_time, result.spike_gid))
    if parts is None:
        return
    time, gid = (np.concatenate(part) for part in zip(*parts, strict=True))
    output = plan.output
    if output.spikes_file is not None:
        path = out / output.spikes_file
        populations = network.cell_populations
        write_spikes(path, time, gid, populations, output.sort, plan.configuration)
    if output.spikes_csv is not None:
        write_spikes_csv(out / output.spikes_csv, time, gid, network.cell_populations, output.sort)
