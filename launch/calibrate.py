"""`distnet calibrate`: what a step costs on this machine, or in a circuit."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from launch.errors import LaunchError
from launch.files import require_file
from launch.ranks import Ranks, run_on_ranks
from launch.replay import network_file, tell
from launch.threads import limit_threads


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    limit_threads()
    if args.network:
        return run_on_ranks(measure_network, lambda: None)
    if args.config is not None:
        measure_circuit(args.config, args.out or Path(f"{args.config.stem}.costs"), args.tstop)
        return 0
    from distnet.calibration import calibrate
    from distnet.costs import store_table

    def on_sample(name: str) -> None:
        print(f"distnet: timing: {name}", file=sys.stderr)

    table, timings = calibrate(on_sample=None if args.quiet else on_sample)
    path = store_table(table)
    print("ns a step:  " + ", ".join(f"{k} {v:.3g}" for k, v in asdict(table).items()))
    worst = max(timings, key=lambda t: abs(t.fitted / t.measured - 1))
    error = 100 * (worst.fitted / worst.measured - 1)
    print(f"worst fit:  {error:+.0f} % ({worst.sample.name})")
    print(f"stored in:  {path}")
    return 0


def measure_network(ranks: Ranks) -> None:
    """Measure messages between ranks 0 and 1; rank 0 keeps and tells what came of it."""
    from distnet.exchange.loggp import measure, store

    if ranks.comm is None:
        raise LaunchError("calibrate: start it on 2 ranks: mpirun -n 2 distnet calibrate --network")
    found = measure(ranks.comm)
    if ranks.rank == 0:
        store(network_file(), found)
        print(tell(found))
        print(f"stored in:  {network_file()}")


def measure_circuit(config: Path, out: Path, tstop: float) -> None:
    """Run a circuit on this process and write what each of its cells took."""
    require_file(config)
    import numpy as np

    from distnet.partition_report import write_costs
    from distnet.simulation import Simulation
    from distnet.sonata import load

    sonata = load(config)
    simulation = Simulation(sonata.network, sonata.plan.settings, backend="cpu")
    engine = simulation.engine
    simulation.run(min(1.0, tstop))  # compiles
    before = engine.cell_seconds()  # type: ignore[attr-defined]
    simulation.run(tstop)
    seconds = engine.cell_seconds() - before  # type: ignore[attr-defined]
    n_steps = round(tstop / sonata.plan.settings.dt)
    costs = np.zeros(sonata.network.n_cells)
    costs[simulation.lowered.gid] = seconds * 1e9 / n_steps
    write_costs(out, costs)
    print(f"{len(seconds):,} cells, {1e6 * seconds.sum() / n_steps:.1f} us a step; costs in {out}")
