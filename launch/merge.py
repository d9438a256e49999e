"""`distnet merge`: plain files of reports in pieces, and of the spikes of a killed run."""

from __future__ import annotations

import argparse
from pathlib import Path

from launch.errors import LaunchError


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    from distnet.output import spike_log
    from distnet.output.pieces import FOLDER, assemble
    from distnet.report_streams import remove_pieces

    folder: Path = args.folder
    if not folder.is_dir():
        raise LaunchError(f"{folder}: no such folder")
    found = sorted(path for path in folder.rglob(f"{FOLDER}/*") if path.is_dir())
    log = folder / spike_log.FOLDER
    if not found and not log.is_dir():
        raise LaunchError(f"{folder}: holds no report in pieces and no flushed spikes")
    for pieces in found:
        report = pieces.parent.parent / f"{pieces.name}.h5"
        n_rows = assemble(report, virtual=False)
        if not args.keep:
            remove_pieces(report)
        print(f"{report}: {n_rows:,} rows")
    if log.is_dir():
        merge_spikes(folder, log)
        if not args.keep:
            spike_log.remove_log(log)
    return 0


def merge_spikes(folder: Path, log: Path) -> None:
    """Make the file of spikes of a log."""
    import json

    from distnet.output import spike_log, write_spikes

    found = spike_log.read_log(log)
    path = folder / found.file_name
    populations, configuration = found.populations, json.loads(found.configuration)
    write_spikes(path, found.times, found.gids, populations, found.sort, configuration)
    print(f"{path}: {len(found.times):,} spikes, all before {found.until:g} ms")
