"""`distnet scaling --dry-run`: a study of numbers of ranks that are not there."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from launch.errors import LaunchError
from launch.files import require_file
from launch.info import readable
from launch.threads import limit_threads

if TYPE_CHECKING:
    from distnet.dry_scaling import DryPoint
    from distnet.network import Network

HEADER = (
    "ranks  cells/rank  memory/rank  partners  transport   messages  spikes in  "
    "compute us  deliver us  exchange us  efficiency"
)


def run_dry(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code.

    Raises:
        LaunchError: an option does not go with a dry run.
    """
    limit_threads()
    if args.slurm is not None or args.collect:
        raise LaunchError("scaling: --dry-run runs here alone, without --slurm and --collect")
    from distnet.dry_scaling import dry_study
    from distnet.settings import Settings
    from distnet.sonata import load
    from distnet.spatial_network import SpatialNetwork

    if args.config is None:
        settings, kind = Settings(), "weak"

        def network_for(n: int) -> Network:
            return SpatialNetwork(args.cells_per_rank * n)
    else:
        config = Path(args.config)
        require_file(config)
        sonata = load(config)
        settings, kind = sonata.plan.settings, "strong"

        def network_for(n: int) -> Network:
            return sonata.network

    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{kind} scaling, modelled; memory, messages and delivery are of the busiest rank")
    print(HEADER)
    points = []
    for point in dry_study(network_for, settings, args.dry_run, args.partition):
        points.append(point)
        print(row(point), flush=True)
    write(args.out, points, kind)
    print(f"in {args.out}: dry.csv, dry.json, dry.png")
    return 0


def row(p: DryPoint) -> str:
    """A line of the table."""
    times = [1e6 * s for s in (p.compute_seconds, p.delivery_seconds, p.exchange_seconds)]
    return (
        f"{p.ranks:<6} {p.cells_of_rank:>10,}  {readable(p.rank_bytes):>11}  {p.partners:>8}  "
        f"{p.transport:<10}  {p.messages:>8}  {p.spikes_in:>9.1f}  "
        f"{times[0]:>10.1f}  {times[1]:>10.1f}  {times[2]:>11.1f}  {p.efficiency:>10.1%}"
    )


def write(out: Path, points: Sequence[DryPoint], kind: str) -> None:
    """Leave dry.csv, dry.json and dry.png."""
    from launch.figures import dry_scaling

    rows = [asdict(point) for point in points]
    with (out / "dry.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    content = {"scaling": kind, "modelled": True, "points": rows}
    (out / "dry.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    dry_scaling(points, kind, out / "dry.png")
