"""What was declared of a cell, region by region, laid on its nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from distnet.cable import Cable
from distnet.errors import InputError
from distnet.placed import Density, Target

ION_FIELDS = ("e", "ci", "co")
#: A parameter: one value, or a function of path distance [um] from the middle of the root section.
Value = float | Callable[[float], float]


@dataclass(frozen=True)
class Declared:
    """One call of `Cell.insert` or `Cell.set_ion`."""

    sections: tuple[int, ...]
    parameters: Mapping[str, Value]


@dataclass(frozen=True)
class Pointed:
    """What a POINTER of a density mechanism stands for at some nodes."""

    mechanism: str
    pointer: str
    target: Mapping[int, Target]  # by node


def lay_density(
    where: str,
    cable: Cable,
    mechanism: str,
    inserted: Sequence[tuple[str, Declared]],
    pointed: Sequence[Pointed],
) -> Density:
    """One density mechanism on the nodes of all its sections.

    Args:
        where: the cell, for messages.
        cable: its nodes.
        mechanism: SUFFIX.
        inserted: what was declared of all mechanisms; the later wins.
        pointed: POINTERs of all mechanisms; the later wins.
    """
    declared = [one for name, one in inserted if name == mechanism]
    is_segment = np.zeros(cable.n_node, dtype=bool)
    is_segment[cable.node_of_segment] = True
    sections = sorted({s for d in declared for s in d.sections})
    node = np.flatnonzero(is_segment & np.isin(cable.section, sections)).astype(np.int32)
    values: dict[str, np.ndarray] = {}
    for one in declared:
        here = np.isin(cable.section[node], one.sections)
        for name, value in one.parameters.items():
            array = values.setdefault(name, np.full(len(node), np.nan))
            array[here] = _evaluate(f"{where}: {mechanism}: {name}", value, cable, node[here])
    pointers: dict[str, dict[int, Target]] = {}
    own = set(node.tolist())
    for at in pointed:
        if at.mechanism == mechanism:
            targets = {n: target for n, target in at.target.items() if n in own}
            pointers.setdefault(at.pointer, {}).update(targets)
    return Density(node, values, pointers)


def lay_ion(
    where: str, cable: Cable, ion: str, given: Sequence[tuple[str, Declared]]
) -> dict[str, np.ndarray | None]:
    """What was set of one ion, on all nodes: None where nothing was, NaN at nodes left out."""
    fields: dict[str, np.ndarray | None] = dict.fromkeys(ION_FIELDS)
    for one in (declared for name, declared in given if name == ion):
        here = np.isin(cable.section, one.sections)
        for name, value in one.parameters.items():
            array = fields[name]
            if array is None:
                array = fields[name] = np.full(cable.n_node, np.nan)
            node = np.flatnonzero(here)
            array[here] = _evaluate(f"{where}: {ion}: {name}", value, cable, node)
    return fields


def _evaluate(what: str, value: Value, cable: Cable, node: np.ndarray) -> float | np.ndarray:
    """A constant, or a function of distance at each node."""
    if not callable(value):
        return float(value)
    distance = cable.distance[node]
    result = np.array([value(float(d)) for d in distance], dtype=np.float64)
    if not np.isfinite(result).all():
        at = distance[~np.isfinite(result)][0]
        raise InputError(what, f"not a finite value at {at:g} um")
    return result
