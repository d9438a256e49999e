"""`distnet run` in which one rank fails in the middle of the simulation.

python failing.py HOW RANK WHEN run CONFIG ...

The file WHEN gets the time at which it happened.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from mpi4py import MPI

from kernels.cpu import CpuEngine
from launch.cli import main

EPOCHS = int(os.environ.get("EPOCHS", "20"))  # before it happens

how, rank, when = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
advance = CpuEngine.advance
calls = 0


def failing(self, *arguments):
    global calls
    calls += 1
    if calls == EPOCHS and rank in (MPI.COMM_WORLD.rank, -1):
        when.write_text(str(time.time()))
        if how == "raise":
            raise ValueError("on purpose")
        if how == "memory":
            raise MemoryError
        os.kill(os.getpid(), getattr(signal, how))
    return advance(self, *arguments)


CpuEngine.advance = failing
sys.exit(main(sys.argv[4:]))
