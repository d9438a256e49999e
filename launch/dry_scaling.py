"""`distnet scaling --dry-run`: what one rank of many would need, without the many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distnet.dry_run import DryRun

#: Cells of a rank in the network that is drawn where no circuit is given.
CELLS = 200


def dry_points(config: Path | None, counts: Sequence[int], rank: int | None = None) -> list[DryRun]:
    """Be one rank of each number of ranks in turn.

    Args:
        config: a circuit, of which each rank has a share; without one a placed network is drawn
            that grows with the ranks.
        counts: numbers of ranks.
        rank: which rank; the middle one by default.
    """
    from distnet.dry_run import dry_run
    from distnet.settings import Settings
    from distnet.sonata import load
    from distnet.spatial_network import SpatialNetwork

    found = []
    for n in counts:
        which = min(n - 1, n // 2 if rank is None else rank)
        if config is None:
            found.append(dry_run(SpatialNetwork(n * CELLS), Settings(), n, which))
        else:
            simulation = load(config)
            found.append(dry_run(simulation.network, simulation.plan.settings, n, which))
    return found


def dry_table(points: Sequence[DryRun]) -> list[str]:
    """One line a number of ranks; times of exchanges are modelled."""
    head = (
        "ranks", "cells", "synapses", "heard", "partners", "tables MB", "exchange", "messages",
        "bytes out", "spikes in", "events", "delivery us", "exchange us (modelled)",
    )  # fmt: skip
    rows = [head]
    for one in points:
        exchange = one.exchange_seconds[one.transport]
        rows.append(
            (
                f"{one.n_ranks:,}",
                f"{one.n_cells:,}",
                f"{one.n_connections:,}",
                f"{one.n_heard:,}",
                f"{one.partners:,}",
                f"{(one.table_bytes + one.block_bytes) / 1e6:.2f}",
                one.transport,
                f"{one.messages}",
                f"{one.message_bytes:.0f}",
                f"{one.spikes_in:.1f}",
                f"{one.events:.0f}",
                f"{1e6 * one.delivery_seconds:.0f}",
                f"{1e6 * exchange:.0f}",
            )
        )
    width = [max(len(row[k]) for row in rows) for k in range(len(head))]
    return ["  ".join(f"{v:>{w}}" for v, w in zip(row, width, strict=True)) for row in rows]


def write_points(folder: Path, points: Sequence[DryRun]) -> list[Path]:
    """Leave the points as JSON and as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    text, picture = folder / "dry.json", folder / "dry.png"
    text.write_text(json.dumps([asdict(one) for one in points], indent=1), encoding="utf-8")
    draw(picture, points)
    return [text, picture]


def draw(path: Path, points: Sequence[DryRun]) -> None:
    """Memory, and time of an interval, against the number of ranks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ranks = [one.n_ranks for one in points]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    size = [(one.table_bytes + one.block_bytes) / 1e6 for one in points]
    left.plot(ranks, size, "o-", label="cells and tables")
    left.set(xlabel="ranks", ylabel="memory of a rank [MB]", xscale="log", ylim=(0, None))
    delivery = [1e6 * one.delivery_seconds for one in points]
    right.plot(ranks, delivery, "o-", label="delivery, measured")
    for name in sorted({name for one in points for name in one.exchange_seconds}):
        mine = [one for one in points if name in one.exchange_seconds]
        seconds = [1e6 * one.exchange_seconds[name] for one in mine]
        right.plot([one.n_ranks for one in mine], seconds, "--", label=f"{name}, modelled")
    right.set(xlabel="ranks", ylabel="time of an interval [us]", xscale="log", yscale="log")
    for axes in (left, right):
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
