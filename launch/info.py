"""`distnet info`: what a circuit holds, and how much memory it takes."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from launch.files import require_file
from launch.footprint import footprint

if TYPE_CHECKING:
    from distnet.catalogue import Catalogue
    from distnet.cell import Cell

#: Bytes of a node whatever the precision: the description, its ions, its places in tree and engine;
#: and numbers in the engine's own: matrix row, voltage, ions, idle places.
NODE_BYTES, NODE_NUMBERS = 230, 18
#: Bytes of such a number.
NUMBER_BYTES = {"double": 8, "single": 4}
#: Bytes of a connection: source, target, weight, delay and its place in the routing.
CONNECTION_BYTES = 64
#: Bytes of an instance besides its parameters and the engine's variables: node, cell, its place.
INSTANCE_BYTES = 64
#: Columns of the classes on a GPU; ps: the model's floor of a node and step, and what bounds it.
GPU_COLUMNS = (
    "cells", "compartments", "mechanisms", "steps", "bound", "k", "threads", "vectors",
    "shared B", "registers", "cells/SM", "floor ps", "by",
)  # fmt: skip
#: Cells whose edges are read at once.
CHUNK = 1000


@dataclass
class Inventory:
    """What a network holds."""

    populations: list[tuple[str, int, int]]  # name, detailed cells, virtual cells
    n_nodes: int = 0
    n_compartments: int = 0
    n_synapses: int = 0
    density: Counter[str] = field(default_factory=Counter)  # mechanism -> compartments with it
    processes: Counter[str] = field(default_factory=Counter)  # mechanism -> instances
    n_bytes: int = 0  # about what a simulation of it takes

    @property
    def n_detailed(self) -> int:
        """Number of detailed cells."""
        return sum(detailed for _, detailed, _ in self.populations)

    @property
    def n_virtual(self) -> int:
        """Number of virtual cells."""
        return sum(virtual for _, _, virtual in self.populations)


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    require_file(args.config)
    found = take_inventory(args.config, args.precision)
    print("\n".join(lines(args.config, found, footprint(args.config, args.ranks))))
    if args.gpu is not None:
        show_classes(args.config, args.gpu, args.precision)
    return 0


def show_classes(config: Path, gpu: str, precision: str) -> None:
    """Print how the cells of a circuit would run on a card."""
    from rich.console import Console
    from rich.table import Table

    from distnet.gpu_plan import plan_circuit

    table = Table(
        title=f"on one {gpu} in {precision} precision, by class of cells", title_justify="left"
    )
    for heading in GPU_COLUMNS:
        table.add_column(heading, justify="left" if heading == "mechanisms" else "right")
    for one in plan_circuit(config, gpu, precision):
        table.add_row(
            f"{one.n_cell:,}",
            spread(*one.n_compartment),
            " ".join(one.mechanisms),
            spread(*one.n_step),
            spread(*one.bound),
            str(one.lanes),
            str(one.threads),
            one.where,
            f"{one.n_shared:,}",
            "-" if one.registers is None else str(one.registers),
            str(one.cells_per_sm),
            f"{one.picoseconds:.3g}",
            one.limit,
        )
    Console(width=160).print(table)


def spread(least: int, most: int) -> str:
    """A number, or the least and the most.

    >>> spread(3, 3), spread(3, 1200)
    ('3', '3-1,200')
    """
    return f"{least:,}" if least == most else f"{least:,}-{most:,}"


def take_inventory(config: Path, precision: str = "double") -> Inventory:
    """Build every cell of a circuit, one after another, and count what it has."""
    import numpy as np

    from distnet.catalogue import Catalogue
    from distnet.cell import Cell
    from distnet.sonata import load

    simulation = load(config)
    network = simulation.network
    kinds = network.kinds()
    detailed = np.flatnonzero(kinds == 0)
    populations = [
        (
            p.name,
            int((kinds[p.first : p.last] == 0).sum()),
            int((kinds[p.first : p.last] != 0).sum()),
        )
        for p in network.populations
    ]
    found = Inventory(populations)
    for first in range(0, len(detailed), CHUNK):
        gids = detailed[first : first + CHUNK]
        network.own(gids)
        for gid in gids.tolist():
            cell = network.cell(gid)
            assert isinstance(cell, Cell)
            count_cell(found, cell)
            found.n_synapses += len(network.connections_to(gid).source)
    found.n_bytes = estimate_memory(found, Catalogue(simulation.plan.settings), precision)
    return found


def count_cell(found: Inventory, cell: Cell) -> None:
    """Add one cell to the counts."""
    found.n_nodes += len(cell.cable.parent)
    found.n_compartments += int((cell.cable.area > 0).sum())
    found.density.update({name: len(density.node) for name, density in cell.density.items()})
    found.processes.update(process.mechanism for process in cell.processes)


def estimate_memory(found: Inventory, catalogue: Catalogue, precision: str = "double") -> int:
    """About how many bytes a simulation takes on all ranks together, besides Python itself.

    What the description gives stays float64 in single precision.
    """
    n_byte = NUMBER_BYTES[precision]
    total = found.n_nodes * (NODE_BYTES + NODE_NUMBERS * n_byte)
    total += found.n_synapses * CONNECTION_BYTES
    for name, n in (found.density + found.processes).items():
        one = catalogue[name]
        total += n * (INSTANCE_BYTES + 8 * len(one.parameters) + n_byte * len(one.variables()))
    return total


def lines(config: Path, found: Inventory, of_rank: list[tuple[str, str]]) -> list[str]:
    """The report, line by line; `of_rank` as `footprint` gives it."""
    rows = [("circuit", str(config))]
    rows.append(("cells", f"{found.n_detailed:,} detailed, {found.n_virtual:,} virtual"))
    for name, detailed, virtual in found.populations:
        parts = [f"{n:,} {kind}" for n, kind in ((detailed, "detailed"), (virtual, "virtual")) if n]
        rows.append((f"  {name}", ", ".join(parts) or "empty"))
    rows.append(("compartments", f"{found.n_compartments:,}"))
    rows.append(("mechanisms", f"{len(found.density) + len(found.processes)}"))
    rows += [(f"  {name}", f"{n:,} compartments") for name, n in found.density.most_common()]
    rows += [(f"  {name}", f"{n:,} instances") for name, n in found.processes.most_common()]
    rows.append(("synapses", f"{found.n_synapses:,}"))
    rows.append(("memory", f"about {readable(found.n_bytes)}, shared by the ranks"))
    rows += of_rank
    width = max(len(label) for label, _ in rows)
    return [f"{label:<{width}}  {value}" for label, value in rows]


def readable(n_bytes: float) -> str:
    """Bytes in a fitting unit.

    >>> readable(2_340_000)
    '2.3 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
