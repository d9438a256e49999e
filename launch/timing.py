"""How long a run took: measured on rank 0, left beside its results."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from launch.errors import LaunchError

#: Name of the file.
TIMING = "timing.json"


@dataclass(frozen=True)
class Timing:
    """One run."""

    ranks: int
    steps: int  # of the loop that were timed
    setup_seconds: float  # from the start to the end of the first epoch, compiling included
    loop_seconds: float  # from then to the last epoch's end

    @property
    def seconds_per_step(self) -> float:
        """Of the loop."""
        return self.loop_seconds / max(self.steps, 1)


class Stopwatch:
    """A progress callback that notes when epochs end."""

    def __init__(self) -> None:
        self._begin = self._first = self._last = time.perf_counter()
        self._steps: tuple[int, int] | None = None

    def __call__(self, step: int, n_steps: int) -> None:
        """Called after each epoch with the step reached and the last step."""
        self._last = time.perf_counter()
        if self._steps is None:
            self._first = self._last
            self._steps = (step, step)
        self._steps = (self._steps[0], step)

    def timing(self, ranks: int) -> Timing:
        """What was noted."""
        first, last = self._steps or (0, 0)
        return Timing(ranks, last - first, self._first - self._begin, self._last - self._first)


def write_timing(folder: Path, timing: Timing) -> None:
    """Leave the timing in a folder of results."""
    (folder / TIMING).write_text(json.dumps(asdict(timing), indent=1) + "\n", "utf-8")


def read_timing(path: Path) -> Timing:
    """Read what `write_timing` left.

    Raises:
        LaunchError: it is something else.
    """
    names = [field.name for field in fields(Timing)]
    try:
        content = json.loads(path.read_text("utf-8"))
        return Timing(**{name: content[name] for name in names})
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise LaunchError(f"{path}: holds no timing of a run ({problem})") from None
