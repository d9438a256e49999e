"""The flat arrays that an engine advances: all cells of one rank, lowered.

Cells are concatenated; inside a cell a node's parent has a smaller index than the node. Everything
is in absolute units, so the matrix of a cell is symmetric: [nF], [uS], [nA], [mV], [ms].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from kernels.mechanism import Mechanism

#: values of FUNCTION_TABLEs: (mechanism, table) -> (n,) arguments, rising, and (n,) values; of
#: several arguments, a sequence of (n_i,) values, one for each, and an (n_0, n_1, ...) array
FunctionTables = Mapping[tuple[str, str], tuple[Sequence[Any], Any]]


@dataclass(frozen=True)
class Pointer:
    """What one POINTER of a mechanism stands for, for instances of one kind of target.

    `variable` and `place` are as in `Probe`; a target is in the same cell as the instance.
    """

    name: str  # of the variable in bodies
    variable: str
    instance: np.ndarray  # (n,) i8, instances of the mechanism that has the POINTER
    place: np.ndarray  # (n,) i8


@dataclass(frozen=True)
class Instances:
    """All instances of one mechanism, sorted by cell, then node, then order of creation."""

    mechanism: Mechanism
    node: np.ndarray  # (n,) i4, node of the block; -1 for an artificial cell
    cell: np.ndarray  # (n,) i4, cell of the block
    parameters: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # name -> (n,) f8; rest: default
    #: spike times [ms] that the function `train` of artificial cells gives; empty: none has any
    trains: tuple[np.ndarray, ...] = ()
    pointers: tuple[Pointer, ...] = ()  # of each variable in `Mechanism.pointers`, all instances

    @property
    def n(self) -> int:
        return len(self.node)


@dataclass(frozen=True)
class Ion:
    """One ion, on every node of the block (used only where a mechanism uses it)."""

    name: str
    valence: float
    e: np.ndarray  # (n_node,) f8 [mV], before initialisation
    ci: np.ndarray  # (n_node,) f8 [mM]
    co: np.ndarray  # (n_node,) f8 [mM]


@dataclass(frozen=True)
class Probe:
    """Values to sample: one variable at some places, every `every` steps from step 0.

    `variable` is "v" (places are nodes), "NAME.var" of mechanism NAME (places are instance
    numbers), or "ION.e", "ION.ci", "ION.co", "ION.i" (places are nodes).
    """

    variable: str
    place: np.ndarray  # (n,) i8
    every: int  # steps


@dataclass(frozen=True)
class Block:
    """All cells of one rank."""

    dt: float  # [ms]
    celsius: float  # [degC]
    method: str  # "backward-euler" or "crank-nicolson"
    cell_ptr: np.ndarray  # (n_cell + 1,) i8, nodes of each cell; artificial cells have none
    parent: np.ndarray  # (n_node,) i4, node of the block, -1 at a root
    axial: np.ndarray  # (n_node,) f8 [uS], to the parent; 0 at a root
    capacitance: np.ndarray  # (n_node,) f8 [nF]; 0 where sections meet
    area: np.ndarray  # (n_node,) f8 [um2]; 0 where sections meet
    diam: np.ndarray  # (n_node,) f8 [um]
    v_init: np.ndarray  # (n_node,) f8 [mV]
    mechanisms: tuple[Instances, ...]  # in order of execution
    ions: tuple[Ion, ...]
    #: GLOBAL values that differ from the .mod file: (mechanism, variable) -> value
    globals: dict[tuple[str, str], float]
    source_node: np.ndarray  # (n_source,) i4, node watched, -1 for an artificial cell
    source_threshold: np.ndarray  # (n_source,) f8 [mV]
    source_instance: (
        np.ndarray
    )  # (n_source, 2) i4, mechanism and instance of an artificial cell, or -1
    connection_target: np.ndarray  # (n_connection, 2) i4, mechanism and instance
    weight: np.ndarray  # (n_connection,) f8, first argument of NET_RECEIVE
    probes: tuple[Probe, ...] = ()
    function_tables: FunctionTables = field(default_factory=dict)
    #: (n_node,) f8 [um] along the section, 0 where sections meet; only LONGITUDINAL_DIFFUSION asks
    length: np.ndarray = field(default_factory=partial(np.zeros, 0))

    @property
    def n_cell(self) -> int:
        return len(self.cell_ptr) - 1

    @property
    def n_node(self) -> int:
        return len(self.parent)


@dataclass(frozen=True)
class Events:
    """Deliveries due in an epoch, sorted by (step, time, source gid, connection)."""

    step: np.ndarray  # (n,) i8, step at whose start it is delivered
    time: np.ndarray  # (n,) f8 [ms], exact time, seen by NET_RECEIVE
    connection: np.ndarray  # (n,) i4


@dataclass(frozen=True)
class Spikes:
    """What fired in an epoch, sorted by (step, time, source)."""

    step: np.ndarray  # (n,) i8
    time: np.ndarray  # (n,) f8 [ms]; step * dt for a threshold crossing
    source: np.ndarray  # (n,) i4, source of the block
