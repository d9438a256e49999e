"""What the user is told when something fails: one sentence."""

from __future__ import annotations

import os
import sys
import traceback

#: Modules whose exceptions are raised on purpose and already say where and what.
SPEAKING = ("distnet.errors", "kernels.errors", "partition.errors", "launch.errors")


def debugging() -> bool:
    """Whether the user asked for tracebacks with DISTNET_DEBUG=1."""
    return os.environ.get("DISTNET_DEBUG", "0") not in ("", "0")


def sentence(problem: BaseException) -> str:
    """One line for any exception."""
    text = " ".join(str(problem).split())
    if any(base.__module__ in SPEAKING for base in type(problem).__mro__):
        return text
    if isinstance(problem, KeyboardInterrupt):
        return "interrupted"
    if isinstance(problem, MemoryError):
        return f"out of memory: {text}" if text else "out of memory"
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror or text}"
    if isinstance(problem, SystemExit):
        return f"ended with exit code {problem.code}"
    return (
        f"internal error: {type(problem).__name__}: {text} "
        "(set DISTNET_DEBUG=1 to see where it was raised)"
    )


def exit_code(problem: BaseException) -> int:
    """The exit code for an exception: 1, or what the exception itself asks for."""
    if isinstance(problem, KeyboardInterrupt):
        return 130
    if isinstance(problem, SystemExit) and isinstance(problem.code, int) and problem.code:
        return problem.code
    return 1


def report(problem: BaseException, where: str = "") -> None:
    """Print the sentence to stderr, after the traceback when debugging."""
    if debugging():
        traceback.print_exception(problem)
    print(f"distnet: {where}{sentence(problem)}", file=sys.stderr, flush=True)
