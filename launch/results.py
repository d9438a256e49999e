"""What a folder of results holds."""

from __future__ import annotations

from pathlib import Path

import h5py

from launch.errors import LaunchError


def find_results(folder: Path) -> tuple[list[Path], list[Path]]:
    """The HDF5 files in a folder that hold spikes, and those that hold a report.

    Raises:
        LaunchError: the folder is missing, or a file is not HDF5.
    """
    if not folder.is_dir():
        raise LaunchError(f"{folder}: no such folder")
    spikes, reports = [], []
    for path in sorted(folder.glob("*.h5")):
        try:
            with h5py.File(path) as file:
                groups = set(file)
        except OSError as problem:
            raise LaunchError(f"{path}: is not a whole HDF5 file") from problem
        if "spikes" in groups:
            spikes.append(path)
        if "report" in groups:
            reports.append(path)
    return spikes, reports
