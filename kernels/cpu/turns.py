"""Who compiles what: the processes of a machine that miss the same program in the cache share it.

One process at a time may compile a program; the others wait, then load what it kept. The right is a
lock on a file beside the program's text, which the death of its holder releases.
"""

from __future__ import annotations

import fcntl
import logging
import os
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock

from kernels.jit import uncached

#: Told of what takes long.
LOG = logging.getLogger("distnet")


class Turn:
    """The right to compile one program; inside `with`, it can be taken, and is given back after.

    The compiler's own lock comes first: a thread never waits for it while it has a turn.
    """

    def __init__(self, name: str, path: Path):
        """Of the program of this name with its text in `path`."""
        self.name, self.path = name, path
        self._depth, self._handle = 0, -1
        self._told = False

    def __enter__(self) -> Turn:
        """Begin; nothing is taken yet."""
        global_compiler_lock.acquire()
        self._depth += 1
        return self

    def __exit__(self, *problem: object) -> None:
        """Give the turn back, if it was taken, once the outermost `with` ends."""
        self._depth -= 1
        if not self._depth and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        global_compiler_lock.release()

    def take(self, wait: bool = True) -> bool:
        """Take the turn; False if another process has it and there is no waiting."""
        if self._handle >= 0:
            return True
        try:
            handle = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:  # a folder that became read-only: each for itself
            return True
        if not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if not wait:
                os.close(handle)
                return False
            LOG.info("waiting for %s, which another process compiles", self.name)
            _lock(handle, fcntl.LOCK_EX)
        self._handle = handle
        return True

    def tell(self) -> None:
        """Say, once, that the program is being compiled."""
        if not self._told:
            LOG.info("compiling %s (once; kept in %s)", self.name, self.path.parent)
        self._told = True


def _lock(handle: int, how: int) -> bool:
    """False if another process has the lock; a file system without locks has none to wait for."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class _SharedCache(FunctionCache):
    """numba's cache of a function; a miss takes the turn of its program and looks again."""

    def __init__(self, function: types.FunctionType, turn: Turn):
        super().__init__(function)
        self.turn = turn

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Compiled code for these types, or None: then this process is to compile it."""
        found = super().load_overload(signature, target)
        if found is None:
            self.turn.take()
            found = super().load_overload(signature, target)
        if found is None:
            self.turn.tell()
        return found

    def is_cold(self) -> bool:
        """Whether nothing is kept of this function."""
        return not os.path.exists(os.path.join(self.cache_path, f"{self._impl.filename_base}.nbi"))


def shared(function: types.FunctionType, turn: Turn) -> Any:
    """The function, compiled at its first call or loaded; what is compiled is kept."""
    compiled = uncached(function)
    compiled._cache = _SharedCache(function, turn)
    compile_for = compiled.compile

    def compile_in_turn(signature: Any) -> Any:
        with turn:
            return compile_for(signature)

    compiled.compile = compile_in_turn
    return compiled


def compile_cold(wanted: Iterable[tuple[Any, tuple[Any, ...]]]) -> None:
    """Compile what is not in the cache, but for the programs that another process compiles now.

    Processes that start together so divide the work: each takes what nobody has yet.

    Args:
        wanted: functions of `shared` and the numba types of their arguments.
    """
    programs: dict[Turn, list[tuple[Any, tuple[Any, ...]]]] = {}
    for function, signature in wanted:
        if function._cache.is_cold():
            programs.setdefault(function._cache.turn, []).append((function, signature))
    for turn, functions in programs.items():
        with turn:
            if turn.take(wait=False):
                for function, signature in functions:
                    function.compile(signature)
