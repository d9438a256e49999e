"""Strong scaling of the ring on this machine's cores: one rank against several.

    python benchmarks/scaling.py --ranks 1,2 --repeats 3 --tstop 2000

Each run is a fresh job; the numbers of ranks take turns, so that a busy hour slows them alike. Only
the loop is timed, after a warm-up that compiles. Prints one JSON line a run, then one with medians:
`speed_up` by wall time, `speed_up_cpu` by the processor time of the busiest rank (what the wall
time would be on idle cores), and the load averages at the beginning and the end, which say how far
the wall time can be trusted. Exit code 1 if spikes differ between numbers of ranks.

Measured on two idle virtual cores (load average 0.9 to 1.3), medians of three turns of --cells 160
--tstop 1000 (31,520 compartments, 40,000 steps): 19.9 s on one rank, 10.1 s on two, a speed-up of
1.98 by wall time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import ring_model as ring
from ring_run import add_model_options

from launch.mpiexec import find_mpiexec, mpi_command, small_job_environment
from launch.threads import limit_threads

WARM_UP = 30.0  # ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model_options(parser)
    parser.add_argument("--ranks", default="1,2", help="numbers of ranks, the first is the measure")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--partition", default="auto")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        run_rank(options)
        return 0
    return compare(options)


def compare(options: argparse.Namespace) -> int:
    """Run all points in turn and print what they took."""
    numbers = [int(n) for n in options.ranks.split(",")]
    begin = os.getloadavg()
    runs: dict[int, list[dict]] = {n: [] for n in numbers}
    for _ in range(options.repeats):
        for n in numbers:
            runs[n].append(run_job(n))
            print(json.dumps(runs[n][-1]), flush=True)
    first = numbers[0]

    def middle(n: int, key: str) -> float:
        return median(run[key] for run in runs[n])

    equal = len({run["spikes_sha256"] for found in runs.values() for run in found}) == 1
    summary = {
        "speed_up": {n: middle(first, "wall_s") / middle(n, "wall_s") for n in numbers},
        "speed_up_cpu": {n: middle(first, "cpu_s") / middle(n, "cpu_s") for n in numbers},
        "compute_imbalance": {n: middle(n, "compute_imbalance") for n in numbers},
        "load_average": {"begin": begin, "end": os.getloadavg()},
        "cores": len(os.sched_getaffinity(0)),
        "equal_spikes": equal,
    }
    print(json.dumps(summary))
    return 0 if equal else 1


def run_job(n: int) -> dict:
    """One run on `n` ranks: the line that its first rank printed."""
    launcher = find_mpiexec()
    assert launcher is not None, "no mpiexec: pip install mpich"
    command = mpi_command(launcher, n, [__file__, "--rank", *sys.argv[1:]])
    path = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        command, env=small_job_environment(path), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_rank(options: argparse.Namespace) -> None:
    """One rank of a run."""
    limit_threads()
    from mpi4py import MPI
    from ring_distnet import build

    from distnet import Settings, Simulation, make_exchange

    comm = MPI.COMM_WORLD
    model = ring.make_ring(options.size, options.dendrites, options.cells, options.seed)
    settings = Settings(dt=ring.DT, celsius=ring.CELSIUS, v_init=ring.V_INIT, exact=True)
    simulation = Simulation(
        build(model),
        settings,
        backend="cpu",
        exchange=make_exchange(comm),
        partition=options.partition,
    )
    simulation.run(WARM_UP)
    before = simulation.engine.seconds.sum()
    comm.Barrier()
    wall, cpu = time.perf_counter(), time.process_time()
    result = simulation.run(options.tstop)
    cpu = time.process_time() - cpu
    comm.Barrier()
    wall = time.perf_counter() - wall
    compute = comm.gather(float(simulation.engine.seconds.sum() - before))
    every = comm.gather((cpu, result.spike_gid, result.spike_time))
    if every is None:
        return
    time_of = np.concatenate([one[2] for one in every])
    gid = np.concatenate([one[1] for one in every])
    order = np.lexsort((gid, time_of))
    digest = hashlib.sha256(gid[order].tobytes() + time_of[order].tobytes())
    line = {
        "ranks": comm.size,
        "compartments": model.n_compartments,
        "steps": round(options.tstop / ring.DT),
        "wall_s": round(wall, 3),
        "cpu_s": round(max(one[0] for one in every), 3),
        "compute_s": [round(one, 3) for one in compute],
        "compute_imbalance": round(max(compute) * comm.size / sum(compute), 3),
        "spikes": len(gid),
        "spikes_sha256": digest.hexdigest()[:16],
        "library": MPI.Get_library_version().split(",")[0].splitlines()[0].strip("\0 "),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
