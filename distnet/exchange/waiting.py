"""The one place where a rank waits for others: poll, sleep, and give up after a limit.

A rank polls, so that signal handlers run and a limit can be kept. Where there are more ranks than
cores it sleeps between polls: a rank that spins keeps the one it waits for from running. After the
limit the ranks that wait hold a roll-call: each tells all others that it is waiting, listens for a
moment, and so knows who does not answer. The first of them says so, each prints the stacks of its
threads, and the job is aborted.
"""

from __future__ import annotations

import faulthandler
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NoReturn

from distnet.errors import InputError

#: Variable and default of the limit [s]; 0: wait for ever.
LIMIT, DEFAULT_LIMIT = "DISTNET_WATCHDOG", 600.0

#: Exit code of a job whose ranks waited too long.
STUCK = 124

POLLS = 20  # empty polls before the first sleep, where ranks share cores
PATIENT_POLLS = 20_000  # the same where each has a core
NAP, LONGEST_NAP = 20e-6, 1e-3  # [s]
ROLL_CALL = 1.0  # [s]


def read_limit() -> float:
    """The limit from the environment [s].

    Raises:
        InputError: it is not a number of seconds.
    """
    text = os.environ.get(LIMIT, "")
    try:
        limit = float(text) if text else DEFAULT_LIMIT
    except ValueError:
        limit = math.nan
    if not limit >= 0.0:
        raise InputError(LIMIT, f'"{text}" is not a number of seconds; 0 means no limit')
    return limit


class Waiting:
    """How this rank waits for the others of a communicator."""

    def __init__(self, communicator: Any, crowded: bool, limit: float | None = None):
        """Make the communicator of the roll-call.

        Args:
            communicator: of all ranks; every rank calls this.
            crowded: whether this machine has fewer cores than ranks.
            limit: [s]; by default that of the environment.
        """
        self._comm = communicator.Dup()
        self.limit = read_limit() if limit is None else limit
        self._polls = POLLS if crowded else PATIENT_POLLS
        self._nap = NAP
        self.seconds = 0.0  # spent here

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Poll `done` until it is true; `what` is awaited, for the message."""
        begin = time.perf_counter()
        if not self._poll(done):
            self._doze(done, what)
        self.seconds += time.perf_counter() - begin

    def _poll(self, done: Callable[[], bool]) -> bool:
        return any(done() for _ in range(self._polls))

    def _doze(self, done: Callable[[], bool], what: str) -> None:
        begin = time.monotonic()
        nap = self._nap
        while not done():
            time.sleep(nap)
            nap = min(nap * 1.05, LONGEST_NAP)
            if self.limit and time.monotonic() - begin > self.limit:
                self._give_up(what)

    def close(self) -> None:
        """Free the communicator."""
        self._comm.Free()

    def _give_up(self, what: str) -> NoReturn:
        rank = self._comm.Get_rank()
        waiting = self._roll_call()
        silent = sorted(set(range(self._comm.Get_size())) - waiting)
        text = f"distnet: stacks of rank {rank}:\n{stacks()}"
        if rank == min(waiting):
            names = ", ".join(map(str, silent)) or "none: all ranks are waiting"
            text = (
                f"distnet: rank {rank}: waited {self.limit:g} s for {what}; "
                f"ranks that do not answer: {names}\n{text}"
            )
        sys.stderr.flush()
        os.write(2, text.encode())  # in one piece: the launcher mixes the pieces of ranks
        # the launcher drops what it has not yet read when the job is aborted, and gives the code
        # of the first rank to abort
        time.sleep(0.25 if rank == min(waiting) else 3.0)
        self._comm.Abort(STUCK)
        os._exit(STUCK)

    def _roll_call(self) -> set[int]:
        rank, size = self._comm.Get_rank(), self._comm.Get_size()
        requests = [self._comm.isend(rank, other) for other in range(size) if other != rank]
        found = {rank}
        end = time.monotonic() + ROLL_CALL
        while time.monotonic() < end and len(found) < size:
            if self._comm.iprobe():
                found.add(self._comm.recv())
            else:
                time.sleep(1e-3)
        del requests
        return found


def stacks() -> str:
    """Where every thread of this process is."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read()
