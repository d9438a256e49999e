"""What the demo's circuit is made of: cells, synapses, drive.

The weights let each type fire at a few to a few tens of Hz, in waves that follow the drive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DT = 0.025  # [ms]


@dataclass(frozen=True)
class CellType:
    """Some cells of one morphology and one fit."""

    name: str
    ei: str  # "e" or "i"
    n: int
    morphology: str
    fit: str


@dataclass(frozen=True)
class Synapse:
    """What a connection between two classes of cells is."""

    model: str
    tau1: float  # [ms]
    tau2: float  # [ms]
    erev: float  # [mV]
    weight: float  # [uS], mean
    probability: float  # that two cells are connected at all
    most: int  # synapses of a connected pair


TYPES = (
    CellType("Scnn1a", "e", 10, "Scnn1a_473845048_m.swc", "472363762_fit.json"),
    CellType("Rorb", "e", 10, "Rorb_325404214_m.swc", "473863510_fit.json"),
    CellType("Nr5a1", "e", 10, "Nr5a1_471087815_m.swc", "473863035_fit.json"),
    CellType("PV1", "i", 5, "Pvalb_470522102_m.swc", "472912177_fit.json"),
    CellType("PV2", "i", 5, "Pvalb_469628681_m.swc", "473862421_fit.json"),
)

RECURRENT = {
    ("e", "e"): Synapse("exc_to_exc", 1.0, 3.0, 0.0, 1.5e-4, 0.3, 3),
    ("e", "i"): Synapse("exc_to_inh", 0.1, 0.5, 0.0, 3.0e-3, 0.3, 3),
    ("i", "e"): Synapse("inh_to_exc", 2.7, 15.0, -70.0, 8.0e-4, 0.4, 3),
    ("i", "i"): Synapse("inh_to_inh", 0.2, 8.0, -70.0, 5.0e-4, 0.3, 3),
}

DRIVE = {
    "e": Synapse("exc_to_exc", 1.0, 3.0, 0.0, 3.2e-4, 0.5, 4),
    "i": Synapse("exc_to_inh", 0.1, 0.5, 0.0, 2.4e-3, 0.4, 4),
}

N_INPUTS = 40
MEAN_RATE, DEPTH, RHYTHM = 25.0, 0.75, 8.0  # [Hz], -, [Hz]


def types_of_cells() -> np.ndarray:
    """The type of each cell, (n_cell,) i8, index into `TYPES`."""
    return np.repeat(np.arange(len(TYPES)), [t.n for t in TYPES])


def cells_of(ei: str) -> np.ndarray:
    """The excitatory or inhibitory cells, (n,) i8."""
    return np.flatnonzero(np.array([TYPES[t].ei == ei for t in types_of_cells()]))
