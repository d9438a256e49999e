"""Samples of all ranks on their way into reports: gathered by rank 0, or in pieces of each rank."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

import numpy as np

from distnet.exchange import Exchange
from distnet.output import ReportWriter, elements_of
from distnet.output.pieces import (
    FOLDER,
    Kind,
    assemble,
    pieces_of,
    remove_from,
    write_piece,
)
from distnet.sonata import Report, SimulationPlan, SonataNetwork
from distnet.sonata.reports import Columns

FLUSH = 1 << 22  # bytes of samples that a rank holds before they are written
PARTS = 50  # in which a gathered report is written, at least: what a killed run leaves
PIECE = 1 << 26  # bytes of a piece
COPIED = 1 << 30  # bytes of a report that is copied into one file; a larger one gets an index

#: Ranks up to which reports are gathered where nothing else is asked for.
GATHERED = 32


class ReportStream(Protocol):
    """One report of a run; all ranks call the same methods."""

    def add(self, rows: np.ndarray) -> None:
        """Take new samples of this rank."""

    def save(self) -> None:
        """Make durable what was taken."""

    def close(self) -> None:
        """Write the rest; the file gets its name."""

    def abort(self) -> None:
        """Leave nothing half-written."""


class GatheredReport:
    """Samples of all ranks go to rank 0, which writes one file."""

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
        most = FLUSH // (8 * max(1, exchange.broadcast(_widest(every))))
        self._limit = max(1, min(most, report.n_rows // PARTS))
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
            self.save()

    def save(self) -> None:
        """Write what all ranks hold."""
        parts = self.exchange.gather(np.concatenate(self._held) if self._held else None)
        n, self._held, self._n = self._n, [], 0
        if self._writer is not None and parts is not None and n:
            self._writer.write(self._next, np.concatenate(parts, axis=1)[:, self._order])
        self._next += n

    def close(self) -> None:
        """Write the rest; the file gets its name."""
        self.save()
        if self._writer is not None:
            self._writer.close()

    def abort(self) -> None:
        """Remove what was written."""
        if self._writer is not None:
            self._writer.abort()


class PieceReport:
    """Every rank writes its samples piece by piece; rank 0 makes one file of them in the end."""

    def __init__(
        self,
        report: Report,
        columns: Columns,
        network: SonataNetwork,
        plan: SimulationPlan,
        out: Path,
        exchange: Exchange,
        step: int = 0,
    ):
        """Start at a step; pieces from there on, of an earlier run, are removed."""
        self.exchange, self._plan = exchange, plan
        self.path = out / report.file_name
        span = (report.start, report.dt, report.n_rows)
        self._kind = Kind(*span, report.variable, report.unit)
        first = -(-step // columns.recording.steps(plan.run.dt))  # number of the first sample
        before = round(report.start / report.dt)  # samples before the first row
        self._skip, self._next = max(0, before - first), max(0, first - before)
        self._held: list[np.ndarray] = []
        self._order = np.argsort(columns.recording.gid, kind="stable")
        self._elements = elements_of(
            network.populations,
            columns.recording.gid[self._order],
            columns.section[self._order],
            columns.x[self._order],
        )
        if exchange.rank == 0:
            if step:
                remove_from(self.path, self._next)
            else:
                shutil.rmtree(self.path.parent / FOLDER / self.path.stem, ignore_errors=True)
        exchange.broadcast(None)

    def add(self, rows: np.ndarray) -> None:
        """Take new samples of this rank; write a piece when there are enough."""
        drop = min(self._skip, len(rows))
        self._skip -= drop
        self._held.append(rows[drop:])
        if sum(part.nbytes for part in self._held) >= PIECE:
            self.save()

    def save(self) -> None:
        """Write a piece."""
        if not self._held:
            return
        rows = np.concatenate(self._held)
        self._held = []
        own = rows[:, self._order]
        write_piece(self.path, self.exchange.rank, self._elements, self._kind, self._next, own)
        self._next += len(rows)

    def close(self) -> None:
        """Write the last piece; rank 0 makes the file."""
        self.save()
        self.exchange.gather(None)
        if self.exchange.rank == 0:
            size = sum(piece.stat().st_size for piece in pieces_of(self.path))
            assemble(self.path, size > COPIED, self._kind, self._plan.configuration)
            if size <= COPIED:
                remove_pieces(self.path)
        self.exchange.broadcast(None)

    def abort(self) -> None:
        """Whole pieces stay."""


def remove_pieces(report: Path) -> None:
    """Remove the pieces of a report of which a copy was made."""
    folder = report.parent / FOLDER
    shutil.rmtree(folder / report.stem, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _widest(every: list | None) -> int:
    return max(len(gid) for gid, _, _ in every) if every else 0
