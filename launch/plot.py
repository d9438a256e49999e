"""`distnet plot`: draw the spikes and reports in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from launch.errors import LaunchError


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    for picture in draw(args.folder, args.cells):
        print(picture)
    return 0


def draw(folder: Path, n_cells: int) -> list[Path]:
    """Draw every result in a folder.

    Args:
        folder: what `distnet run` left.
        n_cells: cells in the picture of a report.

    Returns:
        The pictures: raster.png and rates.png of the spikes, NAME.png of each report NAME.h5.

    Raises:
        LaunchError: there is nothing to draw.
    """
    from distnet.output import read_report, read_spikes
    from launch.figures import raster, rates, traces
    from launch.results import find_results

    spike_files, reports = find_results(folder)
    pictures = []
    for file in spike_files:
        spikes = read_spikes(file)
        suffix = f"_{file.stem}" if len(spike_files) > 1 else ""
        for figure, name in ((raster, "raster"), (rates, "rates")):
            pictures.append(folder / f"{name}{suffix}.png")
            figure(spikes, pictures[-1])
    for file in reports:
        tables = read_report(file)
        for name, table in tables.items():
            suffix = f"_{name}" if len(tables) > 1 else ""
            pictures.append(folder / f"{file.stem}{suffix}.png")
            traces(table, pictures[-1], n_cells)
    if not pictures:
        raise LaunchError(f"{folder}: holds no spikes and no report to draw")
    return pictures
