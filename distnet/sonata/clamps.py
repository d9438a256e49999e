"""Current clamps: IClamp on the middle of the soma, or where the input says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distnet.cell import Cell, Location
from distnet.errors import InputError
from distnet.sonata.section import Section

#: What a section_name may be.
SECTION_NAMES = ("soma", "dend", "apic", "axon")


@dataclass(frozen=True)
class Clamp:
    """One input of current into some cells."""

    where: str  # for messages
    gids: np.ndarray  # (n,) i8, ascending
    location: Location
    amp: np.ndarray  # (k,) f8 [nA], one IClamp each
    delay: np.ndarray  # (k,) f8 [ms]
    duration: np.ndarray  # (k,) f8 [ms]

    def place_on(self, cell: Cell) -> None:
        """Put the clamps on a cell.

        Raises:
            InputError: the cell has no such section.
        """
        names = [section.name for section in cell.sections]
        if self.location.section not in names:
            raise InputError(
                self.where,
                f"there is no section {self.location.section} in {cell.morphology.source}",
            )
        for amp, delay, duration in zip(self.amp, self.delay, self.duration, strict=True):
            cell.place(self.location, "IClamp", amp=amp, delay=delay, dur=duration)


def read_clamp(section: Section, gids: np.ndarray) -> Clamp:
    """Read an input of type current_clamp.

    Args:
        section: the input.
        gids: (n,) i8, the cells that it names.

    Raises:
        InputError: a value is missing or wrong.
    """
    section.need("amp", "delay", "duration")
    values = [np.array(section.numbers(key)) for key in ("amp", "delay", "duration")]
    if len({len(v) for v in values}) > 1:
        sizes = ", ".join(str(len(v)) for v in values)
        raise InputError(section.where(), f"amp, delay and duration have {sizes} values")
    name = section.choice("section_name", SECTION_NAMES, "soma")
    x = section.number("section_dist", 0.5)
    if not 0.0 <= x <= 1.0:
        raise section.wrong("section_dist", "a number from 0 to 1")
    index = section.integer("section_index", 0)
    return Clamp(section.where(), gids, Location(f"{name}[{index}]", x), *values)
