"""A job on ranks that sleep instead of computing, so that it takes the same on a busy machine.

python sleeping.py TRACE.npz TRANSPORT INTERVALS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import networks
import numpy as np
from mpi4py import MPI

from distnet.exchange import make_exchange
from distnet.settings import Settings
from distnet.simulation import Simulation
from distnet.trace import Tracer, write_trace


def main(path: str, transport: str, intervals: str) -> None:
    comm = MPI.COMM_WORLD
    exchange = make_exchange(comm, transport)
    simulation = Simulation(
        networks.ring(), Settings(), (), "null", exchange, "round-robin", int(intervals)
    )
    draw = np.random.default_rng(comm.rank)

    def on_progress(step: int, n_steps: int) -> None:
        time.sleep(draw.uniform(0.002, 0.03) if step > 0 else 0.0)

    simulation.run(2.0)
    simulation.tracer = Tracer(exchange)
    begin = time.perf_counter()
    simulation.run(60.0, on_progress)
    seconds = comm.allreduce(time.perf_counter() - begin, op=MPI.MAX)
    trace = simulation.trace()
    if trace is not None:
        write_trace(Path(path), trace)
        print(f"{trace.busy.shape[1]} epochs, {seconds} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
