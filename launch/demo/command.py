"""`distnet demo`: build the circuit, run it on ranks of this machine, draw what it did."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from launch.mpiexec import find_mpiexec, mpi_command, small_job_environment
from launch.threads import limit_threads

ROOT = Path(__file__).resolve().parents[2]


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    limit_threads()
    from launch.demo.circuit import build_circuit
    from launch.demo.model import TYPES

    args.out.mkdir(parents=True, exist_ok=True)
    n = sum(t.n for t in TYPES)
    if not args.quiet:
        print(f"Building a circuit of {n} cells of {len(TYPES)} types in {args.out / 'circuit'}")
    config = build_circuit(args.out / "circuit", args.seed, args.tstop)
    command = simulation_command(args, config)
    if not args.quiet:
        print(f"Running it: {' '.join(command)}", flush=True)
    code = subprocess.run(command, env=environment(), check=False).returncode
    if code != 0:
        return code if code > 0 else 1
    from launch.plot import draw

    pictures = draw(args.out, n_cells=8)
    print(f"Spikes and voltages: {', '.join(str(p) for p in sorted(args.out.glob('*.h5')))}")
    print(f"Pictures:            {', '.join(str(p) for p in pictures)}")
    return 0


def simulation_command(args: argparse.Namespace, config: Path) -> list[str]:
    """The command line that runs the circuit; on one process where there is no MPI."""
    arguments = ["-m", "launch", "run", str(config), "--out", str(args.out), "--overwrite"]
    arguments += ["--backend", args.backend] + (["--quiet"] if args.quiet else [])
    mpiexec = find_mpiexec()
    if args.ranks > 1 and mpiexec is None:
        print("distnet: no mpiexec found, so on one process", file=sys.stderr)
    if args.ranks == 1 or mpiexec is None:
        return [sys.executable, *arguments]
    return mpi_command(mpiexec, args.ranks, arguments)


def environment() -> dict[str, str]:
    """The environment of the run: our packages found, the progress bar drawn through mpiexec."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    extra = {"PYTHONPATH": path}
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        extra |= {"FORCE_COLOR": "1", "COLUMNS": str(width)}
    return small_job_environment(extra)
