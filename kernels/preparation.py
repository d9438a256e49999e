"""What every compiled engine does first: mechanisms specialised for a block, and their memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kernels.block import Block, Instances
from kernels.diffusion import Spread, make_spreads, settle
from kernels.hoist import hoist
from kernels.mechanism import Mechanism
from kernels.pointers import check_pointers, loosen, pointed_variables, with_sums
from kernels.precision import DOUBLE, RESTS, Precision, split
from kernels.specialise import build_table, constants_of, specialise
from kernels.storage import Storage, ion_variables, live_ion_fields, reversal_nodes, storage_of
from kernels.typed import type_mechanism


@dataclass(frozen=True)
class Prepared:
    """The mechanisms of a block, ready to be printed."""

    mechanisms: tuple[Mechanism, ...]  # constants folded, fixed work hoisted
    tables: tuple[np.ndarray, ...]
    storages: tuple[Storage, ...]
    keeps: tuple[frozenset[str], ...]  # variables that are sampled
    live: list[tuple[str, str]]  # (ion, field) with an array over nodes, sorted
    followed: dict[str, tuple[np.ndarray, np.ndarray]]  # see `kernels.storage.reversal_nodes`
    precision: Precision = DOUBLE
    spreads: dict[int, Spread] = field(default_factory=dict)  # see `kernels.diffusion.make_spreads`


def prepare(block: Block, precision: Precision = DOUBLE) -> Prepared:
    """Specialise every mechanism of a block and decide what needs memory."""
    live = live_ion_fields(block)
    mechanisms, tables, storages, keeps = [], [], [], []
    for group in block.mechanisms:
        constants = constants_of(block, group.mechanism)
        pointed = pointed_variables(block, group.mechanism)
        keep = _sampled(block, group.mechanism.name) | pointed
        mechanism = with_sums(specialise(loosen(group.mechanism, pointed), constants))
        check_pointers(group, mechanism)
        mechanism = hoist(mechanism)
        mechanism = settle(mechanism, pointed)
        times: frozenset[str] = frozenset()
        if precision.is_single:
            mechanism, times = type_mechanism(mechanism, pointed)
        mechanisms.append(mechanism)
        tables.append(build_table(block, group.mechanism, constants).astype(precision.dtype))
        storages.append(storage_of(mechanism, live, keep, times))
        keeps.append(keep)
    followed = {ion.name: reversal_nodes(block, ion.name) for ion in block.ions}
    parts = (tuple(mechanisms), tuple(tables), tuple(storages), tuple(keeps))
    return Prepared(*parts, sorted(live), followed, precision, make_spreads(block))


def _sampled(block: Block, mechanism: str) -> frozenset[str]:
    names = (probe.variable.split(".") for probe in block.probes if "." in probe.variable)
    return frozenset(name[1] for name in names if name[0] == mechanism)


def slot_value(
    block: Block, group: Instances, storage: Storage, name: str, prepared: Prepared
) -> np.ndarray:
    """(n,) f8 values that a slot of a mechanism's instances holds before INITIAL."""
    for k, prefix in enumerate(RESTS, start=1):
        if name.removeprefix(prefix) in storage.times and name.startswith(prefix):
            whole = slot_value(block, group, storage, name.removeprefix(prefix), prepared)
            return split(whole)[k]
    variables, ions = group.mechanism.variables(), ion_variables(group.mechanism)
    if name in ions and name not in storage.gathered:
        value = _static_ion(block, *ions[name], prepared)[group.node]
    elif name in group.parameters:
        value = group.parameters[name]
    elif name in variables:
        value = np.float64(variables[name].default)
    else:
        value = _geometry(block, name, group.node)
    return np.broadcast_to(np.asarray(value, np.float64), group.node.shape)


def _static_ion(block: Block, ion: str, field: str, prepared: Prepared) -> np.ndarray:
    """Values [mV, mM] over the nodes of a block of an ion field that no kernel changes."""
    from kernels.intrinsics import nernst

    record = next(i for i in block.ions if i.name == ion)
    values = getattr(record, field) if field != "i" else np.zeros(block.n_node)
    start, _ = prepared.followed[ion]
    if field == "e" and len(start):
        values = values.copy()
        for node in start:
            inside, outside = float(record.ci[node]), float(record.co[node])
            values[node] = nernst(inside, outside, record.valence, block.celsius)
    return values


def _geometry(block: Block, name: str, node: np.ndarray) -> np.ndarray:
    area = block.area[node] if len(block.area) else np.zeros(len(node))
    if name == "_weight":
        return 0.01 * area
    if name == "_per_area":
        return np.where(area > 0.0, 100.0 / np.where(area > 0.0, area, 1.0), 1.0)
    if name == "area":
        return np.where(area > 0.0, area, 100.0)
    if name == "diam" and len(block.diam):
        return block.diam[node]
    return np.zeros(len(node))
