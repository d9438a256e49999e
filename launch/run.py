"""`distnet run`: a circuit on disk, on the ranks of this job, to results on disk."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from launch.devices import bind
from launch.errors import LaunchError
from launch.files import require_file
from launch.going_on import GO_ON, Listener, require_fresh, saves
from launch.output_folder import OutputFolder
from launch.progress import hearing, make_progress
from launch.ranks import Ranks, run_on_ranks
from launch.replay import TRACE
from launch.threads import limit_threads
from launch.timing import Stopwatch, write_timing


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    limit_threads()
    folder = OutputFolder(args.out, args.overwrite)
    codes = [0]
    failed = run_on_ranks(lambda ranks: simulate(args, ranks, folder, codes), folder.discard)
    return failed or codes[-1]


def simulate(
    args: argparse.Namespace, ranks: Ranks, folder: OutputFolder, codes: list[int]
) -> None:
    """Simulate into the folder's partial place, then put the results where they belong.

    A run that was stopped, its state saved, adds its exit code to `codes`.
    """
    if args.watchdog is not None:
        os.environ["DISTNET_WATCHDOG"] = str(args.watchdog)
    ranks.on_first(lambda: require_file(args.config))
    ranks.on_first(lambda: require_fresh(args, folder.final))
    ranks.on_first(folder.prepare)
    folder.own()
    if args.backend in ("auto", "cuda"):
        _, told = bind(ranks)
        if told and ranks.rank == 0:
            print(f"distnet: {told}", file=sys.stderr)
    if args.backend == "cuda":
        require_gpu()
    # Only now what takes a second to import.
    from distnet.control import Control
    from distnet.exchange import make_exchange
    from distnet.run import CHECKPOINTS, Going, run_sonata

    control = Control()
    listen = Listener(control)
    going = None
    if saves(args):
        going = Going(folder.final, args.checkpoint_every, args.resume, control)
    quiet = args.quiet or ranks.rank != 0
    watch = Stopwatch()
    with hearing(make_progress(quiet, args.dt or peek_dt(args.config))) as progress:

        def on_progress(step: int, n_steps: int) -> None:
            watch(step, n_steps)
            if going is not None:
                listen()
            progress(step, n_steps)

        result = run_sonata(
            args.config,
            folder.partial,
            backend=args.backend,
            tstop=args.tstop,
            dt=args.dt,
            seed=args.seed,
            exchange=make_exchange(ranks.comm, args.exchange),
            on_progress=on_progress,
            partition=args.partition,
            intervals=args.intervals,
            going=going,
            flush=args.flush_every,
            precision=args.precision,
            trace=folder.partial / TRACE if args.trace else None,
        )
    ranks.barrier()
    if not result.complete:
        ranks.on_first(folder.discard)
        codes.append(GO_ON)
        if ranks.rank == 0:
            print(
                f"distnet: state saved at step {result.step} in {folder.final / CHECKPOINTS}; "
                "go on with --resume",
                file=sys.stderr,
            )
        return
    if args.timing:
        ranks.on_first(lambda: write_timing(folder.partial, watch.timing(ranks.n)))
    files = ranks.on_first(folder.commit)
    if not quiet:
        print(f"distnet: wrote {', '.join(str(file) for file in files)}", file=sys.stderr)


def require_gpu() -> None:
    """Say what keeps the GPU from use before the circuit is read.

    Raises:
        LaunchError: something does.
    """
    from distnet.gpu import gpu_trouble

    if trouble := gpu_trouble():
        raise LaunchError(trouble)


def peek_dt(config: Path) -> float | None:
    """The time step [ms] that a configuration states, for the progress display; None if unclear."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        if "run" not in content and isinstance(content.get("simulation"), str):
            content = json.loads((config.parent / content["simulation"]).read_text("utf-8"))
        return float(content["run"]["dt"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
