"""What a cell asks of a card, from its tree and its mechanisms alone: for choices before compiling.

Mechanisms are metered in their statements, the tree follows from its schedule. What surrounds
them (loops, addresses, barriers) are the numbers below, fitted to what `kernels.cuda.tally` counts
in the kernels of hh and pas on trees of 100 to 2,000 nodes; `tests/kernels/cuda/test_choice.py`
compares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.cuda.cards import WARP, Card
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.meter import Meter
from kernels.cuda.model import Load
from kernels.mechanism import AROUND
from kernels.schedule import Elimination, Schedule

#: Functions of a mechanism that run in every step.
EVERY_STEP = ("before_breakpoint", "observe", "current", "state", "watch", *AROUND)


@dataclass(frozen=True)
class Instance:
    """What one instance of a mechanism asks in a step; `issued`, `real`, `shared` are a warp's."""

    load: Load
    kept: float  # bytes of its own that it uses in a step
    n_call: int  # functions


def instance_of(printer: MechanismPrinter, card: Card, large: bool) -> Instance:
    """Meter the functions of a mechanism that run in every step."""
    total, touched, n_call = Load(), set[str](), 0
    for name in dict.fromkeys(EVERY_STEP):
        if name in printer.functions:
            one, slots = _function(printer, name, card, large)
            total, touched, n_call = total + one, touched | slots, n_call + 1
    size = printer.precision.n_byte
    own = size * (printer.mechanism.kind == "density") + (4.0 + 4 * size) * printer.repeated
    return Instance(total, (size * len(touched) + own + 4.0) * bool(n_call), n_call)


def _function(
    printer: MechanismPrinter, name: str, card: Card, large: bool
) -> tuple[Load, set[str]]:
    mechanism, t = printer.mechanism, card.latency
    kernel = mechanism.current if name in ("observe", "current") else getattr(mechanism, name)
    near = t.l2 if large else t.shared  # where voltages and the matrix are
    ready = {n: float(t.l2) for n in kernel.loads} | {"v": float(t.l2 + near)}
    single = printer.precision.is_single and not kernel.wide
    meter = Meter(card, ready, single)
    meter.run(kernel.body)
    near_by = {"v", *printer.common}
    slots = {n for n in (*kernel.loads, *kernel.stores) if n in printer.slots and n not in near_by}
    n_load = sum(n in slots for n in kernel.loads) + meter.n_read
    n_store = sum(n in slots for n in kernel.stores)
    issued, real, n_near = meter.issued + 8 + 2.0 * (n_load + n_store), meter.real, 1
    size = printer.precision.n_byte
    chain, moved = meter.end, 4.0 + size * (n_load + n_store)
    if name == "current":
        issued, real, n_near, chain = issued + 12, real + 6, 5, chain + near + 5 * t.f64
        moved += size * (mechanism.kind == "density")
    if printer.repeated and name == "current":
        issued, moved, chain = issued + 20, moved + 44.0, chain + 3 * t.l2
    shared = 0.0 if large else size / 4.0 * n_near
    load = Load(issued, real, shared, moved + size * n_near * large, chain)
    return (in_single(load) if single else load), slots


def in_single(load: Load) -> Load:
    """What was counted for the float64 units, for those of float32."""
    return dataclasses.replace(load, real=0.0, single=load.real)


@dataclass(frozen=True)
class Tree:
    """What the solver does for one tree on some lanes."""

    n_node: int
    n_level: int
    n_round: int  # times that a warp takes up to 32 nodes of a level
    n_child: int  # steps over what is pulled in those rounds, the longest lane's
    n_condensed: int = 0  # nodes that are


@dataclass(frozen=True)
class Fit:
    """What was counted in the solver: for a visit of a warp to a level, a round, a pull."""

    issued: tuple[float, float, float]
    real: tuple[float, float, float]
    shared: tuple[float, float, float]
    addresses: float  # instructions more in a round where vectors lie in global memory
    #: Of a level and of a pull: cycles, and how often they wait for memory.
    chain: tuple[tuple[float, float], tuple[float, float]]


PLAIN = Fit((22.0, 44.0, 15.0), (0.0, 8.5, 4.3), (1.9, 22.0, 5.3), 9.0, ((156.0, 5.4), (32.0, 1.5)))
CONDENSED = Fit(
    (27.0, 92.0, 10.0), (0.0, 19.0, 2.1), (3.1, 42.0, 2.8), 50.0, ((221.0, 10.1), (24.0, 1.1))
)


def tree_of(schedule: Schedule, plan: Elimination) -> Tree:
    """Count rounds and pulls of the schedule of an elimination."""
    n = plan.n
    count = np.diff(plan.pulls()[0])[schedule.order]
    size = np.diff(schedule.level_ptr)
    place = np.arange(n) - np.repeat(schedule.level_ptr[:-1], size)
    begin = np.flatnonzero(place % WARP == 0)
    n_child = int(np.maximum.reduceat(count, begin).sum())
    return Tree(n, schedule.n_steps, len(begin), n_child, plan.n_condensed)


def tree_load(tree: Tree, lanes: int, card: Card, large: bool) -> Load:
    """Elimination and back-substitution of one step."""
    t, warps, how = card.latency, -(-lanes // WARP), CONDENSED if tree.n_condensed else PLAIN
    near, barrier = (t.l2 if large else t.shared), t.barrier if lanes > WARP else t.warp_barrier
    work = np.array([tree.n_level * warps, tree.n_round, tree.n_child], float)
    moved = 160.0 * tree.n_node + 260.0 * tree.n_condensed + 180.0 * work[0]
    chain = [tree.n_level * 2.0 * barrier]
    for n, (fixed, reads) in zip((tree.n_level, tree.n_child), how.chain, strict=True):
        chain.append(n * (fixed + reads * near))
    return Load(
        issued=float(work @ how.issued) + how.addresses * tree.n_round * large,
        real=float(work @ how.real),
        shared=0.0 if large else float(work @ how.shared),
        moved=moved if large else 0.0,
        chain=sum(chain),
    )


#: Bytes of a cell besides those of its nodes and instances: bounds, sources, counts.
AROUND_CELL = 600.0


@dataclass(frozen=True)
class Estimate:
    """What one cell asks."""

    step: Load
    launch: Load
    footprint: float  # [bytes] of global memory
    kept: float  # [bytes] those that it uses in every step


def cell_load(
    tree: Tree,
    instances: Sequence[tuple[int, Instance]],
    threads: int,
    lanes: int,
    large: bool,
    card: Card,
    n_byte: int = 8,
) -> Estimate:
    """A cell on a block of threads.

    Args:
        tree: of the cell.
        instances: of each mechanism, how many there are and what each asks.
        threads: of the block.
        lanes: that solve the tree.
        large: whether the solver's vectors lie in global memory.
        card: the constants.
        n_byte: of a number: the surroundings of mechanisms in float32 move half as much.
    """
    warps, n, t = threads // WARP, tree.n_node, card.latency
    condensed = tree.n_condensed > 0
    rounds, passes = -(-n // threads), -(-n // WARP)
    streamed = 25.0 + 8.0 * condensed
    step = Load(
        issued=100.0 + 50.0 * warps + (36.0 if large else 17.0) * passes,
        real=2.0 * passes,
        shared=0.0 if large else 10.0 * passes,
        moved=(70.0 if large else streamed) * n,
        chain=1600.0 + rounds * (1.4 * t.l2 if large else 110.0),
    )
    footprint = (72.0 if large else 52.0) * n
    kept = (72.0 if large else 24.0 + 8.0 * condensed) * n + AROUND_CELL
    launch = Load(18.0 * passes, 0.0, 2.0 * passes, 42.0 * n, 600.0 * rounds)
    solved = tree_load(tree, lanes, card, large)
    if n_byte == 4:  # a sector holds twice as much, where neighbours read neighbours
        step = dataclasses.replace(step, moved=0.5 * step.moved) + solved
        step = dataclasses.replace(in_single(step), shared=0.6 * step.shared)
        launch = dataclasses.replace(launch, moved=0.5 * launch.moved)
        footprint, kept = 0.5 * footprint, 0.5 * kept
    else:
        step += solved
    for count, one in instances:
        if count:
            each, load = -(-count // WARP), one.load
            step += Load(each * load.issued, each * load.real, each * load.shared)
            step += Load(single=each * load.single)
            step += Load(moved=count * load.moved, chain=-(-count // threads) * load.chain)
            step += one.n_call * Load(issued=50.0 * warps, chain=110.0 + t.barrier)
            footprint += count * one.kept
            kept += count * one.kept
    return Estimate(step, Load() if large else launch, footprint, kept)
