"""How long the CUDA kernels take at least on cards that nobody here has: a model from counts.

    python benchmarks/gpu_model.py [--json] [--sizes 200 1000 ...] [--gpu h100 a100]
                                   [--markdown docs/gpu_model.md]

Nothing is timed. The generated kernels are compiled by NVRTC; their PTX runs on the CPU with
counters, which gives instructions, sectors of memory and requests of shared memory exactly; the
constants of the cards are those of `kernels/cuda/cards.py`. Printed is the floor of a compartment
and step, of

- "interval": the engine's kernel, one launch for 40 steps, state on chip where it fits;
- "streaming": the same arithmetic with the state in global memory, all of it streamed from there by
  a launch for every phase between two barriers of a block, as CoreNEURON and DeepDendrite do;

and the solver alone beside the shape in which it is published: global memory, atomic additions,
32 lanes, one launch a step.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path

import gpu_page
from gpu_counts import Counted, cell_block, count_cell, count_paper_kernel, dendrite
from rich.console import Console
from rich.table import Table

from kernels import Block
from kernels.cable import make_cable
from kernels.cuda import Variant
from kernels.cuda.cards import CARDS, SOURCES, Card
from kernels.cuda.choice import Chooser, Kind
from kernels.cuda.classes import Schedules
from kernels.cuda.engine import print_block
from kernels.cuda.model import Cells, Floor, Load, demand_of, floor_of
from kernels.cuda.nvrtc import toolchain
from kernels.cuda.occupancy import resident_cells
from kernels.cuda.tally import executed, loads
from kernels.precision import DOUBLE, SINGLE, Precision
from kernels.preparation import prepare

SIZES = (200, 400, 1000, 4000, 10_000, 100_000)
MODELS = {"HH": ("hh",), "HH f32": ("hh",), "passive": ("pas",)}
#: Functions of the kernels that solve the tree.
SOLVER = re.compile(
    "solve|eliminate|substitute|leave|gather|load_tile|store_tile|place_piece|copy_indices"
)
N_STEP = 40  # of an interval: a shortest delay of 1 ms
FULL = 10_000  # cells that fill any card
WAVES = 2  # cells: so many times those that the card holds at once
ASSUMED = (
    "Assumed beside what the table of constants says: no bank conflicts, no misses of the "
    "instruction cache, launches of one class at a time, memory and arithmetic overlap fully, "
    "of what cells in flight use in every step the L2 cache keeps as much as it holds."
)


def resident(card: Card, counted: Counted) -> int:
    """Cells that a multiprocessor holds."""
    return resident_cells(
        card.architecture, counted.registers, counted.variant.threads, counted.n_shared
    )


def interval(card: Card, counted: Counted, n_cell: int, worst: bool = False) -> Floor:
    """An interval of the engine's kernel; `worst` as in `floor_of`."""
    demand = demand_of([counted.cells(card, n_cell)], N_STEP)
    return floor_of(card, demand, resident(card, counted), worst)


def streaming(card: Card, counted: Counted, n_cell: int) -> Floor:
    """The same steps, each of as many launches as it has phases, all from memory."""
    cells = counted.cells(card, n_cell)
    cells = dataclasses.replace(cells, launch=Load())
    floor = floor_of(card, demand_of([cells], N_STEP), resident(card, counted))
    launches = N_STEP * (1 + counted.barriers())
    streamed = cells.step.moved * n_cell * N_STEP
    return Floor(
        floor.bounds
        | {"memory": streamed / card.memory_bandwidth, "launch": launches * card.launch}
    )


def count_best(block: Block, card: Card, precision: Precision) -> Counted:
    """A cell as the engine runs it where there are so many such cells that the card is full."""
    program = print_block(block, prepare(block, precision))
    (plan,) = make_cable(block).plans
    kind = Kind(plan, False, tuple(g.n for g in block.mechanisms), FULL)
    chooser = Chooser(card, program.printers, Schedules())
    (variant,) = chooser.choose([kind])
    n_shared = chooser.shared_to_hold(chooser.group([kind], variant), variant)
    counted = count_cell(block, card.architecture, variant, precision)
    return dataclasses.replace(counted, n_shared=max(counted.n_shared, n_shared))


def rows_of_model(model: str, size: int, cards: list[Card]) -> list[dict]:
    """Interval against streaming for one cell on all cards."""
    rows = []
    block = cell_block(dendrite(size), MODELS[model])
    precision = SINGLE if model.endswith("f32") else DOUBLE
    for card in cards:
        counted = count_best(block, card, precision)
        lanes = counted.variant.lanes
        flat = counted
        if not counted.variant.large:
            threads = counted.variant.threads
            flat = count_cell(
                block, card.architecture, Variant(threads, lanes, True, False), precision
            )
        n_cell = WAVES * resident(card, counted) * card.n_sm
        one, other = interval(card, counted, n_cell), streaming(card, flat, n_cell)
        scale = 1e12 / N_STEP / n_cell / size
        step = counted.load(card)
        rows.append(
            {
                "model": model, "compartments": size, "card": card.name, "cells": n_cell,
                "threads": counted.variant.threads, "lanes": lanes,
                "where": counted.variant.where, "registers": counted.registers,
                "shared_bytes": counted.n_shared, "cells_per_sm": resident(card, counted),
                "levels": counted.n_step,
                "issued": step.issued / size, "real": (step.real + step.single) / size,
                "shared_clocks": step.shared / size, "global_bytes": step.moved / size,
                "kept_bytes": counted.kept / size, "chain_cycles": step.chain,
                "streaming_bytes": flat.load(card).moved / size,
                "streaming_launches": 1 + flat.barriers(),
                "interval_ps": one.seconds * scale, "interval_limit": one.limit,
                "worst_ps": interval(card, counted, n_cell, worst=True).seconds * scale,
                "streaming_ps": other.seconds * scale, "streaming_limit": other.limit,
                "ratio": other.seconds / one.seconds,
                "step_us_of_one_cell": 1e6 * step.chain / card.clock,
            }
        )  # fmt: skip
    return rows


def rows_of_solver(size: int, cards: list[Card]) -> list[dict]:
    """The tree alone, our kernel against the published shape."""
    text = Path(__file__).with_name("gpu_paper_kernel.cu").read_text()
    parent = dendrite(size)
    rows = []
    for card in cards:
        block = cell_block(parent, ("pas",))
        ours = count_best(block, card, DOUBLE)
        theirs = count_paper_kernel(text, parent, card.architecture)
        found = loads(ours.listing, ours.step, card)
        tree = sum((load for name, load in found.items() if SOLVER.match(name)), Load())
        other = theirs.load(card)
        for name, counted, load in (("ours", ours, tree), ("published", theirs, other)):
            held = resident(card, counted)
            # Within an interval ours touches nothing but shared memory, where the cell fits.
            kept = counted.kept if counted.variant.where != "shared" else 0.0
            cells = Cells(WAVES * held * card.n_sm, load, Load(), kept, kept)
            floor = floor_of(card, demand_of([cells], 1), held)
            seconds = floor.seconds - (counted is ours) * floor.bounds["launch"]
            rows.append(
                {
                    "solver": name, "compartments": size, "card": card.name,
                    "levels": counted.n_step, "issued": load.issued / size,
                    "float64": load.real / size, "shared_clocks": load.shared / size,
                    "global_bytes": load.moved / size, "chain_cycles": load.chain,
                    "cycles_per_level": load.chain / counted.n_step,
                    "divisions": _divisions(counted) / size,
                    "cells_per_sm": held,
                    "ps": seconds * 1e12 / (cells.n * size),
                    "limit": floor.limit, "one_cell_us": 1e6 * load.chain / card.clock,
                }
            )  # fmt: skip
    return rows


def _divisions(counted: Counted) -> float:
    found = executed(counted.listing, counted.step)
    tree = [c for name, c in found.items() if SOLVER.match(name)] or [found["advance"]]
    return sum(n for c in tree for name, n in c.items() if name.split(".")[0] in ("rcp", "div"))


def table_of(title: str, rows: list[dict], columns: dict[str, str]) -> Table:
    """Rows of a run as a table; columns: key -> heading."""
    table = Table(title=title, title_justify="left")
    for key, heading in columns.items():
        numbers = isinstance(rows[0][key], float | int)
        table.add_column(heading, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(shown(row[key]) for key in columns))
    return table


def shown(value: object) -> str:
    """A cell of a table."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


MODEL_COLUMNS = {
    "model": "model", "compartments": "comp.", "card": "card", "threads": "T", "lanes": "k",
    "where": "where", "levels": "levels", "cells_per_sm": "cells/SM", "issued": "warp instr.",
    "real": "real",
    "shared_clocks": "shared clk", "global_bytes": "B", "kept_bytes": "B kept",
    "interval_ps": "interval ps", "interval_limit": "bound by",
    "worst_ps": "no cache ps", "streaming_bytes": "stream B",
    "streaming_ps": "streaming ps", "streaming_limit": "bound by ", "ratio": "ratio",
    "step_us_of_one_cell": "us/step of 1 cell",
}  # fmt: skip
SOLVER_COLUMNS = {
    "solver": "solver", "compartments": "comp.", "card": "card", "levels": "levels",
    "issued": "warp instr.", "float64": "f64", "divisions": "divisions",
    "shared_clocks": "shared clk",
    "global_bytes": "B", "cycles_per_level": "cycles/level", "cells_per_sm": "cells/SM", "ps": "ps",
    "limit": "bound by", "one_cell_us": "us of 1 cell",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a row and line")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help="compartments of a cell"
    )
    parser.add_argument("--gpu", nargs="+", choices=CARDS, default=list(CARDS))
    parser.add_argument("--markdown", type=Path, help="put the rows into the tables of this page")
    args = parser.parse_args()
    cards = [CARDS[name] for name in args.gpu]
    models, solvers = [], []
    for size in args.sizes:
        for model in MODELS:
            models += shown_rows(args.json, rows_of_model(model, size, cards))
        solvers += shown_rows(args.json, rows_of_solver(size, cards))
    if args.markdown is not None:
        gpu_page.put_tables(args.markdown, models, solvers)
    if args.json:
        return
    console = Console(width=190)
    console.print(table_of("Constants", constants(cards), {"name": "constant", **{
        card.name: card.name for card in cards}, "source": "source"}))  # fmt: skip
    console.print(f"Counted in what {toolchain()} makes; per compartment and step. {ASSUMED}\n")
    console.print(table_of("Interval against streaming (floors)", models, MODEL_COLUMNS))
    console.print(table_of("The solver alone (floors)", solvers, SOLVER_COLUMNS))


def shown_rows(as_json: bool, rows: list[dict]) -> list[dict]:
    """The rows, printed at once where lines of JSON are asked for."""
    for row in rows if as_json else []:
        print(json.dumps(row), flush=True)
    return rows


def constants(cards: list[Card]) -> list[dict]:
    """Every constant with its value on each card and its source."""
    rows = []
    for name, source in SOURCES.items():
        values = {c.name: getattr(c, name, getattr(c.latency, name, None)) for c in cards}
        rows.append({"name": name, **{k: f"{v:,.4g}" for k, v in values.items()}, "source": source})
    return rows


if __name__ == "__main__":
    main()
