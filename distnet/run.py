"""From a SONATA configuration to files of spikes and reports, on the ranks of an exchange."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

from distnet.cell import Cell
from distnet.exchange import Exchange, LocalExchange
from distnet.output import ReportWriter, elements_of, write_spikes, write_spikes_csv
from distnet.recording import Recording
from distnet.simulation import Result, Simulation
from distnet.sonata import Report, SimulationPlan, SonataNetwork, load
from distnet.sonata.reports import Columns

FLUSH = 1 << 22  # bytes of samples that a rank holds before they are written


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

    Returns:
        The spikes of this rank's cells.

    Raises:
        InputError: the configuration or the circuit is wrong.
        SimulationError: the simulation failed, or a file could not be written.
    """
    exchange = exchange or LocalExchange()
    sonata = load(config, tstop=tstop, dt=dt, seed=seed)
    network, plan = sonata.network, sonata.plan
    columns: list[Columns] = []

    def recordings(cells: Mapping[int, Cell], mechanisms: Collection[str]) -> list[Recording]:
        columns.extend(report.columns(cells, mechanisms) for report in plan.reports)
        return [one.recording for one in columns]

    simulation = Simulation(network, plan.settings, recordings, backend, exchange, partition)
    streams = [
        ReportStream(report, own, network, plan, Path(out), exchange)
        for report, own in zip(plan.reports, columns, strict=True)
    ]

    def on_samples(samples: list[np.ndarray]) -> None:
        for stream, rows in zip(streams, samples, strict=True):
            stream.add(rows)

    try:
        result = simulation.run(plan.run.tstop, on_progress, on_samples if streams else None)
        for stream in streams:
            stream.close()
    except BaseException:
        for stream in streams:
            stream.abort()
        raise
    write_all_spikes(result, network, plan, Path(out), exchange)
    return result


class ReportStream:
    """Samples of all ranks on their way into one report, written by rank 0."""

    def __init__(
        self,
        report: Report,
        columns: Columns,
        network: SonataNetwork,
        plan: SimulationPlan,
        out: Path,
        exchange: Exchange,
    ):
        self.exchange = exchange
        self._skip = round(report.start / report.dt)  # samples before the first row
        self._next, self._n = 0, 0
        self._held: list[np.ndarray] = []
        self._writer: ReportWriter | None = None
        every = exchange.gather((columns.recording.gid, columns.section, columns.x))
        # all ranks hold equally long before writing, so that they write together
        self._limit = max(1, FLUSH // (8 * max(1, exchange.broadcast(_widest(every)))))
        if every is None:
            return
        gid, section, x = (np.concatenate(parts) for parts in zip(*every, strict=True))
        self._order = np.argsort(gid, kind="stable")
        elements = elements_of(
            network.populations, gid[self._order], section[self._order], x[self._order]
        )
        path = out / report.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        span = (report.start, report.stop, report.dt)
        self._writer = ReportWriter(
            path, elements, *span, report.variable, report.unit, plan.configuration
        )

    def add(self, rows: np.ndarray) -> None:
        """Take new samples of this rank; write when there are enough."""
        drop = min(self._skip, len(rows))
        self._skip -= drop
        self._held.append(rows[drop:])
        self._n += len(rows) - drop
        if self._n >= self._limit:
            self._flush()

    def _flush(self) -> None:
        parts = self.exchange.gather(np.concatenate(self._held) if self._held else None)
        n, self._held, self._n = self._n, [], 0
        if self._writer is not None and parts is not None and n:
            self._writer.write(self._next, np.concatenate(parts, axis=1)[:, self._order])
        self._next += n

    def close(self) -> None:
        """Write the rest; the file gets its name."""
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def abort(self) -> None:
        """Remove what was written."""
        if self._writer is not None:
            self._writer.abort()


def _widest(every: list | None) -> int:
    return max(len(gid) for gid, _, _ in every) if every else 0


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
