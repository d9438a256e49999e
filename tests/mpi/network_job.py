"""One job: a small network on the ranks of this job; rank 0 prints a digest of all bits.

The digest covers every spike and every sample of every cell.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from networks import make_network

from distnet.checkpoint import Checkpoint, Saving
from distnet.exchange import make_exchange
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation
from launch.ranks import Ranks, run_on_ranks


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--exchange", default="auto")
    parser.add_argument("--intervals", type=int, default=2)
    parser.add_argument("--partition", default="auto")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--diffusing", action="store_true", help="cells with mods/spread.mod")
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--tstop", type=float, default=50.0)
    parser.add_argument("--last", type=int, help="samples that enter the digest, from the end")
    parser.add_argument("--save", type=Path, help="folder of checkpoints")
    parser.add_argument("--every", type=float, help="between checkpoints [ms]")
    parser.add_argument("--restart", type=Path, help="folder of checkpoints, or one")
    parser.add_argument("--ask", type=int, default=0, help="what --rank wishes at --at")
    parser.add_argument("--at", type=float, default=-1.0, help="time of the fault [ms]")
    parser.add_argument("--rank", type=int, default=1, help="whose fault it is")
    parser.add_argument("--fault", choices=FAULTS)
    return parser.parse_args()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ValueError("a fault of this rank")


def sleep() -> None:
    time.sleep(600)


FAULTS = {"kill": kill, "fail": fail, "stuck": sleep}


def body(ranks: Ranks, args: argparse.Namespace) -> None:
    network = make_network(args.cells, diffusing=args.diffusing)
    folders = (Path(__file__).parent / "mods",) if args.diffusing else ()
    gids = np.arange(args.cells)
    recordings = [Recording("v", gids, np.zeros(args.cells, int), 0.1)]
    exchange = make_exchange(ranks.comm, args.exchange)
    simulation = Simulation(
        network,
        Settings(dt=0.025, mechanism_folders=folders),
        recordings,
        args.backend,
        exchange,
        partition=args.partition,
        intervals=args.intervals,
    )

    def on_progress(step: int, n_steps: int) -> None:
        if args.ask and ranks.rank == args.rank and step == round(args.at / 0.025):
            simulation.control.request(args.ask)
        if args.fault and ranks.rank == args.rank and step * 0.025 > args.at:
            FAULTS[args.fault]()

    saving = Saving(args.save, exchange, args.every) if args.save else None
    restart = Checkpoint.open(args.restart) if args.restart else None
    result = simulation.run(args.tstop, on_progress, saving=saving, restart=restart)
    mine = simulation.lowered.recorded[0]
    parts = exchange.gather((result.spike_time, result.spike_gid, mine, result.samples[0]))
    if parts is None:
        return
    time_, gid = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    order = np.lexsort((gid, time_))
    place = np.concatenate([part[2] for part in parts])
    samples = np.concatenate([part[3] for part in parts], axis=1)[:, np.argsort(place)]
    if args.last:
        samples = samples[-args.last :]
    digest = hashlib.sha256(time_[order].tobytes() + gid[order].tobytes() + samples.tobytes())
    name = getattr(exchange, "name", "local")
    end = "" if result.complete else f", stopped at step {result.step}"
    print(f"{digest.hexdigest()[:16]} {len(time_)} spikes by {name}{end}")


def main() -> int:
    args = read_arguments()
    return run_on_ranks(lambda ranks: body(ranks, args), lambda: None)


if __name__ == "__main__":
    sys.exit(main())
