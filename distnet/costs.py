"""What a cell costs to advance: solver, mechanisms, synapses and incoming events, in ns a step.

A mechanism's price follows from the arithmetic counted in its .mod file, so that one small table,
fitted by `distnet.calibration`, prices every mechanism. Only ratios matter for balance.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

from distnet.catalogue import Catalogue
from distnet.cell import Cell
from distnet.errors import InputError
from distnet.network import ArtificialCell
from distnet.settings import Settings
from kernels.work import count_work

#: Nodes that a state of an instance costs which diffuses along the cable (cells of 400 nodes).
DIFFUSING = 1.5


@dataclass(frozen=True)
class CostTable:
    """Time of each piece of a step [ns]; the built-in values were fitted on an AVX-512 core."""

    node: float = 4.0  # solver: one node
    instance: float = 1.7  # loads and stores of one instance of a mechanism
    operation: float = 0.06  # a sum, product or comparison in an instance
    call: float = 0.7  # an exp, log or pow in an instance
    event: float = 17.0  # one event, from the queue through NET_RECEIVE


class Prices(Protocol):
    """What a network asks to price its cells."""

    synapse: float  # a point process of a connection
    event: float  # the events that come over one connection

    def cell(self, cell: Cell | ArtificialCell) -> float:
        """The price of a cell as it stands, without what comes over its connections."""


class Counted:
    """Prices without a table: nodes and density instances 1 each, a connection 0.5."""

    synapse = 0.0
    event = 0.5

    def cell(self, cell: Cell | ArtificialCell) -> float:
        if isinstance(cell, ArtificialCell):
            return 1.0
        return float(cell.cable.n_node + sum(len(d.node) for d in cell.density.values()))


class CostModel:
    """Prices by a table, in ns a step."""

    def __init__(self, table: CostTable, settings: Settings, rate: float = 5.0):
        """Prices under some settings.

        Args:
            table: of this machine.
            settings: time step and mechanisms.
            rate: spikes expected of a source [1/s].
        """
        self.table = table
        self.catalogue, self.celsius = Catalogue(settings), settings.celsius
        self._price: dict[str, float] = {}
        self.synapse = self.instance("Exp2Syn")
        self.event = table.event * rate * settings.dt / 1000.0

    def instance(self, mechanism: str) -> float:
        """One instance of a mechanism [ns]."""
        if mechanism not in self._price:
            made, table = self.catalogue[mechanism], self.table
            work = count_work(made, self.celsius)
            arithmetic = table.operation * work.operations + table.call * work.calls
            moving = DIFFUSING * table.node * len(made.diffusing)
            self._price[mechanism] = table.instance + arithmetic + moving
        return self._price[mechanism]

    def cell(self, cell: Cell | ArtificialCell) -> float:
        """A cell with its point processes, without events [ns]."""
        if isinstance(cell, ArtificialCell):
            return self.instance(cell.mechanism)
        density = sum(self.instance(n) * len(d.node) for n, d in cell.density.items())
        points = sum(self.instance(process.mechanism) for process in cell.processes)
        return self.table.node * cell.cable.n_node + density + points


def table_file() -> Path:
    """Where this user's table for this machine is kept: beside the compiled functions."""
    base = os.environ.get("DISTNET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "distnet"
    )
    return Path(base) / "costs.json"


def load_table() -> CostTable:
    """The table that `distnet calibrate` stored, else the built-in one.

    Raises:
        InputError: the stored table cannot be read.
    """
    path = table_file()
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return CostTable()
    except (OSError, ValueError) as problem:
        raise InputError(path, f"is no table of costs ({problem}); remove it") from None
    names = [field.name for field in fields(CostTable)]
    if not (
        isinstance(stored, dict)
        and set(stored) == set(names)
        and all(isinstance(v, float | int) and 0 <= v < math.inf for v in stored.values())
    ):
        raise InputError(path, f"holds no table of {', '.join(names)}; remove it")
    return CostTable(**stored)


def store_table(table: CostTable) -> Path:
    """Keep a table for later runs; returns its file."""
    path = table_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(table), indent=1) + "\n", "utf-8")
    temporary.replace(path)
    return path
