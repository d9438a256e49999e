"""What the CUDA engine would do with a block on a card that need not be there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.cable import make_cable
from kernels.cuda.cards import CARDS, Card
from kernels.cuda.choice import EPOCH, Chooser, kinds_of
from kernels.cuda.classes import REGISTERS_LEFT, CellClass, Schedules
from kernels.cuda.engine import choose_classes, instance_counts, print_block, serial_cells
from kernels.cuda.nvrtc import compile_binary, toolchain
from kernels.cuda.occupancy import resident_cells
from kernels.cuda.program import Program
from kernels.errors import KernelsError
from kernels.precision import find_precision
from kernels.preparation import prepare


@dataclass(frozen=True)
class ClassPlan:
    """One class of cells: one launch an epoch."""

    n_cell: int
    n_node: tuple[int, int]  # of its cells, least and most
    n_compartment: tuple[int, int]  # nodes with area, likewise
    mechanisms: tuple[str, ...]
    n_step: tuple[int, int]  # of the schedules, likewise
    bound: tuple[int, int]  # the fewest steps that any schedule takes, likewise
    lanes: int
    threads: int
    where: str  # where the solver's vectors lie: "shared", "L2", "tiles of 2048"
    n_shared: int  # bytes of a block of threads
    registers: int | None  # of a thread; None without NVRTC
    cells_per_sm: int
    picoseconds: float  # floor of the model, of a node and step
    limit: str  # what bounds it


def plan(block: Block, card: str, precision: str = "double") -> list[ClassPlan]:
    """The classes of a block.

    Args:
        block: the cells.
        card: a name of `kernels.cuda.cards.CARDS`.
        precision: a name of `kernels.PRECISIONS`.

    Raises:
        KernelsError: the card or the precision is not known.
    """
    if card not in CARDS:
        raise KernelsError(f'gpu "{card}" is not one of {", ".join(CARDS)}')
    constants, schedules = CARDS[card], Schedules()
    how = find_precision(precision)
    program = print_block(block, prepare(block, how))
    eliminations = make_cable(block).plans
    choice = (constants, eliminations, schedules, how.n_byte)
    order, classes = choose_classes(block, program, *choice)
    chooser = Chooser(constants, program.printers, schedules)
    counts = instance_counts(block)
    serial = serial_cells(block, program)
    area = np.concatenate([[0], np.cumsum(block.area > 0.0)])
    n_compartment = area[block.cell_ptr[1:]] - area[block.cell_ptr[:-1]]
    plans = []
    for one in classes:
        cells = order[one.first : one.first + one.n]
        mine = [eliminations[c] for c in cells]
        known = {id(e): e for e in mine if e.n}
        steps = [schedules.n_steps(e, one.variant) for e in known.values()]
        bounds = [e.step_bound(one.variant.lanes) for e in known.values()]
        kinds, _ = kinds_of(mine, serial[cells], counts[cells])
        floor = chooser.floor(chooser.group(kinds, one.variant), one.variant)
        sizes = [e.n for e in mine]
        n_node = sum(sizes)
        registers = _registers(program, one, constants)
        plans.append(
            ClassPlan(
                one.n,
                _range(sizes),
                _range(n_compartment[cells].tolist()),
                _present(block, counts[cells]),
                _range(steps),
                _range(bounds),
                one.variant.lanes,
                one.variant.threads,
                one.variant.where,
                one.n_shared,
                registers,
                resident_cells(
                    constants.architecture,
                    registers or REGISTERS_LEFT,
                    one.variant.threads,
                    one.n_shared,
                ),
                1e12 * floor.seconds / EPOCH / n_node if n_node else 0.0,
                floor.limit,
            )
        )
    return plans


def _range(values: list[int]) -> tuple[int, int]:
    return (min(values), max(values)) if values else (0, 0)


def _present(block: Block, counts: np.ndarray) -> tuple[str, ...]:
    found = counts.sum(axis=0) > 0
    return tuple(
        g.mechanism.name for g, is_there in zip(block.mechanisms, found, strict=True) if is_there
    )


def _registers(program: Program, cells: CellClass, card: Card) -> int | None:
    """Registers of a thread of `advance`, where NVRTC is there to say."""
    try:
        toolchain()
    except KernelsError:
        return None
    defines = cells.variant.defines()
    made = compile_binary(program.text, card.architecture, defines, "block.cu")
    return made.resources["advance"].registers
