"""`distnet scaling`: one circuit on several numbers of ranks, and what comes of it."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from launch.dry_scaling import dry_points, dry_table, write_points
from launch.errors import LaunchError
from launch.files import require_file
from launch.mpiexec import find_mpiexec, mpi_command, small_job_environment
from launch.replay import replay_lines
from launch.slurm import Job, job_script
from launch.timing import TIMING, Timing, read_timing


@dataclass(frozen=True)
class Point:
    """A number of ranks and how the circuit ran on it."""

    ranks: int
    steps: int
    seconds: float  # of the loop, median of the runs
    setup_seconds: float  # median
    speed_up: float  # against the fewest ranks, as if these scaled ideally to one
    efficiency: float  # 1 is ideal


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    if args.replay is not None:
        print("\n".join(replay_lines(args.replay, args.network)))
        return 0
    if args.out is None:
        raise LaunchError("scaling: --out DIR is needed, for the results")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.dry_run:
        return dry_run(args)
    if args.config is None:
        raise LaunchError("scaling: CONFIG is needed to run; only --dry-run goes without")
    weak = "{ranks}" in args.config
    configs = {n: Path(args.config.replace("{ranks}", str(n))) for n in args.ranks}
    for config in configs.values():
        require_file(config)
    if args.slurm is not None:
        for n, config in configs.items():
            submit(args, n, config)
        print(f"when the jobs are done: distnet scaling ... --out {args.out} --collect")
        return 0
    if not args.collect:
        for repeat in range(args.repeats):
            for n, config in configs.items():
                run_point(args, n, config, repeat)
    timings = {n: collect(args.out, n) for n in args.ranks}
    points = analyse(timings, weak)
    write(args.out, points, weak)
    print("\n".join(table(points)))
    print(f"in {args.out}: scaling.csv, scaling.json, scaling.png")
    return 0


def dry_run(args: argparse.Namespace) -> int:
    """Carry out `--dry-run`; returns the exit code."""
    config = Path(args.config) if args.config else None
    if config is not None:
        require_file(config)
    points = dry_points(config, args.dry_run, args.exchange)
    print("\n".join(dry_table(points)))
    names = ", ".join(path.name for path in write_points(args.out, points))
    print(f"in {args.out}: {names}")
    return 0


def arguments(args: argparse.Namespace, config: Path, folder: Path) -> list[str]:
    """Arguments of `distnet` for one run."""
    found = ["run", str(config), "--out", str(folder), "--quiet", "--overwrite", "--timing"]
    found += ["--partition", args.partition, "--exchange", args.exchange]
    return found + (["--tstop", str(args.tstop)] if args.tstop else [])


def point_folder(out: Path, n: int, repeat: int) -> Path:
    """Where one run leaves its results."""
    return out / f"ranks_{n}" / str(repeat)


def run_point(args: argparse.Namespace, n: int, config: Path, repeat: int) -> None:
    """Run on `n` ranks of this machine.

    Raises:
        LaunchError: there is no mpiexec, or the run failed.
    """
    mpiexec = find_mpiexec()
    if mpiexec is None and n > 1:
        raise LaunchError("scaling: there is no mpiexec: pip install mpich, or load an MPI")
    rest = ["-m", "launch", *arguments(args, config, point_folder(args.out, n, repeat))]
    command = mpi_command(mpiexec, n, rest) if mpiexec else [sys.executable, *rest]
    print(f"distnet: {n} ranks, run {repeat + 1} of {args.repeats}", file=sys.stderr, flush=True)
    done = subprocess.run(command, env=small_job_environment(), check=False)
    if done.returncode != 0:
        raise LaunchError(f"scaling: the run on {n} ranks ended with exit code {done.returncode}")


def submit(args: argparse.Namespace, n: int, config: Path) -> None:
    """Write the job script of a point and hand it to sbatch.

    Raises:
        LaunchError: sbatch is missing or refuses it.
    """
    folder = point_folder(args.out, n, 0)
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["distnet", *arguments(args, config, folder)])
    job = Job(f"distnet-{n}", command, 0, 0, "", log=str(folder.parent / "job-%j.log"))
    path = folder.parent / "job.sh"
    path.write_text(job_script(job), "utf-8")
    options = [f"--ntasks={n}", *shlex.split(args.slurm)]
    try:
        subprocess.run(["sbatch", *options, str(path)], check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise LaunchError(f"scaling: sbatch did not take {path} ({problem})") from None


def collect(out: Path, n: int) -> list[Timing]:
    """Timings of all runs on `n` ranks.

    Raises:
        LaunchError: there are none, or a run was on another number of ranks.
    """
    found = [read_timing(path) for path in sorted((out / f"ranks_{n}").glob(f"*/{TIMING}"))]
    if not found:
        raise LaunchError(f"{out / f'ranks_{n}'}: holds no {TIMING}; the run has not ended")
    for timing in found:
        if timing.ranks != n:
            raise LaunchError(f"{out / f'ranks_{n}'}: holds a run on {timing.ranks} ranks")
    return found


def analyse(timings: Mapping[int, Sequence[Timing]], weak: bool) -> list[Point]:
    """Speed-up and efficiency of every number of ranks, against the fewest."""
    fewest = min(timings)
    base = median(t.seconds_per_step for t in timings[fewest])
    points = []
    for n, found in sorted(timings.items()):
        ratio = base / median(t.seconds_per_step for t in found)
        efficiency = ratio if weak else ratio * fewest / n
        points.append(
            Point(
                ranks=n,
                steps=found[0].steps,
                seconds=median(t.loop_seconds for t in found),
                setup_seconds=median(t.setup_seconds for t in found),
                speed_up=efficiency * n,
                efficiency=efficiency,
            )
        )
    return points


def write(out: Path, points: Sequence[Point], weak: bool) -> None:
    """Leave scaling.csv, scaling.json and scaling.png."""
    from launch.figures import scaling

    with (out / "scaling.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)
    kind = "weak" if weak else "strong"
    content = {"scaling": kind, "points": [asdict(point) for point in points]}
    (out / "scaling.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    scaling(
        [p.ranks for p in points],
        [p.seconds for p in points],
        [p.efficiency for p in points],
        weak,
        out / "scaling.png",
    )


def table(points: Sequence[Point]) -> list[str]:
    """What a terminal shows."""
    rows = ["ranks       loop s     setup s   speed-up   efficiency"]
    for p in points:
        times = f"{p.seconds:>10.3f}  {p.setup_seconds:>10.3f}"
        rows.append(f"{p.ranks:<6}  {times}  {p.speed_up:>9.2f}  {p.efficiency:>10.1%}")
    return rows
