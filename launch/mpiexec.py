"""Find mpiexec and start this Python on several ranks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: What lets a small job run more ranks than cores, as any user (MPICH, Open MPI, Intel MPI).
SMALL_JOB = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # Open MPI 4
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # Open MPI 5
    "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",
    "MPIR_CVAR_CH4_PROGRESS_THROTTLE_NO_PROGRESS_COUNT": "64",
    "I_MPI_THREAD_YIELD": "3",
}


def find_mpiexec() -> str | None:
    """The mpiexec of this Python's environment (an MPI from a wheel), else the one on the PATH."""
    folder = Path(sys.executable).parent
    for name in ("mpiexec.hydra", "mpiexec"):  # Intel's plain mpiexec needs the folder on the PATH
        if (folder / name).is_file():
            return str(folder / name)
    return shutil.which("mpiexec")


def mpi_command(mpiexec: str, n_ranks: int, arguments: Sequence[str]) -> list[str]:
    """The command line that runs this Python with `arguments` on `n_ranks` ranks."""
    return [mpiexec, "-n", str(n_ranks), sys.executable, *arguments]


def small_job_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with `SMALL_JOB`, where the user has not set it otherwise."""
    return {**SMALL_JOB, **os.environ, **(extra or {})}
