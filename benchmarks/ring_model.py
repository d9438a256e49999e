"""The ring as plain data from a seed: what each simulator's builder reads.

Rings of eight cells. A cell is a soma and a random binary tree of dendrites, a tree of its own. It
has 100 ExpSyn: one on the soma carries the ring, 99 on random compartments listen to random other
cells. A short current clamp starts the first cell of every ring; each spike then goes round in
eight delays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RING = 8  # cells
N_SYNAPSES = 100  # a cell
DT = 0.025  # ms
CELSIUS = 6.3  # degC
V_INIT = -65.0  # mV
THRESHOLD = -10.0  # mV
RA = 100.0  # ohm cm
CM = 1.0  # uF/cm2
TAU, E = 2.0, 0.0  # ExpSyn: ms, mV
RING_DELAY = 5.0  # ms
RING_WEIGHT = 0.05  # uS
WEAK_DELAY = (5.0, 15.0)  # ms; not multiples of the time step
WEAK_WEIGHT = (1e-6, 1e-5)  # uS
SOMA = 20.0  # um, length and diameter
CLAMP = {"delay": 0.0, "dur": 1.0, "amp": 3.0}  # ms, ms, nA
PASSIVE = {"g": 1e-4, "e": -65.0}  # S/cm2, mV

#: size -> sections of the dendrite, compartments in each, cells by default
SIZES = {"small": (12, 4, 160), "medium": (28, 7, 40), "large": (100, 10, 8)}
DENDRITES = ("hh", "pas")


@dataclass(frozen=True)
class RingCell:
    """One cell. Section 0 is the soma; a dendrite starts at the end of its parent."""

    parent: np.ndarray  # (n_section,) i8, -1 for the soma
    length: np.ndarray  # (n_section,) f8 [um]
    diam: np.ndarray  # (n_section,) f8 [um]
    nseg: np.ndarray  # (n_section,) i8
    section: np.ndarray  # (n_synapse,) i8, where each synapse sits
    x: np.ndarray  # (n_synapse,) f8, the middle of a compartment
    source: np.ndarray  # (n_synapse,) i8 gid
    weight: np.ndarray  # (n_synapse,) f8 [uS]
    delay: np.ndarray  # (n_synapse,) f8 [ms]


@dataclass(frozen=True)
class RingModel:
    """All cells; gid is the index."""

    cells: tuple[RingCell, ...]
    dendrites: str  # "hh" or "pas"

    @property
    def n_compartments(self) -> int:
        return int(sum(cell.nseg.sum() for cell in self.cells))

    def is_first(self, gid: int) -> bool:
        """Whether gid starts its ring."""
        return gid % RING == 0


def make_ring(
    size: str = "medium", dendrites: str = "hh", n_cells: int | None = None, seed: int = 1
) -> RingModel:
    """Draw a model.

    Args:
        size: a name in `SIZES`.
        dendrites: mechanism of the dendrites, "hh" or "pas".
        n_cells: a multiple of 8; by default that of the size, about 8,000 compartments.
        seed: of everything random.
    """
    n_sections, nseg, default = SIZES[size]
    n_cells = n_cells or default
    if n_cells % RING:
        raise ValueError(f"{n_cells} cells; the number must be a multiple of {RING}")
    cells = tuple(_draw_cell(gid, n_cells, n_sections, nseg, seed) for gid in range(n_cells))
    return RingModel(cells, dendrites)


def _draw_cell(gid: int, n_cells: int, n_sections: int, nseg: int, seed: int) -> RingCell:
    random = np.random.default_rng([seed, gid])
    parent = _draw_tree(n_sections, random)
    n_segments = np.array([1] + [nseg] * n_sections)
    n_weak = N_SYNAPSES - 1
    section = random.integers(1, n_sections + 1, n_weak)
    others = random.integers(0, n_cells - 1, n_weak)
    before = gid - 1 if gid % RING else gid + RING - 1
    return RingCell(
        parent=parent,
        length=np.append(SOMA, random.uniform(40.0, 80.0, n_sections)),
        diam=np.append(SOMA, random.uniform(0.8, 1.6, n_sections)),
        nseg=n_segments,
        section=np.append(0, section),
        x=np.append(0.5, (random.integers(0, nseg, n_weak) + 0.5) / nseg),
        source=np.append(before, others + (others >= gid)),
        weight=np.append(RING_WEIGHT, random.uniform(*WEAK_WEIGHT, n_weak)),
        delay=np.append(RING_DELAY, random.uniform(*WEAK_DELAY, n_weak)),
    )


def _draw_tree(n_sections: int, random: np.random.Generator) -> np.ndarray:
    """Parents: the soma has two children, then random tips get two each; sections as grown."""
    parent, tips = [-1, 0, 0], [1, 2]
    while len(parent) <= n_sections:
        tip = tips.pop(int(random.integers(len(tips))))
        tips += [len(parent), len(parent) + 1]
        parent += [tip, tip]
    return np.array(parent)
