"""`distnet slurm`: the job script that a cluster's user would write by hand.

SLURM sends SIGUSR1 to every task some minutes before the limit, and SIGTERM when the job is
pre-empted. Both make distnet write a checkpoint at the end of the interval and leave with exit code
75; the script then puts the job back into the queue, where it goes on from the checkpoint.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from launch.errors import LaunchError
from launch.going_on import GO_ON

#: Seconds before the limit at which SLURM asks for a checkpoint; less of a short limit.
NOTICE = 300

#: Limits as sbatch reads them: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:...].
TIME = re.compile(r"\d+(:\d{1,2}){0,2}|\d+-\d{1,2}(:\d{1,2}){0,2}")


@dataclass(frozen=True)
class Job:
    """What a job asks of the cluster, and what it runs."""

    name: str
    command: str  # of each task, after srun
    nodes: int
    tasks_per_node: int
    time: str
    gpus_per_node: int = 0
    cpus_per_task: int = 0
    queue: str = ""
    account: str = ""
    setup: str = ""
    log: str = ""  # file; %j is the job's number


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    tasks = args.tasks_per_node or args.gpus_per_node
    if tasks is None:
        raise LaunchError("slurm: neither --gpus-per-node nor --tasks-per-node is given")
    seconds(args.time)
    out = args.out or Path("out") / args.config.stem
    command = ["distnet", "run", str(args.config), "--out", str(out), "--overwrite", "--resume"]
    job = Job(
        name=f"distnet-{args.config.stem}",
        command=shlex.join([*command, *shlex.split(args.run_options)]),
        nodes=args.nodes,
        tasks_per_node=tasks,
        time=args.time,
        gpus_per_node=args.gpus_per_node or 0,
        cpus_per_task=args.cpus_per_task or 0,
        queue=args.queue or "",
        account=args.account or "",
        setup=args.setup,
    )
    sys.stdout.write(job_script(job))
    return 0


def seconds(time: str) -> int:
    """A limit as sbatch reads it [s].

    >>> seconds("90"), seconds("2:30:00"), seconds("1-12")
    (5400, 9000, 129600)

    Raises:
        LaunchError: it is none.
    """
    if not TIME.fullmatch(time):
        raise LaunchError(f"slurm: --time {time} is not a limit such as 30, 2:00:00 or 1-12")
    days, _, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if not days and len(parts) < 3:
        parts.insert(0, 0)  # no hours
    hours, minutes, last = (*parts, 0, 0)[:3]
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + last


def job_script(job: Job) -> str:
    """The script that sbatch takes."""
    options = {
        "job-name": job.name,
        "nodes": job.nodes,
        "ntasks-per-node": job.tasks_per_node,
        "gpus-per-node": job.gpus_per_node,
        "cpus-per-task": job.cpus_per_task,
        "time": job.time,
        "partition": job.queue,
        "account": job.account,
        "output": job.log or f"{job.name}-%j.log",
        "open-mode": "append",
        "signal": f"USR1@{min(NOTICE, seconds(job.time) // 4)}" if job.time else "",
    }
    lines = ["#!/usr/bin/env bash"]
    lines += [f"#SBATCH --{name}={value}" for name, value in options.items() if value]
    lines += ["#SBATCH --requeue", "", "set -u"]
    lines += [job.setup] if job.setup else []
    bind = " --cpu-bind=cores" if job.cpus_per_task else ""
    lines += [
        "",
        "# srun passes SIGUSR1 (time is nearly over) and SIGTERM (pre-empted) on to the ranks;",
        "# without this, the latter would end this script before they have saved their state.",
        "trap '' TERM",
        "",
        f"srun --kill-on-bad-exit=1{bind} {job.command}",
        "code=$?",
        f"if [ $code -eq {GO_ON} ]; then",
        '  echo "distnet: state saved; back into the queue"',
        '  scontrol requeue "$SLURM_JOB_ID"',
        "fi",
        "exit $code",
    ]
    return "\n".join(lines) + "\n"
