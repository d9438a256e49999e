"""Pictures of spikes and reports, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distnet.output import ReportTable, SpikeTable

#: Width of the bins of the rates [ms].
BIN = 5.0


def raster(spikes: Mapping[str, SpikeTable], path: Path) -> None:
    """Draw a dot for each spike: time to the right, cells upwards, populations above another."""
    figure, axes = canvas(height=4.5)
    first = 0
    ticks = []
    for table in spikes.values():
        n = n_nodes(table)
        axes.plot(table.times, first + table.node_ids, "|", markersize=5, label=table.population)
        ticks.append((first + n / 2 - 0.5, table.population))
        first += n
    axes.set_ylim(-1, max(first, 1))
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("cell")
    if len(ticks) > 1:
        axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    n_spikes = sum(len(table.times) for table in spikes.values())
    finish(figure, axes, f"{n_spikes} spikes", path)


def rates(spikes: Mapping[str, SpikeTable], path: Path) -> None:
    """Draw the mean rate of the cells that fired, by population, over time."""
    figure, axes = canvas(height=3.0)
    end = max((table.times.max() for table in spikes.values() if len(table.times)), default=BIN)
    edges = np.arange(0.0, end + BIN, BIN)
    for table in spikes.values():
        n_active = max(len(np.unique(table.node_ids)), 1)
        counts, _ = np.histogram(table.times, edges)
        axes.stairs(1000 * counts / BIN / n_active, edges, label=table.population)
    axes.set_ylabel("spikes/s a cell that fires")
    if len(spikes) > 1:
        axes.legend(frameon=False)
    finish(figure, axes, f"rates in bins of {BIN:g} ms", path)


def traces(report: ReportTable, path: Path, n_cells: int) -> None:
    """Draw the first recorded place of some cells, spread evenly over the report's cells."""
    shown = report.node_ids[np.unique(np.linspace(0, len(report.node_ids) - 1, n_cells, dtype=int))]
    figure, axes = canvas(height=1.0 + 0.6 * len(shown))
    columns = [report.of(node)[:, 0] for node in shown]
    step = 1.05 * max((np.ptp(column) for column in columns), default=1.0) or 1.0
    for i, column in enumerate(columns):
        axes.plot(report.times, column - column.min() + i * step, linewidth=0.7, color="black")
    axes.set_yticks(step * np.arange(len(shown)), [str(node) for node in shown])
    axes.set_ylabel("cell")
    unit = f" ({unit_name(report)}, {step:.3g} between cells)"
    finish(figure, axes, f"{report.population}: {report.variable}{unit}", path)


def unit_name(report: ReportTable) -> str:
    """The unit of a report, for a title."""
    return report.unit or ("mV" if report.variable == "v" else "its own unit")


def n_nodes(table: SpikeTable) -> int:
    """How many rows of a raster a population takes."""
    return int(table.node_ids.max()) + 1 if len(table.node_ids) else 1


def canvas(height: float) -> tuple[Any, Any]:
    """A figure of one panel, 9 inches wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def finish(figure: Any, axes: Any, title: str, path: Path) -> None:
    """Label the time axis and write the file."""
    axes.set_xlabel("time (ms)")
    axes.set_title(title, loc="left", fontsize="medium")
    axes.set_xlim(left=0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)


def scaling(
    ranks: list[int], seconds: list[float], efficiency: list[float], weak: bool, path: Path
) -> None:
    """Draw time and efficiency against ranks, each with its ideal line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    ideal = [seconds[0] * (1.0 if weak else ranks[0] / n) for n in ranks]
    left.plot(ranks, ideal, "--", color="0.6", label="ideal")
    left.plot(ranks, seconds, "o-", color="black", label="loop")
    left.set_yscale("log")
    left.set_ylabel("seconds")
    left.legend(frameon=False)
    right.axhline(100.0, linestyle="--", color="0.6")
    right.plot(ranks, [100 * e for e in efficiency], "o-", color="black")
    right.set_ylim(0, 1.1 * max(100.0, *(100 * e for e in efficiency)))
    right.set_ylabel("efficiency (%)")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ranks, [str(n) for n in ranks])
        axes.minorticks_off()
        axes.set_xlabel("ranks")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    left.set_title(f"{'weak' if weak else 'strong'} scaling", loc="left", fontsize="medium")
    figure.savefig(path, dpi=150)
