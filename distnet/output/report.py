"""Writing a compartment report: /report/<population>/data and its mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from distnet.errors import SimulationError
from distnet.output.hdf5 import create, discard, finish, store_configuration
from distnet.output.populations import Population, by_population


@dataclass(frozen=True)
class Elements:
    """What the columns of one population's report are: the places of node 0, of node 1, ..."""

    population: str
    node_ids: np.ndarray  # (n_node,) i8, ascending
    index_pointers: np.ndarray  # (n_node + 1,) i8, columns of each node
    element_ids: np.ndarray  # (n,) i8, section
    element_pos: np.ndarray  # (n,) f8, normalised distance along the section


def elements_of(
    populations: Sequence[Population], gids: np.ndarray, sections: np.ndarray, x: np.ndarray
) -> list[Elements]:
    """Describe the columns of a report.

    Args:
        populations: where the gids live, in order of gid.
        gids: (n,) gid of each column, ascending; those of one gid are in their final order.
        sections: (n,) section of each column.
        x: (n,) normalised distance along the section of each column.
    """
    found = []
    for population, places, node_ids in by_population(gids, populations):
        if len(places) == 0:
            continue
        unique, first = np.unique(node_ids, return_index=True)
        order = np.argsort(first)
        pointers = np.append(first[order], len(places))
        found.append(
            Elements(
                population.name,
                unique[order],
                pointers,
                np.asarray(sections, dtype=np.int64)[places],
                np.asarray(x, dtype=np.float64)[places],
            )
        )
    return found


class ReportWriter:
    """Writes a report piece by piece; the file appears when it is closed, whole.

    Row k is the state at the time `start + k * dt`, in float32. Used as a context manager it is
    closed at the end of the block, or aborted if the block raises.
    """

    def __init__(
        self,
        path: Path,
        elements: Sequence[Elements],
        start: float,
        stop: float,
        dt: float,
        variable: str,
        unit: str,
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        """Create the file.

        Args:
            path: file to write.
            elements: the columns, population by population.
            start: time of the first row [ms].
            stop: end of the report [ms]; the last row is before it.
            dt: time from row to row [ms].
            variable: what is reported, e.g. "v".
            unit: its unit, e.g. "mV".
            configuration: what to store as /configuration.

        Raises:
            SimulationError: the file cannot be written.
        """
        self.path = Path(path)
        self.n_rows = count_rows(start, stop, dt)
        self.n_columns = sum(len(e.element_ids) for e in elements)
        self._written = np.zeros(self.n_rows, dtype=bool)
        self._file = create(self.path)
        try:
            self._data = [self._add(e, (start, stop, dt), variable, unit) for e in elements]
            store_configuration(self._file, configuration)
        except BaseException:
            self.abort()
            raise

    def _add(
        self, elements: Elements, time: tuple[float, float, float], variable: str, unit: str
    ) -> h5py.Dataset:
        group = self._file.create_group(f"report/{elements.population}")
        shape = (self.n_rows, len(elements.element_ids))
        # libsonata reads no f8; what a killed run has not written is NaN
        data = group.create_dataset("data", shape=shape, dtype="f4", fillvalue=np.nan)
        add_mapping(group, data, elements, time, variable, unit)
        return data

    def write(self, first_row: int, rows: np.ndarray) -> None:
        """Write rows `first_row`, `first_row + 1`, ...

        Args:
            first_row: number of the first row.
            rows: (n, n_columns) f8; rows beyond the end of the report are dropped.

        Raises:
            SimulationError: the file cannot be written.
        """
        rows = np.asarray(rows)[: max(self.n_rows - first_row, 0)]
        last_row = first_row + len(rows)
        try:
            column = 0
            for data in self._data:
                n = data.shape[1]
                data[first_row:last_row] = rows[:, column : column + n]
                column += n
            self._file.flush()
        except OSError as problem:
            raise SimulationError(f"{self.path}: cannot be written ({problem})") from problem
        self._written[first_row:last_row] = True

    def close(self) -> None:
        """Give the file its name.

        Raises:
            SimulationError: a row was never written, or the file cannot be written.
        """
        if not self._written.all():
            self.abort()
            n_missing = np.count_nonzero(~self._written)
            raise SimulationError(
                f"{self.path}: {n_missing} of {self.n_rows} rows were not written, "
                f"the first is row {np.argmin(self._written)}"
            )
        finish(self._file, self.path)

    def abort(self) -> None:
        """Remove what was written."""
        discard(self._file, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def add_mapping(
    group: h5py.Group,
    data: h5py.Dataset,
    elements: Elements,
    time: tuple[float, float, float],
    variable: str,
    unit: str,
) -> None:
    """Describe the columns and the times (start, stop, dt [ms]) of a report's data."""
    data.attrs["variable"] = variable
    data.attrs["units"] = unit
    mapping = group.create_group("mapping")
    nodes = mapping.create_dataset("node_ids", data=elements.node_ids.astype(np.uint64))
    nodes.attrs["sorted"] = np.uint8(np.all(np.diff(elements.node_ids) > 0))
    # libsonata reads index_pointers, BMTK index_pointer.
    for name in ("index_pointers", "index_pointer"):
        mapping.create_dataset(name, data=elements.index_pointers.astype(np.uint64))
    mapping.create_dataset("element_ids", data=elements.element_ids.astype(np.uint32))
    mapping.create_dataset("element_pos", data=elements.element_pos)
    axis = mapping.create_dataset("time", data=np.array(time))
    axis.attrs["units"] = "ms"


def count_rows(start: float, stop: float, dt: float) -> int:
    """Number of times `start + k * dt` before `stop`, k = 0, 1, ...

    >>> count_rows(0.0, 500.0, 0.1)
    5000
    """
    return max(int(np.ceil((stop - start) / dt - 1e-6)), 0)
