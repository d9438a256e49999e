"""`distnet scaling --dry-run`: what some ranks of many would need, without the many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distnet.dry_run import DryRun

#: Cells of a rank in the network that is drawn where no circuit is given.
CELLS = 400

#: Ranks of each number that are looked at, and the share of all from one to the next.
SAMPLE, STRIDE = 9, 0.6180339887


def sample(n_ranks: int) -> list[int]:
    """Ranks to look at, spread over all.

    >>> sample(2), sample(64)
    ([0, 1], [5, 15, 20, 30, 35, 39, 45, 54, 60])
    """
    found = {int(n_ranks * ((k + 1) * STRIDE % 1.0)) for k in range(SAMPLE)}
    return sorted(found) if n_ranks > SAMPLE else list(range(n_ranks))


def dry_points(
    config: Path | None, counts: Sequence[int], exchange: str = "auto"
) -> list[list[DryRun]]:
    """Be some ranks of each number of ranks in turn.

    Args:
        config: a circuit, of which each rank has a share; without one a sheet of cells is drawn
            that grows with the ranks.
        counts: numbers of ranks.
        exchange: the transport of all; "auto": what is cheapest for the most ranks.
    """
    from distnet.balance import divide
    from distnet.dry_run import Pretending, dry_run
    from distnet.network import Network
    from distnet.settings import Settings
    from distnet.sonata import load
    from distnet.spatial_network import SpatialNetwork

    found: dict[int, list[DryRun]] = {}
    for n in sorted(counts, reverse=True):
        network: Network = SpatialNetwork(n * CELLS)
        settings = Settings()
        if config is not None:
            simulation = load(config)
            network, settings = simulation.network, simulation.plan.settings
        owner = divide(network, settings, Pretending(n), "auto")
        found[n] = []
        for rank in sample(n):
            one = dry_run(network, settings, n, rank, owner, transport=exchange)
            exchange = one.transport
            found[n].append(one)
    return [found[n] for n in counts]


def dry_table(points: Sequence[Sequence[DryRun]]) -> list[str]:
    """A line a number of ranks, medians of the ranks looked at; times of exchanges are modelled."""
    head = (
        "ranks", "cells", "synapses", "heard", "partners", "memory MB", "most", "messages", "most",
        "bytes out", "spikes in", "events", "delivery us", "exchange us (modelled)",
    )  # fmt: skip
    rows = [head]
    for ranks in points:
        one = ranks[0]
        rows.append(
            (
                f"{one.n_ranks:,}",
                f"{median(r.n_cells for r in ranks):,.0f}",
                f"{median(r.n_connections for r in ranks):,.0f}",
                f"{median(r.n_heard for r in ranks):,.0f}",
                f"{median(r.partners for r in ranks):,.0f}",
                f"{median(r.n_bytes for r in ranks) / 1e6:.2f}",
                f"{max(r.n_bytes for r in ranks) / 1e6:.2f}",
                f"{median(r.messages for r in ranks):.0f}",
                f"{max(r.messages for r in ranks)}",
                f"{median(r.sends[r.transport][1] for r in ranks):,.0f}",
                f"{median(r.spikes_in for r in ranks):.1f}",
                f"{median(r.events for r in ranks):.0f}",
                f"{1e6 * median(r.delivery_seconds for r in ranks):.0f}",
                f"{1e6 * median(r.exchange_seconds[r.transport] for r in ranks):.0f}",
            )
        )
    transport = points[0][0].transport
    title = f"spikes travel by {transport}; medians of {SAMPLE} ranks of each number"
    return [title, *align(rows), "", *transport_table(points)]


def transport_table(points: Sequence[Sequence[DryRun]]) -> list[str]:
    """Messages and bytes of a rank by each transport, a line a number of ranks."""
    names = [*points[0][0].sends]
    head = ["ranks"]
    for name in names:
        head += [f"{name}: messages", "bytes out", "us (modelled)"]
    rows = [tuple(head)]
    for ranks in points:
        row = [f"{ranks[0].n_ranks:,}"]
        for name in names:
            seconds = [r.exchange_seconds[name] for r in ranks if name in r.exchange_seconds]
            row.append(f"{median(r.sends[name][0] for r in ranks):.0f}")
            row.append(f"{median(r.sends[name][1] for r in ranks):,.0f}")
            row.append(f"{1e6 * median(seconds):.0f}" if seconds else "-")
        rows.append(tuple(row))
    return align(rows)


def align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns flush right."""
    width = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(f"{v:>{w}}" for v, w in zip(row, width, strict=True)) for row in rows]


def write_points(folder: Path, points: Sequence[Sequence[DryRun]]) -> list[Path]:
    """Leave the points as JSON and as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    text, picture = folder / "dry.json", folder / "dry.png"
    every = [asdict(one) for ranks in points for one in ranks]
    text.write_text(json.dumps(every, indent=1), encoding="utf-8")
    draw(picture, points)
    return [text, picture]


def draw(path: Path, points: Sequence[Sequence[DryRun]]) -> None:
    """Memory, and time of an interval, against the number of ranks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts = [ranks[0].n_ranks for ranks in points]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    size = [median(one.n_bytes for one in ranks) / 1e6 for ranks in points]
    left.plot(counts, size, "o-", label="cells and tables")
    left.set(xlabel="ranks", ylabel="memory of a rank [MB]", xscale="log", ylim=(0, None))
    delivery = [1e6 * median(one.delivery_seconds for one in ranks) for ranks in points]
    right.plot(counts, delivery, "o-", label="delivery, measured")
    for name in points[0][0].sends:
        mine = [ranks for ranks in points if name in ranks[0].exchange_seconds]
        seconds = [1e6 * median(one.exchange_seconds[name] for one in ranks) for ranks in mine]
        right.plot([r[0].n_ranks for r in mine], seconds, "--", label=f"{name}, modelled")
    right.set(xlabel="ranks", ylabel="time of an interval [us]", xscale="log", yscale="log")
    for axes in (left, right):
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
