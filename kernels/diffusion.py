"""LONGITUDINAL_DIFFUSION: how states move along the cable, the same for every engine.

As in NEURON, states move after the states of all mechanisms have advanced and before AFTER SOLVE,
in an implicit step of their own, backward Euler whatever the method. Between two compartments that
meet and both have the mechanism flows, per difference of the concentrations,

    (flow of the one + flow of the other) / (length of the one + length of the other)

and a compartment holds volume times length times its concentration: NEURON's scheme, in amounts, so
that the matrix is symmetric. Ends of sections, which have no area, are passed over; a compartment
without the mechanism lets nothing pass. Engines solve for the change of a state, with differences
of neighbours on the right-hand side: what is even stays so to the last bit.
"""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import dataclass

import numpy as np

from kernels.block import Block, Instances
from kernels.cable import make_plans
from kernels.errors import KernelsError
from kernels.mechanism import Kernel, Mechanism
from kernels.schedule import Elimination
from kernels.storage import ion_variables


@dataclass(frozen=True)
class Spread:
    """The trees along which the states of one mechanism move; their nodes are its instances.

    Those of one cell that do not meet are joined where nothing flows, so that a cell has one tree.
    """

    plans: tuple[Elimination, ...]  # of each cell, over its instances; one object for one tree
    ptr: np.ndarray  # (n_cell + 1,) i8, instances of each cell
    row: np.ndarray  # (n,) i8, place in the cell: the reverse of the serial order, root 0
    parent: np.ndarray  # (n,) i8, instance; as in `Elimination`
    other: np.ndarray  # (n,) i8, likewise
    first_parent: np.ndarray  # (n,) i8, likewise
    reach: np.ndarray  # (n,) f8 [1/um], over the sum of the lengths of both; 0: nothing flows
    share: np.ndarray  # (n,) f8 [um/ms], length over dt


def make_spreads(block: Block) -> dict[int, Spread]:
    """The trees of every mechanism of which some state would move, by its number.

    Raises:
        KernelsError: instances share a node, or nothing says how long the compartments are.
    """
    above = _compartment_above(block)
    made = {}
    for k, group in enumerate(block.mechanisms):
        if group.mechanism.diffusing and group.n:
            parent = _instance_above(group, above)
            if (parent >= 0).any():
                made[k] = _make_spread(block, group, parent)
    return made


def _compartment_above(block: Block) -> np.ndarray:
    """(n_node + 1,) i8, the next node with an area towards the root, or -1; the last: -1."""
    above = np.append(np.asarray(block.parent, np.int64), -1)
    has_area = np.append(np.asarray(block.area) > 0.0, True)
    while len(point := np.flatnonzero(~has_area[above])):
        above[point] = above[above[point]]
    return above


def _instance_above(group: Instances, above: np.ndarray) -> np.ndarray:
    """(n,) i8, the instance in the compartment above that of each instance, or -1."""
    name = group.mechanism.name
    if len(twice := np.flatnonzero(np.diff(np.sort(group.node)) == 0)):
        raise KernelsError(
            f"mechanism {name}: node {np.sort(group.node)[twice[0]]} has several instances whose "
            "LONGITUDINAL_DIFFUSION would meet; one is allowed"
        )
    instance = np.full(len(above), -1, np.int64)
    instance[group.node] = np.arange(group.n)
    return instance[above[group.node]]


def _make_spread(block: Block, group: Instances, parent: np.ndarray) -> Spread:
    if len(block.length) != block.n_node:
        raise KernelsError(
            f"mechanism {group.mechanism.name}: LONGITUDINAL_DIFFUSION needs the length of every "
            f"compartment; Block.length has {len(block.length)} of {block.n_node}"
        )
    length = np.asarray(block.length, np.float64)[group.node]
    ptr = np.searchsorted(group.cell, np.arange(block.n_cell + 1)).astype(np.int64)
    first = ptr[:-1][group.cell]
    here = np.arange(group.n)
    alone = (parent < 0) & (here > first)
    reach = np.where(parent >= 0, 1.0 / (length + length[parent]), 0.0)
    plans = make_plans(np.where(alone, first, parent), ptr)

    def joined(name: str) -> np.ndarray:
        parts = [getattr(plan, name) for plan in plans]
        local = np.concatenate([np.zeros(0, np.int64), *parts])
        return np.where(local >= 0, local + first, -1)

    row = np.concatenate([np.zeros(0, np.int64), *(plan.row() for plan in plans)])
    return Spread(
        plans,
        ptr,
        row,
        joined("parent"),
        joined("other"),
        joined("first_parent"),
        reach[joined("edge")],
        length / block.dt,
    )


def settle(mechanism: Mechanism, pointed: frozenset[str]) -> Mechanism:
    """Volumes and flows that never change after INITIAL are computed once, by `derive`.

    Args:
        mechanism: specialised.
        pointed: variables that others may set.
    """
    kernel = mechanism.diffuse
    if not kernel.body:
        return mechanism
    later = [k for n, k in mechanism.kernels().items() if n not in ("before_initial", "init")]
    changing = {name for k in later if k is not kernel for name in (*k.stores, *k.args)}
    changing |= {*pointed, *ion_variables(mechanism), *mechanism.memory, "v", "t"}
    names = {n.id for s in kernel.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    if set(kernel.loads) & changing or "element" in names:
        return mechanism
    derive = mechanism.derive
    loads = tuple(sorted({*derive.loads, *kernel.loads}))
    both = Kernel((*derive.body, *kernel.body), loads, (*derive.stores, *kernel.stores))
    return dataclasses.replace(mechanism, derive=both, diffuse=Kernel())
