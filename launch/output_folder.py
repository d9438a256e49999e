"""A folder of results that appear only when all of them are whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from launch.errors import LaunchError

#: Folder of the log of spikes; see `distnet.output.spike_log`.
LOG = "flushed"


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
        """Remove what is unfinished, but for a log of spikes that holds some."""
        if not self._ours:
            return
        log = self.partial / LOG
        if not any(path.stat().st_size for path in log.glob("*.spikes")):
            shutil.rmtree(self.partial, ignore_errors=True)
            return
        for path in self.partial.iterdir():
            if path != log:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
