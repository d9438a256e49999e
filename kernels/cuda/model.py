"""How long launches take at least, from what their cells execute: the performance model.

A multiprocessor holds some cells at once, a block of threads each. Their step cannot end before

- its schedulers have issued all instructions, its float64 and float32 units have done theirs, its
  shared memory has answered all requests: the sums over the cells it holds;
- the L2 cache and the memory have delivered what all multiprocessors ask for;
- the longest chain of dependent instructions of one cell is through.

The model is the largest of these: a floor. What a launch moves in and out once comes from memory;
what it streams in every step comes from the L2 cache, and from memory what exceeds the cache.
Launches of one epoch run beside each other: what they ask adds up, and each waits for its own
slowest cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernels.cuda.cards import WARP, Card


@dataclass(frozen=True)
class Load:
    """What one cell asks of a multiprocessor, in a step or in a launch."""

    issued: float = 0.0  # instructions of a warp
    real: float = 0.0  # those of them for the float64 units
    shared: float = 0.0  # clocks of shared memory
    moved: float = 0.0  # bytes of global memory, as threads read and write them
    chain: float = 0.0  # cycles of the longest chain of dependent instructions
    single: float = 0.0  # instructions for the float32 units

    def __add__(self, other: Load) -> Load:
        return Load(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def __mul__(self, factor: float) -> Load:
        return Load(*(factor * value for value in self.values()))

    __rmul__ = __mul__

    def values(self) -> tuple[float, ...]:
        """All six."""
        return self.issued, self.real, self.shared, self.moved, self.chain, self.single


@dataclass(frozen=True)
class Cells:
    """Cells of one kind in a launch."""

    n: int
    step: Load  # of one cell in one step
    launch: Load  # of one cell, besides its steps
    footprint: float  # bytes that a cell has in global memory
    kept: float  # those of them that it uses in every step


@dataclass(frozen=True)
class Demand:
    """What all cells of a launch ask."""

    total: Load = Load()  # over all cells and steps; its chain is the sum of theirs
    footprint: float = 0.0  # [bytes]
    kept: float = 0.0  # [bytes] used in every step
    longest: float = 0.0  # cycles of the slowest cell
    n: int = 0  # cells

    def __add__(self, other: Demand) -> Demand:
        return Demand(
            self.total + other.total,
            self.footprint + other.footprint,
            self.kept + other.kept,
            max(self.longest, other.longest),
            self.n + other.n,
        )


def demand_of(cells: Iterable[Cells], n_step: int) -> Demand:
    """Add up the cells of a launch of some steps."""
    found = Demand()
    for kind in cells:
        if kind.n:
            one = kind.launch + n_step * kind.step
            every = kind.n * kind.footprint, kind.n * kind.kept
            found += Demand(kind.n * one, *every, one.chain, kind.n)
    return found


@dataclass(frozen=True)
class Floor:
    """The shortest time [s] of launches, by what bounds it."""

    bounds: dict[str, float]  # [s]

    @property
    def limit(self) -> str:
        """What bounds it most."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def seconds(self) -> float:
        """The launches themselves and the largest of the bounds."""
        return self.bounds["launch"] + max(
            value for name, value in self.bounds.items() if name != "launch"
        )


def floor_of(card: Card, demand: Demand, resident: int, worst: bool = False) -> Floor:
    """The floor of a launch.

    Args:
        card: the constants.
        demand: of its cells.
        resident: cells that a multiprocessor holds at once.
        worst: whether a cache that is too small for what cells in flight use in every step keeps
            nothing of it, in place of as much as it holds.
    """
    return floor_together(card, [(demand, resident)], worst)


def floor_together(
    card: Card, launches: Sequence[tuple[Demand, int]], worst: bool = False
) -> Floor:
    """The floor of launches that may overlap.

    Args:
        card: the constants.
        launches: of each, what its cells ask, and how many of them a multiprocessor holds at once.
        worst: as above.
    """
    whole = sum((demand for demand, _ in launches), Demand())
    busy = min(card.n_sm, whole.n) or 1  # a multiprocessor works on a cell alone
    turns = sum(demand.total.chain / (held * card.n_sm) for demand, held in launches)
    clocks = {
        "issue": whole.total.issued / card.schedulers / busy,
        "float64": whole.total.real * WARP / card.f64_lanes / busy,
        "float32": whole.total.single * WARP / card.f32_lanes / busy,
        "shared memory": whole.total.shared / busy,
        "latency": max(whole.longest, turns),
    }
    bounds = {name: value / card.clock for name, value in clocks.items()}
    bounds["L2 cache"] = whole.total.moved / card.l2_bandwidth
    memory = sum(_from_memory(card, *one, worst) for one in launches)
    bounds["memory"] = memory / card.memory_bandwidth
    bounds["launch"] = card.launch * len(launches)
    return Floor(bounds)


def _from_memory(card: Card, demand: Demand, resident: int, worst: bool) -> float:
    """Bytes that a launch moves in and out once, or in every step."""
    used = demand.kept * min(1.0, resident * card.n_sm / max(demand.n, 1))
    missed = (1.0 if worst else 1.0 - card.l2_size / used) if used > card.l2_size else 0.0
    return max(2.0 * demand.footprint, missed * demand.total.moved)
