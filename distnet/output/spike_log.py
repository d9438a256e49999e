"""Spikes while a run goes on: a file of each rank to which they are appended now and then.

A log is a folder. Rank 0 writes what does not change into `log.h5`; every rank appends records to a
file of its own, and after them the time up to which it has written: gid -1. A record that was cut
short by the end of its rank is the last one, and is left out. So what was written stays readable
whatever happens to a rank; all spikes are known up to the earliest last time of all ranks.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distnet.errors import InputError, SimulationError
from distnet.output.hdf5 import reading, text, writing
from distnet.output.populations import Population

#: Folder of the log, beside the file that is made of it in the end.
FOLDER = "flushed"
FIXED, SUFFIX = "log.h5", ".spikes"

RECORD = np.dtype([("time", "<f8"), ("gid", "<i8")])  # [ms]; gid -1: all up to this time is here


@dataclass(frozen=True)
class Logged:
    """What a log holds."""

    until: float  # [ms]: all spikes before this time are here
    times: np.ndarray  # (n,) f8 [ms], those before `until`
    gids: np.ndarray  # (n,) i8
    populations: list[Population]
    file_name: str  # of the file of spikes
    sort: str
    configuration: str  # JSON


def start_log(
    folder: Path,
    n_ranks: int,
    populations: Sequence[Population],
    file_name: str,
    sort: str,
    configuration: Mapping[str, Any],
) -> None:
    """Make an empty log; rank 0 does, before any rank opens its file.

    Raises:
        SimulationError: the folder cannot be written.
    """
    import json

    shutil.rmtree(folder, ignore_errors=True)
    with writing(folder / FIXED) as file:
        file.attrs.update(n_ranks=n_ranks, file_name=file_name, sort=sort)
        file.attrs["configuration"] = json.dumps(configuration, default=str)
        for population in populations:
            group = file.create_group(f"populations/{population.name}")
            group.attrs["first"] = population.first
            group["node_ids"] = population.node_ids


class SpikeLog:
    """The file of one rank; there is none before something is written."""

    def __init__(self, folder: Path, rank: int, every: float):
        """Begin to hold spikes.

        Args:
            folder: of the log; `start_log` made it.
            rank: this one.
            every: wall time between writing [s].
        """
        self.path = folder / f"{rank:06d}{SUFFIX}"
        self.every = every
        self._held: list[np.ndarray] = []
        self._last = time.monotonic()
        self._file: io.FileIO | None = None

    def add(self, now: float, times: np.ndarray, gids: np.ndarray) -> None:
        """Take the spikes of an epoch that ended at `now` [ms]; write when it is time."""
        if len(times):
            records = np.empty(len(times), RECORD)
            records["time"], records["gid"] = times, gids
            self._held.append(records)
        if time.monotonic() - self._last >= self.every:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Write what is held, and that all up to `now` [ms] is there.

        Raises:
            SimulationError: the file cannot be written.
        """
        held = np.concatenate([*self._held, np.array([(now, -1)], RECORD)])
        self._held = []
        rest = memoryview(held.tobytes())
        try:
            if self._file is None:
                self._file = io.FileIO(self.path, "w")
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as problem:
            raise SimulationError(f"{self.path}: cannot be written ({problem})") from problem
        self._last = time.monotonic()

    def close(self) -> None:
        """Close the file; what is held is not written."""
        if self._file is not None:
            self._file.close()


def read_log(folder: Path) -> Logged:
    """What ranks have written, also where they were killed.

    Raises:
        InputError: there is no log, or it cannot be read.
    """
    with reading(folder / FIXED) as file:
        attrs = {name: file.attrs[name] for name in file.attrs}
        found = [
            Population(name, int(group.attrs["first"]), group["node_ids"][()])
            for name, group in file.get("populations", {}).items()
        ]
    parts, until = [np.zeros(0, RECORD)], np.inf
    for rank in range(int(attrs["n_ranks"])):
        path = folder / f"{rank:06d}{SUFFIX}"
        try:
            data = path.read_bytes() if path.exists() else b""
        except OSError as problem:
            raise InputError(path, f"cannot be read ({problem})") from None
        records = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
        marks = records["time"][records["gid"] < 0]
        until = min(until, float(marks.max(initial=0.0)))
        parts.append(records[records["gid"] >= 0])
    spikes = np.concatenate(parts)
    spikes = spikes[spikes["time"] < until]
    return Logged(
        until,
        spikes["time"].copy(),
        spikes["gid"].copy(),
        sorted(found, key=lambda one: one.first),
        text(attrs["file_name"]),
        text(attrs["sort"]),
        text(attrs["configuration"]),
    )


def remove_log(folder: Path) -> None:
    """Remove a log of which a file was made."""
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["FOLDER", "Logged", "SpikeLog", "read_log", "remove_log", "start_log"]
