"""Reading spikes and reports of SONATA's layout, ours or another tool's.

With h5py: libsonata reads neither compressed spikes nor reports with BMTK's `index_pointer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from distnet.errors import InputError
from distnet.output.hdf5 import reading, text

#: Milliseconds in a unit of time.
TIME_UNITS = {
    "": 1.0,
    "ms": 1.0,
    "millisecond": 1.0,
    "milliseconds": 1.0,
    "s": 1000.0,
    "second": 1000.0,
    "seconds": 1000.0,
}


@dataclass(frozen=True)
class SpikeTable:
    """Spikes of one population."""

    population: str
    times: np.ndarray  # (n,) f8 [ms], as stored
    node_ids: np.ndarray  # (n,) i8


@dataclass(frozen=True)
class ReportTable:
    """A report of one population; row k is the state at times[k]."""

    population: str
    variable: str
    unit: str
    times: np.ndarray  # (n_rows,) f8 [ms]
    node_ids: np.ndarray  # (n_node,) i8
    index_pointers: np.ndarray  # (n_node + 1,) i8, columns of each node
    element_ids: np.ndarray  # (n,) i8, section
    element_pos: np.ndarray  # (n,) f8
    data: np.ndarray  # (n_rows, n) f8

    def of(self, node_id: int) -> np.ndarray:
        """The columns of one node, (n_rows, k) f8.

        Raises:
            KeyError: the node is not in the report.
        """
        place = np.flatnonzero(self.node_ids == node_id)
        if len(place) == 0:
            raise KeyError(node_id)
        return self.data[:, self.index_pointers[place[0]] : self.index_pointers[place[0] + 1]]


def read_spikes(path: Path, where: object = None) -> dict[str, SpikeTable]:
    """Read all spikes of a file.

    Args:
        path: file with /spikes/<population>/{timestamps, node_ids}, compressed or not.
        where: what names the file, for messages.

    Raises:
        InputError: the file is missing or of another layout.
    """
    path = Path(path)
    with reading(path, where) as file:
        root = file.get("spikes")
        if not isinstance(root, h5py.Group):
            raise InputError(path, "has no group /spikes")
        return {
            name: read_population_spikes(path, name, group)
            for name, group in root.items()
            if isinstance(group, h5py.Group)
        }


def read_population_spikes(path: Path, name: str, group: h5py.Group) -> SpikeTable:
    """Read /spikes/<name>."""
    for dataset in ("timestamps", "node_ids"):
        if dataset not in group:
            raise InputError(path, f'population "{name}" has no dataset "{dataset}"')
    times, node_ids = group["timestamps"], group["node_ids"]
    if times.shape != node_ids.shape:
        raise InputError(
            path,
            f'population "{name}" has {times.size} timestamps but {node_ids.size} node_ids',
        )
    unit = text(times.attrs.get("units"))
    if unit not in TIME_UNITS:
        allowed = ", ".join(filter(None, TIME_UNITS))
        raise InputError(path, f'the unit of time "{unit}" is not one of {allowed}')
    return SpikeTable(
        name, times[()].astype(np.float64) * TIME_UNITS[unit], node_ids[()].astype(np.int64)
    )


def read_report(path: Path) -> dict[str, ReportTable]:
    """Read a whole compartment report.

    Args:
        path: file with /report/<population>/{data, mapping}.

    Raises:
        InputError: the file is missing or of another layout.
    """
    path = Path(path)
    with reading(path) as file:
        root = file.get("report")
        if not isinstance(root, h5py.Group):
            raise InputError(path, "has no group /report")
        return {name: read_population_report(path, name, g) for name, g in root.items()}


def read_population_report(path: Path, name: str, group: h5py.Group) -> ReportTable:
    """Read /report/<name>."""
    mapping = group.get("mapping", {})
    pointers = next((p for p in ("index_pointers", "index_pointer") if p in mapping), None)
    needed = ("node_ids", "element_ids", "element_pos", "time")
    if "data" not in group or pointers is None or any(n not in mapping for n in needed):
        raise InputError(
            path,
            f'the report of population "{name}" needs the datasets data, mapping/index_pointers, '
            f"{', '.join('mapping/' + n for n in needed)}",
        )
    data = group["data"]
    start, _, dt = mapping["time"][()]
    return ReportTable(
        population=name,
        variable=text(data.attrs.get("variable")),
        unit=text(data.attrs.get("units")),
        times=start + dt * np.arange(data.shape[0]),
        node_ids=mapping["node_ids"][()].astype(np.int64),
        index_pointers=mapping[pointers][()].astype(np.int64),
        element_ids=mapping["element_ids"][()].astype(np.int64),
        element_pos=mapping["element_pos"][()].astype(np.float64),
        data=data[()].astype(np.float64),
    )
