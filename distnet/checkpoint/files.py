"""A checkpoint is a folder: a file of each rank, the rank of each gid, and a manifest.

All is written into a folder of a temporary name. Rank 0 writes the manifest, which holds the sizes
and checksums of the files of all ranks, when these are complete, and gives the folder its name. A
folder with its name is whole; older ones are then removed, but for the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distnet.checkpoint.capture import capture
from distnet.errors import InputError, SimulationError
from distnet.exchange import Exchange

if TYPE_CHECKING:
    from distnet.loop import Loop
    from distnet.simulation import Simulation

FORMAT = 1
PREFIX, MANIFEST, OWNERS = "checkpoint-", "manifest.json", "owners.npy"
KEPT = 2  # the newest ones
BUFFER = 1 << 20  # bytes


def identity(simulation: Simulation) -> dict[str, Any]:
    """What must be the same when a run goes on; mechanisms are compared where both have them."""
    settings = simulation.settings
    groups = simulation.lowered.block.mechanisms
    return {
        "number of cells": simulation.network.n_cells,
        "dt": settings.dt,
        "celsius": settings.celsius,
        "v_init": settings.v_init,
        "method": settings.method,
        "precision": settings.precision,
        "globals": sorted([*key, value] for key, value in settings.globals.items()),
        "mechanisms": {g.mechanism.name: g.mechanism.digest for g in groups},
    }


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(BUFFER):
            digest.update(data)
    return digest.hexdigest()


class Saving:
    """Where the checkpoints of a run are written, and how often."""

    def __init__(
        self,
        folder: Path,
        exchange: Exchange,
        every: float | None = None,
        on_save: Callable[[int], None] | None = None,
    ):
        """Make no folder yet.

        Args:
            folder: where the folder of each checkpoint appears.
            exchange: between ranks.
            every: [ms] from one to the next; without it only when a rank is asked to.
            on_save: called first with the step, on all ranks: makes other outputs durable.
        """
        self.folder, self.exchange, self.every = Path(folder), exchange, every
        self._on_save = on_save

    def save(self, loop: Loop) -> None:
        """Save the state at this step; all ranks call this.

        Raises:
            SimulationError: a file cannot be written.
        """
        if self._on_save is not None:
            self._on_save(loop.step)
        final = self.folder / f"{PREFIX}{loop.step:010d}"
        partial = self.folder / f".{final.name}.partial"
        exchange = self.exchange
        try:
            if exchange.rank == 0:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
            exchange.broadcast(None)
            path = partial / f"rank-{exchange.rank:06d}.npz"
            with path.open("wb") as file:
                np.savez(file, **capture(loop))  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            told = (loop.simulation.gids, path.stat().st_size, checksum(path))
            every = exchange.gather((*told, identity(loop.simulation)))
            if every is not None:
                self._finish(partial, final, loop.step, every)
            exchange.broadcast(None)
        except OSError as problem:
            raise SimulationError(f"{final}: cannot be written ({problem})") from problem

    def _finish(self, partial: Path, final: Path, step: int, every: list[tuple]) -> None:
        n_cells = every[0][3]["number of cells"]
        owners = np.full(n_cells, -1, np.int32)
        for rank, (gids, *_) in enumerate(every):
            owners[gids] = rank
        np.save(partial / OWNERS, owners)
        mechanisms = {k: v for *_, one in every for k, v in one["mechanisms"].items()}
        manifest = {
            "format": FORMAT,
            "step": step,
            "identity": {**every[0][3], "mechanisms": mechanisms},
            "files": [[size, digest] for _, size, digest, _ in every],
            "owners": checksum(partial / OWNERS),
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        for old in sorted(self.folder.glob(f"{PREFIX}*"))[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path:
    """The newest whole checkpoint in a folder, or the folder itself if it is one.

    Raises:
        InputError: there is none.
    """
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        return folder
    found = sorted(path for path in folder.glob(f"{PREFIX}*") if (path / MANIFEST).is_file())
    if not found:
        raise InputError(folder, "holds no checkpoint")
    return found[-1]


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint, to be read."""

    folder: Path
    step: int
    identity: Mapping[str, Any]
    files: tuple[tuple[int, str], ...]  # size and checksum of each rank's
    owners: np.ndarray  # (n_cells,) i4, -1 for a spike train

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Read the manifest.

        Raises:
            InputError: it is damaged, or of another format.
        """
        folder = latest_checkpoint(path)
        try:
            content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            form = content["format"]
            files = tuple((int(size), str(digest)) for size, digest in content["files"])
            step, same, check = int(content["step"]), content["identity"], content["owners"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise InputError(folder / MANIFEST, f"is damaged ({problem})") from problem
        if form != FORMAT:
            raise InputError(folder / MANIFEST, f"has the format {form}; {FORMAT} is needed")
        _check_file(folder / OWNERS, None, check)
        return cls(folder, step, same, files, np.load(folder / OWNERS))

    def check(self, simulation: Simulation) -> None:
        """Check that it is of this simulation.

        Raises:
            InputError: it is not.
        """
        now = identity(simulation)
        for key, value in now.items():
            then = self.identity.get(key)
            if key == "mechanisms":
                for name, digest in value.items():
                    if then is not None and then.get(name, digest) != digest:
                        raise InputError(self.folder, f"mechanism {name} was another one then")
            elif json.dumps(then) != json.dumps(value):
                raise InputError(self.folder, f"{key} was {then} then and is {value} now")

    def ranks_of(self, gids: np.ndarray) -> list[int]:
        """Ranks that wrote some gids.

        Raises:
            InputError: a gid was not saved.
        """
        ranks = np.unique(self.owners[gids])
        if (ranks < 0).any():
            gid = int(gids[np.argmax(self.owners[gids] < 0)])
            raise InputError(self.folder, f"gid {gid} was not saved")
        return ranks.tolist()

    def read(self, rank: int) -> dict[str, np.ndarray]:
        """What a rank saved.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / f"rank-{rank:06d}.npz"
        _check_file(path, *self.files[rank])
        try:
            with np.load(path, allow_pickle=False) as content:
                return {name: content[name] for name in content.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
            raise InputError(path, f"is damaged ({problem})") from problem


def _check_file(path: Path, size: int | None, digest: str) -> None:
    if not path.is_file():
        raise InputError(path, "is missing from the checkpoint")
    found = path.stat().st_size
    if size is not None and found != size:
        raise InputError(path, f"has {found} bytes; the manifest says {size}")
    if checksum(path) != digest:
        raise InputError(path, "is damaged: its checksum is not that of the manifest")
