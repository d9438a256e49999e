"""Progress of a run on rank 0: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol

#: Plain lines come at every tenth of the run, but no more often than this [s].
PLAIN_EVERY = 1.0


class Progress(Protocol):
    """Called with (steps done, steps in all); used in a `with` block."""

    def __call__(self, step: int, n_steps: int) -> None: ...

    def say(self, text: str) -> None: ...

    def __enter__(self) -> Progress: ...

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None: ...


class Quiet:
    """Says nothing."""

    def __call__(self, step: int, n_steps: int) -> None:
        return

    def say(self, text: str) -> None:
        """Print a line."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


class Plain(Quiet):
    """A line for each tenth of the run."""

    def __init__(self, dt: float | None = None):
        self.dt = dt
        self._start = self._last = 0.0
        self._tenth = 0

    def __call__(self, step: int, n_steps: int) -> None:
        now = time.monotonic()
        if not self._start:
            self._start = self._last = now
        tenth = 10 * step // max(n_steps, 1)
        last = step >= n_steps
        if tenth <= self._tenth or (now - self._last < PLAIN_EVERY and not last):
            return
        self._tenth, self._last = tenth, now
        self.say(describe(step, n_steps, self.dt, now - self._start))

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)


class Live(Quiet):
    """A bar with simulated time, speed and time left."""

    def __init__(self, dt: float | None = None):
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self.dt = dt
        self._start = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=_console(),
        )
        self._task = self._bar.add_task("building", total=None, speed="")

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, step: int, n_steps: int) -> None:
        now = time.monotonic()
        self._start = self._start or now
        self._bar.update(
            self._task,
            completed=step,
            total=n_steps,
            description=simulated(step, n_steps, self.dt),
            speed=speed(step, self.dt, now - self._start),
        )


def simulated(step: int, n_steps: int, dt: float | None) -> str:
    """How far the run is, in ms where dt [ms] is known."""
    if dt is None:
        return f"step {step} of {n_steps}"
    return f"{step * dt:.1f} of {n_steps * dt:.1f} ms"


def speed(step: int, dt: float | None, seconds: float) -> str:
    """Speed against real time, e.g. '12x slower than real time'."""
    if dt is None or step == 0 or seconds <= 0:
        return ""
    ratio = step * dt / 1000 / seconds
    if ratio >= 1:
        return f"{ratio:.1f}x real time"
    return f"{1 / ratio:.0f}x slower than real time"


def describe(step: int, n_steps: int, dt: float | None, seconds: float) -> str:
    """One plain line of progress."""
    parts = [simulated(step, n_steps, dt), speed(step, dt, seconds)]
    if 0 < step < n_steps:
        parts.append(f"{seconds * (n_steps - step) / step:.0f} s left")
    elif step:
        parts.append(f"took {seconds:.1f} s")
    return ", ".join(part for part in parts if part)


def make_progress(quiet: bool, dt: float | None = None) -> Progress:
    """The progress display that fits where stderr goes.

    Args:
        quiet: say nothing (also on every rank but 0).
        dt: time step [ms], if known.
    """
    if quiet:
        return Quiet()
    return Live(dt) if _console().is_terminal else Plain(dt)


class Heard(logging.Handler):
    """Passes what the rooms log on to a progress display."""

    def __init__(self, progress: Progress):
        super().__init__(logging.INFO)
        self.progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self.progress.say(record.getMessage())


@contextmanager
def hearing(progress: Progress) -> Iterator[Progress]:
    """A display that shows what is logged under the name "distnet" while it is open."""
    logger, handler = logging.getLogger("distnet"), Heard(progress)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with progress:
            yield progress
    finally:
        logger.removeHandler(handler)


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)
