"""A folder of results that appear only when all of them are whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from launch.errors import LaunchError


class OutputFolder:
    """Files are written into `partial`, a hidden folder beside the final one, and moved at the end.

    Args:
        final: where the results shall appear.
        overwrite: whether results of an earlier run there may be replaced.
    """

    def __init__(self, final: Path, overwrite: bool = False):
        self.final = final
        self.partial = final.absolute().parent / f".{final.absolute().name}.partial"
        self.overwrite = overwrite
        self._ours = False

    def prepare(self) -> None:
        """Make the partial folder, empty.

        Raises:
            LaunchError: the final folder is a file, or holds results that may not be replaced.
        """
        if self.final.exists() and not self.final.is_dir():
            raise LaunchError(f"{self.final}: is a file; the output needs a folder")
        earlier = sorted(path.name for path in self.final.glob("*.h5"))
        if earlier and not self.overwrite:
            raise LaunchError(
                f"{self.final}: holds {earlier[0]} of an earlier run; "
                "choose another folder or give --overwrite"
            )
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)

    def own(self) -> None:
        """From here on `discard` removes the partial folder: it is this job's."""
        self._ours = True

    def commit(self) -> list[Path]:
        """Move every file to its place.

        Returns:
            The files, in their places, sorted by name.
        """
        files = sorted(path for path in self.partial.rglob("*") if path.is_file())
        placed = []
        for path in files:
            place = self.final / path.relative_to(self.partial)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)
            placed.append(place)
        self.discard()
        return placed

    def discard(self) -> None:
        """Remove what is unfinished."""
        if self._ours:
            shutil.rmtree(self.partial, ignore_errors=True)
