"""Files that are named on the command line."""

from __future__ import annotations

from pathlib import Path

from launch.errors import LaunchError


def require_file(path: Path) -> None:
    """Check that a file named on the command line is there.

    Raises:
        LaunchError: it is not.
    """
    if not path.is_file():
        raise LaunchError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
