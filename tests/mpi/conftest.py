"""Jobs of several ranks that run one small network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernels.cuda.host import compiler

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def network_job(mpirun, run_python):
    """`network_job(n, *options, timeout=90, env=None)` runs `network_job.py` on n ranks."""

    def run(n, *options, timeout=90, env=None):
        arguments = [HERE / "network_job.py", *options]
        if n == 1:
            return run_python(arguments, timeout=timeout, env=env)
        return mpirun(n, arguments, timeout=timeout, env=env)

    return run


@pytest.fixture(scope="session")
def cxx():
    """The C++ compiler, without which the CUDA text cannot run on the CPU."""
    found = compiler()
    if found is None:
        reason = "no C++ compiler (g++, c++ or CXX): the CUDA text cannot run on the CPU"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
