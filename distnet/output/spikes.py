"""Writing spikes: /spikes/<population>/{timestamps, node_ids}."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from distnet.errors import SimulationError
from distnet.output.hdf5 import store_configuration, temporary_name, writing
from distnet.output.populations import Population, by_population

#: SONATA's orders of spikes, with the values of its enumeration.
SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def write_spikes(
    path: Path,
    times: np.ndarray,
    gids: np.ndarray,
    populations: Sequence[Population],
    sort: str = "by_time",
    configuration: Mapping[str, Any] | None = None,
) -> None:
    """Write spikes as SONATA, readable by libsonata and BMTK.

    Args:
        path: file to write; it appears when it is whole.
        times: (n,) f8 [ms].
        gids: (n,) integers, the sources of the spikes.
        populations: those to write, also where they have no spike; other gids are left out.
        sort: a key of `SORTING`; equal times are in order of node id.
        configuration: what to store as /configuration.

    Raises:
        SimulationError: the file cannot be written.
    """
    times = np.asarray(times, dtype=np.float64)
    with writing(Path(path)) as file:
        root = file.create_group("spikes")
        for population, places, node_ids in by_population(gids, populations):
            order = spike_order(times[places], node_ids, sort)
            group = root.create_group(population.name)
            dtype = h5py.enum_dtype(SORTING, basetype="u1")
            group.attrs.create("sorting", SORTING[sort], dtype=dtype)
            stamps = group.create_dataset("timestamps", data=times[places][order])
            stamps.attrs["units"] = "ms"
            group.create_dataset("node_ids", data=node_ids[order].astype(np.uint64))
        store_configuration(file, configuration)


def write_spikes_csv(
    path: Path,
    times: np.ndarray,
    gids: np.ndarray,
    populations: Sequence[Population],
    sort: str = "by_time",
) -> None:
    """Write spikes as BMTK's table of timestamps, population and node_ids, separated by spaces.

    Arguments and errors are those of `write_spikes`.
    """
    path = Path(path)
    times = np.asarray(times, dtype=np.float64)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_name(path).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, delimiter=" ", lineterminator="\n")
            table.writerow(("timestamps", "population", "node_ids"))
            for population, places, node_ids in by_population(gids, populations):
                order = spike_order(times[places], node_ids, sort)
                for time, node_id in zip(times[places][order], node_ids[order], strict=True):
                    table.writerow((repr(float(time)), population.name, node_id))
        os.replace(temporary_name(path), path)
    except OSError as problem:
        temporary_name(path).unlink(missing_ok=True)
        raise SimulationError(f"{path}: cannot be written ({problem})") from problem


def spike_order(times: np.ndarray, node_ids: np.ndarray, sort: str) -> np.ndarray:
    """The permutation that sorts spikes, (n,) i8."""
    keys = {"by_time": (node_ids, times), "by_id": (times, node_ids)}
    return np.lexsort(keys[sort]) if sort in keys else np.arange(len(times))
