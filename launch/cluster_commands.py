"""Arguments of the commands for many ranks: partition, calibrate, doctor, slurm, scaling."""

from __future__ import annotations

import argparse
from pathlib import Path

from launch.arguments import Parser, count, counts, positive

Commands = argparse._SubParsersAction  # of Parser

#: Ways for spikes to travel that --exchange names.
EXCHANGES = {
    "auto": "by a cost formula and a short timing",
    "allgather": "each rank to all",
    "leaders": "one rank of each machine to those of the others",
    "neighbours": "between ranks whose cells are connected",
}

#: Methods that --partition names.
PARTITIONS = {
    "auto": "bisection where the cells have positions, else longest-first",
    "bisection": "by space",
    "fennel": "by connections",
    "longest-first": "by cost alone",
    "metis": "by connections, with METIS",
    "relaxed": "by space and connections",
    "round-robin": "in turn",
}


def add_config(parser: Parser) -> None:
    """Add the argument CONFIG."""
    text = "SONATA simulation config (JSON)"
    parser.add_argument("config", type=Path, metavar="CONFIG", help=text)


def add_exchange_options(parser: Parser) -> None:
    """Add the options of the spike exchange."""
    parser.add_argument(
        "--exchange",
        choices=EXCHANGES,
        default="auto",
        help="how spikes travel between ranks: "
        + "; ".join(f"{name}: {text}" for name, text in EXCHANGES.items())
        + " (default: auto)",
    )
    parser.add_argument(
        "--intervals",
        type=int,
        choices=(1, 2, 3, 4),
        default=2,
        help="exchanges in the shortest delay; all but one overlap with computation (default: 2)",
    )
    parser.add_argument(
        "--watchdog",
        type=positive,
        metavar="S",
        help="how long a rank waits for others before it ends the job with code 124 "
        "(default: DISTNET_WATCHDOG, else 600)",
    )


def add_saving_options(parser: Parser) -> None:
    """Add the options of checkpoints."""
    parser.add_argument(
        "--checkpoint-every",
        type=positive,
        metavar="MS",
        help="save the state in DIR/checkpoints so often, and when SIGUSR1 or SIGTERM comes, upon "
        "which the run leaves with code 75",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in DIR, on any number of ranks, or begin where "
        "there is none; the state is saved when SIGUSR1 or SIGTERM comes",
    )


def add_flush_option(parser: Parser) -> None:
    """Add the option --flush-every."""
    parser.add_argument(
        "--flush-every",
        type=positive,
        default=1.0,
        metavar="S",
        help="wall time between additions to the log of spikes, which `distnet merge` reads when "
        "the run was killed (default: 1)",
    )


def add_merge(commands: Commands) -> None:
    """Add `distnet merge`."""
    merge = commands.add_parser(
        "merge",
        help="make plain files of reports in pieces and of the spikes of a killed run",
        description="Make one plain file of every report in DIR that ranks left in pieces, of a "
        "large run or one that was ended, and of the spikes that a killed run has flushed (DIR is "
        ".NAME.partial beside its folder where it saved no checkpoints); remove the pieces.",
        epilog="example: distnet merge out/mine",
    )
    merge.add_argument("folder", type=Path, metavar="DIR", help="what `distnet run` left")
    merge.add_argument("--keep", action="store_true", help="do not remove the pieces")


def add_partition_option(parser: Parser) -> None:
    """Add the option --partition."""
    parser.add_argument(
        "--partition",
        default="auto",
        metavar="METHOD|FILE",
        help="how cells are divided among ranks: "
        + "; ".join(f"{name}: {text}" for name, text in PARTITIONS.items())
        + "; or a file that `distnet partition` wrote (default: auto)",
    )


def add_partition(commands: Commands[Parser]) -> None:
    """Add `distnet partition`."""
    partition = commands.add_parser(
        "partition",
        help="divide a circuit among ranks and say what that is worth",
        description="Divide the cells of a SONATA circuit among ranks; print balance, messages, "
        "predicted efficiency and the cell that bounds the speed-up; store the rank of each cell.",
        epilog="example: distnet partition simulation_config.json --ranks 64",
    )
    add_config(partition)
    partition.add_argument("--ranks", type=count, required=True, metavar="N", help="MPI ranks")
    add_partition_option(partition)
    partition.add_argument(
        "--costs", type=Path, metavar="FILE", help="measured by `distnet calibrate CONFIG`"
    )
    partition.add_argument(
        "--rate", type=positive, default=5.0, metavar="HZ", help="spikes of a cell (default: 5)"
    )
    partition.add_argument(
        "--out", type=Path, metavar="FILE", help="for the ranks (default: CONFIG's name.N.ranks)"
    )


def add_calibrate(commands: Commands[Parser]) -> None:
    """Add `distnet calibrate`."""
    calibrate = commands.add_parser(
        "calibrate",
        help="measure what a step costs, for balance between ranks",
        description="Fit the table of costs to this machine (half a minute) and keep it in the "
        "user's cache; with CONFIG, time each cell of a circuit instead and write a file for "
        "`distnet partition --costs`.",
    )
    text = "SONATA simulation config (JSON)"
    calibrate.add_argument("config", type=Path, metavar="CONFIG", nargs="?", help=text)
    calibrate.add_argument(
        "--tstop", type=positive, default=20.0, metavar="MS", help="of CONFIG (default: 20)"
    )
    calibrate.add_argument(
        "--out", type=Path, metavar="FILE", help="for the costs (default: CONFIG's name.costs)"
    )
    calibrate.add_argument(
        "--network",
        action="store_true",
        help="measure messages between 2 ranks instead, for `distnet scaling --replay`: "
        "mpirun -n 2 distnet calibrate --network",
    )
    calibrate.add_argument("--quiet", action="store_true", help="no progress")


def add_doctor(commands: Commands[Parser]) -> None:
    """Add `distnet doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="say what this machine, or this job, has and what is missing",
        description="Print MPI, cores, GPU, driver, CuPy, NVRTC and HDF5 of every rank, and what "
        "to do about what is missing. The exit code is 1 if a job cannot run as it stands.",
        epilog="example: srun -n 8 distnet doctor",
    )
    doctor.add_argument(
        "--gpu",
        action="store_true",
        help="let each GPU compute a network (a minute), and compare it with the CPU, bit by bit",
    )


def add_slurm(commands: Commands[Parser]) -> None:
    """Add `distnet slurm`."""
    slurm = commands.add_parser(
        "slurm",
        help="write the job script for a SLURM cluster",
        description="Print a job script: one task for each GPU (or as many as --tasks-per-node), a "
        "checkpoint before the time is over or when the job is pre-empted, and a requeue then.",
        epilog="example: distnet slurm simulation_config.json --nodes 16 --gpus-per-node 4 "
        "--time 12:00:00 > job.sh && sbatch job.sh",
    )
    add_config(slurm)
    slurm.add_argument("--nodes", type=count, required=True, metavar="N", help="nodes")
    slurm.add_argument("--gpus-per-node", type=count, metavar="G", help="one task each")
    slurm.add_argument("--tasks-per-node", type=count, metavar="K", help="without GPUs: ranks")
    slurm.add_argument("--cpus-per-task", type=count, metavar="C", help="cores of a rank")
    slurm.add_argument("--time", required=True, metavar="T", help="limit, as SLURM reads it")
    slurm.add_argument("--queue", metavar="NAME", help="SLURM's partition")
    slurm.add_argument("--account", metavar="NAME", help="SLURM's account")
    slurm.add_argument(
        "--out", type=Path, metavar="DIR", help="for the results (default: out/CONFIG's name)"
    )
    slurm.add_argument(
        "--setup", metavar="COMMAND", default="", help="line before the run, e.g. 'module load ...'"
    )
    slurm.add_argument(
        "--run-options", default="", metavar="TEXT", help="more options of `distnet run`, quoted"
    )


def add_scaling(commands: Commands[Parser]) -> None:
    """Add `distnet scaling`."""
    scaling = commands.add_parser(
        "scaling",
        help="run a circuit on several numbers of ranks and draw how it scales",
        description="Run a circuit on each number of ranks (strong scaling; where CONFIG holds "
        "{ranks}, a circuit for each: weak scaling). Leaves scaling.csv, scaling.json and "
        "scaling.png in DIR.",
        epilog="example: distnet scaling simulation_config.json --ranks 1,2,4 --out out/scaling",
    )
    scaling.add_argument(
        "config",
        metavar="CONFIG",
        nargs="?",
        help="SONATA simulation config (JSON); without it --dry-run draws a placed network of "
        "400 cells a rank, a sheet that grows sideways",
    )
    how = scaling.add_mutually_exclusive_group(required=True)
    how.add_argument("--ranks", type=counts, metavar="N,N,...", help="numbers of ranks")
    how.add_argument(
        "--dry-run",
        type=counts,
        metavar="N,N,...",
        help="run nothing: be one rank of so many, with its cells, tables and scripted spikes, "
        "and tell its memory, messages and time of delivery (times of exchanges are modelled)",
    )
    how.add_argument(
        "--replay",
        type=Path,
        metavar="TRACE",
        help="run nothing: tell what a run with --trace took an interval, and what it takes by a "
        "LogGP model of the network",
    )
    scaling.add_argument(
        "--network",
        type=Path,
        metavar="FILE",
        help="for --replay: L, o, g and G (default: what `distnet calibrate --network` measured, "
        "else a typical cluster's)",
    )
    scaling.add_argument("--out", type=Path, metavar="DIR", help="for the results")
    scaling.add_argument("--tstop", type=positive, metavar="MS", help="instead of CONFIG's")
    scaling.add_argument(
        "--exchange",
        choices=EXCHANGES,
        default="auto",
        help="how spikes travel (default: auto; in a dry run what is cheapest for the most ranks)",
    )
    scaling.add_argument(
        "--repeats", type=count, default=1, metavar="N", help="interleaved runs (default: 1)"
    )
    add_partition_option(scaling)
    where = scaling.add_mutually_exclusive_group()
    where.add_argument(
        "--slurm", metavar="OPTIONS", help="submit each point with sbatch and these options"
    )
    where.add_argument(
        "--collect", action="store_true", help="run nothing; read what submitted jobs left in DIR"
    )
