"""Saving the state of a run, when asked to by a signal or a clock, and going on from it."""

from __future__ import annotations

import argparse
import shutil
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from launch.errors import LaunchError

if TYPE_CHECKING:
    from distnet.control import Control

#: Exit code of a run that saved its state before its end.
GO_ON = 75

#: What makes a run save its state and leave: SLURM's notice before the limit, and pre-emption.
SIGNALS = (signal.SIGUSR1, signal.SIGTERM)


def saves(args: argparse.Namespace) -> bool:
    """Whether this run saves its state."""
    return args.resume or args.checkpoint_every is not None


def require_fresh(args: argparse.Namespace, folder: Path) -> None:
    """Check that no earlier run that can go on is lost unasked; asked, remove its checkpoints.

    Raises:
        LaunchError: the folder holds checkpoints.
    """
    if args.resume or not any(folder.glob("checkpoints/checkpoint-*")):
        return
    if args.overwrite:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return
    raise LaunchError(
        f"{folder}: holds checkpoints of an earlier run; give --resume to go on with it, or "
        "--overwrite to begin anew"
    )


class Listener:
    """Turns signals into wishes to stop, from the first epoch on; a second one ends at once."""

    def __init__(self, control: Control):
        self.control = control
        self._listens = False

    def __call__(self) -> None:
        """Listen from now on."""
        if self._listens:
            return
        self._listens = True
        for number in SIGNALS:
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        from distnet.control import STOP

        if self.control.asked:
            raise SystemExit(128 + number)
        self.control.request(STOP)
