"""`distnet partition`: divide a circuit among ranks, say what that is worth, keep it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from launch.files import require_file
from launch.info import readable

if TYPE_CHECKING:
    from distnet.partition_report import PartitionReport


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    require_file(args.config)
    from distnet.balance import write_assignment
    from distnet.partition_report import read_costs, report_partition
    from distnet.sonata import load

    sonata = load(args.config)
    costs = None
    if args.costs is not None:
        costs = read_costs(args.costs, sonata.network.n_cells)
    method = str(args.partition)
    settings = sonata.plan.settings
    report = report_partition(sonata.network, settings, args.ranks, method, costs, args.rate)
    out = args.out or Path(f"{args.config.stem}.{args.ranks}.ranks")
    write_assignment(out, report.rank)
    print("\n".join([*lines(report), f"stored in         {out}"]))
    return 0


def lines(report: PartitionReport) -> list[str]:
    """The report, line by line."""
    ranks = f"{report.n_ranks} by {report.method}"
    interval = f"{report.interval:g} ms" if report.copies else "no spike crosses ranks"
    rows = [
        ("ranks", ranks),
        ("cells", f"{report.n_cells:,} with {report.n_connections:,} connections between them"),
        ("imbalance", f"{report.imbalance:.3f} (largest over mean cost of a rank)"),
        ("cut", f"{100 * report.cut:.1f} % of the connections"),
        ("ranks reached", f"{report.reached:.1f} by a source, beside its own"),
        ("partners", f"{report.partners:.1f} ranks that a rank hears"),
        ("interval", interval),
        ("received", f"{readable(report.allgather_bytes)} a rank and interval by allgather"),
        ("", f"{readable(report.neighbour_bytes)} a rank and interval from neighbours"),
        ("step", f"{1e6 * report.step_seconds:.1f} us on the slowest rank (predicted)"),
        ("exchange", f"{1e6 * report.exchange_seconds:.1f} us (predicted)"),
        ("efficiency", f"{100 * report.efficiency:.1f} % (predicted)"),
        ("bound", f"speed-up of {report.bound:.1f} by the largest cell, {report.largest_cell}"),
    ]
    return [f"{label:<16}  {value}" for label, value in rows]
