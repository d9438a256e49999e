"""How many threads a rank may use: read by numba, BLAS and OpenMP when they are first imported."""

from __future__ import annotations

import os

#: One thread for each library that would otherwise take every core of the node.
ONE_THREAD = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def limit_threads() -> None:
    """Give this process one thread a library, unless the user has said otherwise.

    Parallelism comes from ranks; a thread pool in every rank would only make them wait for cores.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
