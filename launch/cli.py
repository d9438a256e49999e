"""The command line: everything argparse, nothing else."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from launch.arguments import Parser, count, positive, seed
from launch.cluster_commands import (
    add_calibrate,
    add_config,
    add_doctor,
    add_exchange_options,
    add_flush_option,
    add_merge,
    add_partition,
    add_partition_option,
    add_saving_options,
    add_scaling,
    add_slurm,
)
from launch.messages import exit_code, report

#: Command -> module of this room whose `run(args)` carries it out.
COMMANDS = {
    "run": "launch.run",
    "demo": "launch.demo.command",
    "info": "launch.info",
    "plot": "launch.plot",
    "partition": "launch.partition",
    "calibrate": "launch.calibrate",
    "doctor": "launch.doctor",
    "slurm": "launch.slurm",
    "scaling": "launch.scaling",
    "merge": "launch.merge",
    "mechanisms": "launch.mechanisms",
}

#: Engines that --backend names.
BACKENDS = {
    "auto": "a GPU with fast float64 where a rank has one and 10,000 nodes, else cpu",
    "cpu": "compiled for this machine's cores",
    "reference": "plain NumPy: slow, the measure of the others",
    "cuda": "one NVIDIA GPU a rank",
    "cuda-host": "the text of the GPU's kernels on the CPU: slow, to test them",
    "null": "no arithmetic: everything but the cells",
}

#: Formats that --precision names.
PRECISIONS = {
    "double": "float64 throughout",
    "single": "float32 states and voltages, float64 times: faster; spikes may differ by a step",
}

#: Cards that --gpu names; those of the kernels' performance model.
GPUS = ("h100", "a100")

DESCRIPTION = "Simulate networks of detailed (multi-compartment) neurons, on one process or many."

EPILOG = """\
examples:
  distnet run simulation_config.json --out out/mine
  mpirun -n 4 distnet run simulation_config.json --out out/mine --tstop 100
  distnet info simulation_config.json
  distnet plot out/mine
  distnet demo

exit codes: 0 done; 1 a wrong input or a failed simulation, told in one sentence; 2 wrong usage.
DISTNET_DEBUG=1 adds the traceback."""


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="distnet", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"distnet {version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_run(commands)
    add_demo(commands)
    add_info(commands)
    add_plot(commands)
    add_partition(commands)
    add_calibrate(commands)
    add_doctor(commands)
    add_slurm(commands)
    add_scaling(commands)
    add_merge(commands)
    add_mechanisms(commands)
    return parser


def add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `distnet run`."""
    run = commands.add_parser(
        "run",
        help="simulate a SONATA circuit",
        description="Simulate a SONATA circuit; under mpirun or srun, on all ranks of the job.",
        epilog="example: mpirun -n 4 distnet run simulation_config.json --out out/mine",
    )
    add_config(run)
    run.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for spikes and reports; they appear in it only when the run has succeeded",
    )
    run.add_argument(
        "--backend",
        choices=BACKENDS,
        default="auto",
        help="; ".join(f"{name}: {text}" for name, text in BACKENDS.items()) + " (default: auto)",
    )
    run.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="double",
        help="; ".join(f"{name}: {text}" for name, text in PRECISIONS.items())
        + " (default: double)",
    )
    run.add_argument("--tstop", type=positive, metavar="MS", help="duration, instead of CONFIG's")
    run.add_argument("--dt", type=positive, metavar="MS", help="time step, instead of CONFIG's")
    run.add_argument("--seed", type=seed, metavar="N", help="random seed, instead of CONFIG's")
    add_partition_option(run)
    add_exchange_options(run)
    add_saving_options(run)
    add_flush_option(run)
    run.add_argument("--quiet", action="store_true", help="no progress, no closing line")
    run.add_argument(
        "--timing", action="store_true", help="leave the time of the loop in DIR/timing.json"
    )
    run.add_argument(
        "--trace",
        action="store_true",
        help="leave in DIR/trace.npz what every rank did in every interval, for "
        "`distnet scaling --replay`",
    )
    run.add_argument(
        "--overwrite", action="store_true", help="replace results of an earlier run in DIR"
    )


def add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `distnet demo`."""
    demo = commands.add_parser(
        "demo",
        help="build a circuit of five cell types, run it and draw what it did",
        description="Build a SONATA network of 40 cells of five Allen types, run it on MPI ranks "
        "of this machine, and draw its raster, rates and voltages.",
        epilog="The morphologies, fits and mechanisms come from the Python package bmtk (BSD "
        "licence), used as data: pip install --no-deps bmtk==1.2.0",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), metavar="DIR", help="default: out/demo"
    )
    demo.add_argument("--ranks", type=count, default=2, metavar="N", help="MPI ranks (default: 2)")
    demo.add_argument(
        "--tstop", type=positive, default=1000.0, metavar="MS", help="duration (default: 1000)"
    )
    demo.add_argument(
        "--seed", type=seed, default=1, metavar="N", help="of the circuit (default: 1)"
    )
    demo.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="as for `distnet run` (default: auto)"
    )
    demo.add_argument("--quiet", action="store_true", help="print only where the results are")


def add_info(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `distnet info`."""
    info = commands.add_parser(
        "info",
        help="say what a circuit holds and how much memory it takes",
        description="Count the cells, compartments, mechanisms and synapses of a SONATA circuit "
        "and estimate its memory, without running it.",
        epilog="examples: distnet info simulation_config.json; "
        "distnet info simulation_config.json --gpu h100",
    )
    add_config(info)
    info.add_argument(
        "--ranks",
        type=count,
        metavar="N",
        help="tell the memory of a rank of a job of so many (default: at most 1000 cells a rank)",
    )
    info.add_argument(
        "--gpu",
        choices=GPUS,
        help="add how the cells would run on this card, which need not be here: classes, threads, "
        "steps of the solver, cells a multiprocessor, the model's floor",
    )
    info.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="double",
        help="of the memory and of --gpu (default: double)",
    )


def add_plot(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `distnet plot`."""
    plot = commands.add_parser(
        "plot",
        help="draw the results in a folder as PNG",
        description="Draw the spikes (raster.png, rates.png) and each report (NAME.png) in DIR.",
        epilog="example: distnet plot out/mine",
    )
    plot.add_argument("folder", type=Path, metavar="DIR", help="what `distnet run` left")
    plot.add_argument(
        "--cells",
        type=count,
        default=8,
        metavar="N",
        help="cells in the picture of a report (default: 8)",
    )


def add_mechanisms(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `distnet mechanisms`."""
    mechanisms = commands.add_parser(
        "mechanisms",
        help="say which .mod files compile, what they read, write and cost",
        description="Compile .mod files for the CPU and, where NVRTC is installed, for a GPU; "
        "print a table of them, or why one is refused. Exit code 1 if any is.",
        epilog="Columns: exponentials and divisions of a step, values that an instance keeps, "
        "registers and spilled bytes of the GPU kernel, ion variables read (<) and written (>).",
    )
    mechanisms.add_argument(
        "files", type=Path, nargs="+", metavar="FILE_OR_FOLDER", help=".mod files, or their folder"
    )
    mechanisms.add_argument("--json", action="store_true", help="one JSON object a file and line")
    mechanisms.add_argument(
        "--emit",
        choices=("tree", "numba", "cuda"),
        help="print the parsed tree, or the text that the mechanism becomes, instead",
    )


def version() -> str:
    """The installed version, or 'unknown' in a bare checkout."""
    from importlib import metadata

    try:
        return metadata.version("distnet")
    except metadata.PackageNotFoundError:
        return "unknown"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code.
    """
    args = make_parser().parse_args(argv)
    try:
        command = importlib.import_module(COMMANDS[args.command])
        return int(command.run(args))
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001  (told in one sentence)
        report(problem)
        return exit_code(problem)
