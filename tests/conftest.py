"""Fixtures that the rooms' tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import kernels.jit  # noqa: F401  (before any other decorator of numba)
from launch.mpiexec import SMALL_JOB, find_mpiexec, mpi_command
from launch.threads import ONE_THREAD

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real circuits, from DISTNET_ASSETS or ../shared/assets."""
    folder = Path(os.environ.get("DISTNET_ASSETS", ROOT.parent / "shared" / "assets"))
    if not folder.is_dir():
        reason = f"no real circuits: {folder} is not a folder (set DISTNET_ASSETS)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def cxx() -> str:
    """The C++ compiler, for the CUDA text on the CPU and for NEURON's mechanisms."""
    from kernels.cuda.host import compiler

    found = compiler()
    if found is None:
        reason = "no C++ compiler (g++, c++ or CXX)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(params=["reference", "cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that computes, in turn."""
    if request.param == "cuda":
        require_gpu()
    return request.param


@pytest.fixture
def engine(backend: str) -> Callable[[Any], Any]:
    """`engine(block)` makes the engine of each backend that computes, in turn."""
    from kernels import make_engine

    return lambda block: make_engine(block, backend)


@pytest.fixture
def gpu() -> None:
    """A CUDA device."""
    require_gpu()


def require_gpu() -> None:
    """Skip without a CUDA device; fail where one was promised."""
    try:
        import cupy

        n_device = cupy.cuda.runtime.getDeviceCount()
    except Exception as problem:  # noqa: BLE001  (cupy's own errors vary with what is missing)
        reason = f"no GPU: {type(problem).__name__}: {problem}"
    else:
        if n_device > 0:
            return
        reason = "no GPU: cupy finds no device"
    if os.environ.get("DISTNET_REQUIRE_GPU") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Finished:
    """A command that ended: exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def told(self) -> list[str]:
        """What distnet itself said is wrong (an MPI launcher may add words of its own)."""
        return [line for line in self.stderr.splitlines() if line.startswith("distnet: ")]


def run_command(
    command: list[str], timeout: float, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Finished:
    """Run a command in a process group of its own; kill the group when the time is over."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stdout, stderr = end_group(process)
        pytest.fail(
            f"{' '.join(command)}\nran longer than {timeout} s\n"
            f"--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    return Finished(process.returncode, stdout, stderr)


def end_group(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Ask a process group to end, then kill it; return what it had printed."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sig)
            return process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    return process.communicate(timeout=3)


@pytest.fixture(scope="session")
def run_python() -> Callable[..., Finished]:
    """`run_python(args, timeout=120, env=None, cwd=None)` runs this Python with `args`."""

    def run(
        args: list[object],
        timeout: float = 120,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        return run_command([sys.executable, *map(str, args)], timeout, env, cwd)

    return run


@pytest.fixture(scope="session")
def run_in_group() -> Callable[..., Finished]:
    """`run_in_group(command, timeout, env)`: a job by a launcher of its own, in `SMALL_JOB`."""

    def run(command: list[str], timeout: float, env: dict[str, str]) -> Finished:
        return run_command(command, timeout, {**SMALL_JOB, **env})

    return run


@pytest.fixture(scope="session")
def mpirun() -> Callable[..., Finished]:
    """`mpirun(n, args, timeout=120, env=None, cwd=None)` runs Python with `args` on n ranks.

    Takes mpiexec from the environment of this Python, else from the PATH.
    """
    launcher = find_mpiexec()

    def run(
        n: int,
        args: list[object],
        timeout: float = 120,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        if launcher is None:
            reason = "no MPI: mpiexec is neither beside python nor on the PATH"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        command = mpi_command(launcher, n, [str(arg) for arg in args])
        return run_command(command, timeout, {**SMALL_JOB, **ONE_THREAD, **(env or {})}, cwd)

    return run
