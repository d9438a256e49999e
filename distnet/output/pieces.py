"""A report in pieces: whole files of some rows of some columns, and one file made of them.

A rank writes the samples that it holds as a piece of its own, a small SONATA report that appears
under its name when it is whole; so what was written stays readable whatever happens to the job.
Names say the first row and the rank. One file is made of the pieces in the end: an index of virtual
datasets that refer to them, or a plain copy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from distnet.errors import InputError, SimulationError
from distnet.output.hdf5 import reading, writing
from distnet.output.report import Elements, ReportWriter, add_mapping

#: Folder of the pieces of all reports, beside the files that are made of them.
FOLDER = "pieces"

ROWS = 1 << 23  # values that are copied at a time


@dataclass(frozen=True)
class Kind:
    """What a report says, the same in all its pieces."""

    start: float  # [ms]
    dt: float  # [ms]
    n_rows: int  # when it is complete
    variable: str
    unit: str


def piece_name(report: Path, first_row: int, rank: int) -> Path:
    """Where a piece of `report` is: in the folder `pieces` beside it."""
    return report.parent / FOLDER / report.stem / f"{first_row:010d}-{rank:06d}.h5"


def pieces_of(report: Path) -> list[Path]:
    """All whole pieces of a report, by row, then rank."""
    return sorted((report.parent / FOLDER / report.stem).glob("[0-9]*-[0-9]*.h5"))


def first_row_of(piece: Path) -> int:
    """The row in a piece's name."""
    return int(piece.name.split("-")[0])


def write_piece(
    report: Path,
    rank: int,
    elements: Sequence[Elements],
    kind: Kind,
    first_row: int,
    rows: np.ndarray,
) -> None:
    """Write some rows of this rank's columns.

    Args:
        report: the file that will be made of the pieces.
        rank: this one.
        elements: the columns.
        kind: of the report.
        first_row: number of the first row.
        rows: (n, n_columns) f8.

    Raises:
        SimulationError: the file cannot be written.
    """
    rows = rows[: max(kind.n_rows - first_row, 0)]
    if not len(rows) or not rows.shape[1]:
        return
    begin = kind.start + first_row * kind.dt
    end = kind.start + (first_row + len(rows)) * kind.dt
    path = piece_name(report, first_row, rank)
    with ReportWriter(path, elements, begin, end, kind.dt, kind.variable, kind.unit) as writer:
        writer.write(0, rows)


@dataclass(frozen=True)
class _Part:
    """One population of one piece."""

    path: Path
    first_row: int
    n_rows: int
    elements: Elements


def assemble(
    report: Path,
    virtual: bool,
    kind: Kind | None = None,
    configuration: Mapping[str, Any] | None = None,
) -> int:
    """Make one file of the pieces of a report.

    Args:
        report: the file to make; its pieces are in the folder `pieces` beside it.
        virtual: an index that refers to the pieces, which then must stay; else a copy.
        kind: of the report; by default that of the pieces, up to their last row.
        configuration: what to store as /configuration.

    Returns:
        Number of rows.

    Raises:
        InputError: there is no piece, or one cannot be read.
        SimulationError: the file cannot be written.
    """
    paths = pieces_of(report)
    if not paths:
        raise InputError(report, f"there are no pieces of it in {report.parent / FOLDER}")
    found, parts = _survey(paths)
    kind = kind or found
    with writing(report) as file:
        for name in sorted({part.elements.population for part in parts}):
            mine = [part for part in parts if part.elements.population == name]
            _join(file, report.parent, mine, kind, virtual)
        if configuration is not None:
            from distnet.output.hdf5 import store_configuration

            store_configuration(file, configuration)
    return kind.n_rows


def _survey(paths: Sequence[Path]) -> tuple[Kind, list[_Part]]:
    parts: list[_Part] = []
    kinds: list[Kind] = []
    for path in paths:
        first = first_row_of(path)
        with reading(path) as file:
            for name, group in file["report"].items():
                mapping = group["mapping"]
                begin, _, dt = mapping["time"][()]
                data = group["data"]
                texts = (str(data.attrs["variable"]), str(data.attrs["units"]))
                kinds.append(Kind(begin - first * dt, dt, first + data.shape[0], *texts))
                names = ("node_ids", "index_pointers", "element_ids", "element_pos")
                elements = Elements(name, *(mapping[n][()] for n in names))
                parts.append(_Part(path, first, data.shape[0], elements))
    last = max(kind.n_rows for kind in kinds)
    return replace(kinds[0], n_rows=last), parts


def _join(file: h5py.File, folder: Path, parts: Sequence[_Part], kind: Kind, virtual: bool) -> None:
    """One population of all pieces."""
    elements = _union([part.elements for part in parts])
    n_columns = len(elements.element_ids)
    group = file.create_group(f"report/{elements.population}")
    shape = (kind.n_rows, n_columns)
    if virtual:
        layout = h5py.VirtualLayout(shape, dtype="f4")
        for part in parts:
            source = h5py.VirtualSource(
                os.path.relpath(part.path, folder),
                f"report/{elements.population}/data",
                (part.n_rows, len(part.elements.element_ids)),
            )
            rows = slice(part.first_row, part.first_row + part.n_rows)
            for to, of in _runs(elements, part.elements):
                layout[rows, to] = source[:, of]
        data = group.create_virtual_dataset("data", layout, fillvalue=np.nan)
    else:
        data = group.create_dataset("data", shape, dtype="f4", fillvalue=np.nan)
        for part in parts:
            _copy(data, elements, part)
    time = (kind.start, kind.start + kind.n_rows * kind.dt, kind.dt)
    add_mapping(group, data, elements, time, kind.variable, kind.unit)


def _copy(data: h5py.Dataset, elements: Elements, part: _Part) -> None:
    with reading(part.path) as piece:
        source = piece[f"report/{elements.population}/data"]
        step = max(1, ROWS // max(1, source.shape[1]))
        for first in range(0, part.n_rows, step):
            rows = source[first : first + step]
            begin = part.first_row + first
            for to, of in _runs(elements, part.elements):
                data[begin : begin + len(rows), to] = rows[:, of]


def _union(all_elements: Sequence[Elements]) -> Elements:
    """The columns of all pieces, each node once, by node id."""
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for one in all_elements:
        for k, node in enumerate(one.node_ids.tolist()):
            if node not in found:
                here = slice(int(one.index_pointers[k]), int(one.index_pointers[k + 1]))
                found[node] = (one.element_ids[here], one.element_pos[here])
    nodes = sorted(found)
    size = [len(found[node][0]) for node in nodes]
    return Elements(
        all_elements[0].population,
        np.array(nodes, np.int64),
        np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        np.concatenate([found[node][0] for node in nodes]),
        np.concatenate([found[node][1] for node in nodes]),
    )


def _runs(whole: Elements, part: Elements) -> list[tuple[slice, slice]]:
    """Columns of the whole and of a piece, in runs of nodes that follow one another in both."""
    row = np.searchsorted(whole.node_ids, part.node_ids)
    begin = whole.index_pointers[row].astype(np.int64)
    ptr = part.index_pointers.astype(np.int64)
    size = np.diff(ptr)
    starts = np.flatnonzero(np.append(True, begin[1:] != begin[:-1] + size[:-1]))
    ends = np.append(starts[1:], len(size))
    runs = []
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        n = int(ptr[b] - ptr[a])
        first, own = int(begin[a]), int(ptr[a])
        runs.append((slice(first, first + n), slice(own, own + n)))
    return runs


def remove_from(report: Path, first_row: int) -> None:
    """Remove the pieces from a row on, left by a run that went on after its checkpoint.

    Raises:
        SimulationError: a piece holds rows on both sides.
    """
    for piece in pieces_of(report):
        first = first_row_of(piece)
        if first >= first_row:
            piece.unlink()
            continue
        with reading(piece) as file:
            last = max(first + group["data"].shape[0] for group in file["report"].values())
        if last > first_row:
            raise SimulationError(f"{piece}: holds rows {first} to {last}, beyond {first_row}")
