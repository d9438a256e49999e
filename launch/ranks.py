"""Ranks of an MPI job: start MPI only under a launcher, end every rank when one fails.

How a failure ends the job. A rank that fails opens a non-blocking barrier on a communicator kept
for this, and waits for a moment. If every rank arrives, all have failed (a wrong input, seen by
each): rank 0 prints one sentence and all leave in order. If not, the others are healthy and may
wait for this rank for ever, so it prints its own sentence and aborts the job.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, TypeVar

from launch.errors import LaunchError
from launch.messages import exit_code, report, sentence

T = TypeVar("T")

#: Variables that launchers give to each rank: rank -> number of ranks (None where they give none).
LAUNCHERS: dict[str, str | None] = {
    "PMI_RANK": "PMI_SIZE",  # MPICH, Intel MPI, srun --mpi=pmi2
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",  # Open MPI
    "PMIX_RANK": None,  # srun --mpi=pmix
    "MV2_COMM_WORLD_RANK": "MV2_COMM_WORLD_SIZE",  # MVAPICH
    "PALS_RANKID": None,  # Cray
    "FLUX_TASK_RANK": "FLUX_JOB_SIZE",
}

#: How long [s] a failed rank waits for the others to fail alike.
PATIENCE = 1.0

#: How long [s] the launcher is given to pass on what a rank printed: at an abort it drops the rest.
HEARD = 0.25


def launched() -> tuple[int, int | None] | None:
    """Rank and number of ranks by the launcher's word; None for a plain process."""
    for rank, size in LAUNCHERS.items():
        if os.environ.get(rank, "").isdigit():
            n = os.environ.get(size, "") if size else ""
            return int(os.environ[rank]), int(n) if n.isdigit() else None
    return None


class Ranks:
    """This process among the ranks of the job."""

    def __init__(self, comm: Any = None):
        self.comm = comm  # mpi4py.MPI.Intracomm, or None for a plain process
        self.rank: int = comm.rank if comm is not None else 0
        self.n: int = comm.size if comm is not None else 1
        self._failures = comm.Dup() if comm is not None else None

    def barrier(self) -> None:
        """Wait for every rank."""
        if self.comm is not None:
            self.comm.Barrier()

    def on_first(self, action: Callable[[], T]) -> T:
        """Do something on rank 0 alone; every rank gets its value.

        Raises:
            LaunchError: on the other ranks, when it failed on rank 0.
        """
        if self.comm is None:
            return action()
        if self.rank == 0:
            try:
                value = action()
            except Exception as problem:
                self.comm.bcast((None, sentence(problem)), root=0)
                raise
            return self.comm.bcast((value, None), root=0)[0]
        value, failure = self.comm.bcast(None, root=0)
        if failure is not None:
            raise LaunchError(failure)
        return value

    def library(self) -> str:
        """The MPI library that this process uses, in a few words; empty without MPI."""
        if self.comm is None:
            return ""
        from mpi4py import MPI

        first = MPI.Get_library_version().splitlines()[0]
        words = first.replace("\0", " ").replace(":", " ").replace(",", " ").split()
        return " ".join(words[:4])

    def on_node(self, value: T) -> tuple[int, list[T]]:
        """Which rank of this node this is, and the values of all ranks of this node."""
        if self.comm is None:
            return 0, [value]
        from mpi4py import MPI

        node = self.comm.Split_type(MPI.COMM_TYPE_SHARED, key=self.rank)
        try:
            return node.rank, node.allgather(value)
        finally:
            node.Free()

    def gather(self, value: T) -> list[T]:
        """The values of all ranks on rank 0; elsewhere nothing."""
        return [value] if self.comm is None else self.comm.gather(value, root=0) or []

    def fail(self, problem: BaseException) -> int:
        """Report a failure of this rank once; end the others if they have not failed too.

        Returns:
            The exit code, where every rank has failed.
        """
        code = exit_code(problem)
        if self.comm is None or self._all_failed():
            if self.rank == 0:
                report(problem)
            return code
        report(problem, where=f"rank {self.rank}: ")
        self.abort(code)

    def abort(self, code: int) -> NoReturn:
        """End every rank now."""
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(HEARD)
        self.comm.Abort(code)
        os._exit(code)

    def _all_failed(self) -> bool:
        """Whether every other rank fails within a moment."""
        request = self._failures.Ibarrier()  # type: ignore[union-attr]
        # A little later on higher ranks, so that the first one speaks for several.
        end = time.monotonic() + PATIENCE + 0.1 * min(self.rank, 10)
        while not request.Test():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True


def start() -> Ranks:
    """Join the job: initialise MPI if a launcher started this process.

    Raises:
        LaunchError: the launcher and the MPI library do not belong together.
    """
    found = launched()
    if found is None:
        return Ranks()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as problem:
        raise LaunchError(
            f"started as an MPI rank, but mpi4py cannot load an MPI library ({problem}); "
            "install mpich or name your library with MPI4PY_LIBMPI"
        ) from problem
    comm = MPI.COMM_WORLD
    if found[1] is not None and found[1] != comm.size:
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        raise LaunchError(
            f"the launcher started {found[1]} ranks but {library} sees {comm.size}: "
            "mpiexec and the MPI library that mpi4py loads must be of one kind"
        )
    return Ranks(comm)


def end_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    """Turn a signal into an ordinary exit, so that unfinished files are removed."""
    raise SystemExit(128 + number)


def run_on_ranks(body: Callable[[Ranks], None], cleanup: Callable[[], None]) -> int:
    """Run `body` on this rank; whatever it raises ends the whole job with one sentence.

    Args:
        body: the job, called with the ranks.
        cleanup: removes what is unfinished; called on a failure, on every rank that fails.

    Returns:
        The exit code.
    """
    signal.signal(signal.SIGTERM, end_on_signal)
    ranks = Ranks()
    try:
        ranks = start()
        body(ranks)
    except BaseException as problem:  # noqa: BLE001  (nothing may leave a rank behind)
        if isinstance(problem, SystemExit) and not problem.code and ranks.n == 1:
            return 0
        cleanup()
        return ranks.fail(problem)
    return 0
