"""`distnet merge`: one plain file of every report that is in pieces."""

from __future__ import annotations

import argparse
from pathlib import Path

from launch.errors import LaunchError


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    from distnet.output.pieces import FOLDER, assemble
    from distnet.report_streams import remove_pieces

    folder: Path = args.folder
    if not folder.is_dir():
        raise LaunchError(f"{folder}: no such folder")
    found = sorted(path for path in folder.rglob(f"{FOLDER}/*") if path.is_dir())
    if not found:
        raise LaunchError(f"{folder}: holds no report in pieces")
    for pieces in found:
        report = pieces.parent.parent / f"{pieces.name}.h5"
        n_rows = assemble(report, virtual=False)
        if not args.keep:
            remove_pieces(report)
        print(f"{report}: {n_rows:,} rows")
    return 0
