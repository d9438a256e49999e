"""A detailed cell: morphology, discretisation, mechanisms, point processes, detectors.

CONTRACT (implemented in this file by the morphology work):

    cell = Cell(morphology)                       # distnet.morphology.Morphology
    cell.discretise(nseg_rule(40.0))              # or d_lambda(0.1, 100.0), max_length(20.0), n_segments(3)
    cell.set(Ra=100.0, cm=1.0)                    # everywhere; region="dend" for a part
    cell.insert("hh", gnabar=0.12)                # everywhere
    cell.insert("pas", region="dend", g=lambda distance: 1e-4 * ..., e=-65.0)
    cell.set_ion("na", e=50.0, region="soma")     # also ci=, co= [mM]
    cell.v_init = -65.0                           # or None: the simulation's
    syn = cell.place(Location("soma", 0.5), "ExpSyn", tau=2.0, e=0.0)   # -> index into cell.processes
    cell.place(Location("dend[3]", 0.7), "IClamp", delay=..., dur=..., amp=...)
    cell.detect(Location("soma", 0.5), threshold=-10.0)                 # the cell's spike source
    twin = cell.copy()                            # cheap: shares morphology and cable

What lowering reads:

    cell.cable      Cable (below), made by discretise
    cell.density    dict mechanism name -> Density(node, parameters)
    cell.processes  list of Process(mechanism, node, parameters), in order of placement
    cell.ions       dict ion name -> {"e": array or None, "ci": ..., "co": ...}, (n_node,) f8, NaN = default
    cell.detector   (node, threshold) or None
    cell.v_init     float or None
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Location:
    """A place on a cell: section name (or index) and normalised distance along it, 0 to 1."""

    section: str | int
    x: float = 0.5


@dataclass(frozen=True)
class Cable:
    """A discretised cell: nodes in an order where a parent comes before its children.

    Nodes are the segments of every section and, with no area, the section ends at which two or more
    others meet, and section ends that carry a point process are NOT kept: a process placed at x = 0 or 1
    goes to the nearest segment or kept end node as NEURON would take it (see Cell.place).
    """

    parent: np.ndarray  # (n_node,) i4, -1 at the root
    axial: np.ndarray  # (n_node,) f8 [uS], conductance to the parent; 0 at the root
    area: np.ndarray  # (n_node,) f8 [um2], 0 at section ends
    diam: np.ndarray  # (n_node,) f8 [um]
    capacitance: np.ndarray  # (n_node,) f8 [nF]
    section: np.ndarray  # (n_node,) i4, section of the node
    x: np.ndarray  # (n_node,) f8, normalised distance along the section; 1 (or 0) at its ends
    distance: np.ndarray  # (n_node,) f8 [um], path distance from the middle of section 0


@dataclass(frozen=True)
class Density:
    """A density mechanism on some nodes of a cell."""

    node: np.ndarray  # (n,) i4, ascending
    parameters: dict[str, np.ndarray]  # name -> (n,) f8; parameters not named keep their default


@dataclass(frozen=True)
class Process:
    """A point process on a cell."""

    mechanism: str
    node: int
    parameters: dict[str, float]


class Cell:
    """See the module's docstring."""
