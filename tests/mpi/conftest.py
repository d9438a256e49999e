"""Jobs of several ranks that run one small network."""

from __future__ import annotations

from pathlib import Path

import pytest

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
def digest_of(network_job):
    """`digest_of(n, *options)` of a job on n ranks."""

    def run(n, *options):
        done = network_job(n, *options)
        assert done.returncode == 0, done.output
        return done.stdout.split()[0]

    return run
