"""States that move along the cable of a group of cells; see `kernels.diffusion`.

Instances lie as nodes do in `kernels.cpu.layout`: row k of the cell in lane l at k * lanes + l.
Where volumes and flows never change the matrix is eliminated once an epoch, else at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.cpu.layout import Group
from kernels.diffusion import Spread
from kernels.jit import kept
from kernels.mechanism import Mechanism
from kernels.storage import Storage

if TYPE_CHECKING:
    from kernels.cpu.state import GroupState

TREE = ("plain", "parent", "other", "first_parent", "reach", "place", "share")
OF_STATE = ("work", "state", "volume", "flow")
N_VECTOR = 6  # of `work`: diagonal, coupling, far coupling, axial, right, value or flow


@kept
def factor_state(
    lanes, n_plain, parent, other, first_parent, reach, place, share, work, data, volume_at, flow_at
):  # fmt: skip
    """Eliminate the matrix of a state of one mechanism: inverse pivots and couplings in `work`.

    Args:
        lanes: cells side by side.
        n_plain: places before the first that may be condensed.
        parent: (n,) i4 place, as `solve_cable` takes it.
        other: (n,) i4 place, likewise.
        first_parent: (n,) i4 place, before any is eliminated.
        reach: (n,) f8 [1/um], over the sum of the lengths of a place and its first parent.
        place: (n_instance,) i4
        share: (n_instance,) f8 [um/ms]
        work: (N_VECTOR, n) f8
        data: tiles of the mechanism.
        volume_at: (n_instance,) i8, where volumes are in `data`.
        flow_at: (n_instance,) i8, where flows are.
    """
    n = len(parent)
    diagonal, coupling, far_coupling, axial, flow = work[0], work[1], work[2], work[3], work[5]
    for i in range(n):
        diagonal[i] = 1.0
        flow[i] = 0.0
    for j in range(len(place)):
        flow[place[j]] = data[flow_at[j]]
        diagonal[place[j]] = data[volume_at[j]] * share[j]
    for i in range(n - 1, lanes - 1, -1):
        axial[i] = (flow[i] + flow[first_parent[i]]) * reach[i]
        diagonal[first_parent[i]] += axial[i]
    for i in range(lanes, n):
        diagonal[i] += axial[i]
        coupling[i] = axial[i]
    for i in range(n - 1, lanes - 1, -1):
        diagonal[i] = 1.0 / diagonal[i]
        inverse = diagonal[i]
        p, o = parent[i], other[i]
        factor = coupling[i] * inverse
        diagonal[p] -= factor * coupling[i]
        if i >= n_plain and o >= 0:
            far = coupling[o]
            far_factor = far * inverse
            diagonal[o] -= far_factor * far
            coupling[o] = factor * far
            far_coupling[i] = far


@kept
def move_state(lanes, n_plain, parent, other, first_parent, place, work, state, at):
    """One implicit step of a state whose matrix is eliminated.

    Args:
        lanes: as in `factor_state`, and so the rest.
        n_plain: as there.
        parent: as there.
        other: as there.
        first_parent: as there.
        place: as there.
        work: as there.
        state: array that holds the state.
        at: (n_instance,) i8, where in it.
    """
    n = len(parent)
    inverse, coupling, far_coupling = work[0], work[1], work[2]
    axial, right, value = work[3], work[4], work[5]
    for i in range(n):
        right[i] = 0.0
        value[i] = 0.0
    for j in range(len(place)):
        value[place[j]] = state[at[j]]
    for i in range(n - 1, lanes - 1, -1):  # what flows in from children, in their order
        p = first_parent[i]
        right[p] += axial[i] * (value[i] - value[p])
    for i in range(lanes, n):  # then from the parent
        right[i] += axial[i] * (value[first_parent[i]] - value[i])
    for i in range(n - 1, n_plain - 1, -1):
        right[parent[i]] += coupling[i] * inverse[i] * right[i]
        if other[i] >= 0:
            right[other[i]] += far_coupling[i] * inverse[i] * right[i]
    for i in range(n_plain - 1, lanes - 1, -1):
        right[parent[i]] += coupling[i] * inverse[i] * right[i]
    for i in range(min(lanes, n)):
        right[i] = right[i] / inverse[i]  # of a root: its pivot
    for i in range(lanes, n_plain):
        right[i] = (right[i] + coupling[i] * right[parent[i]]) * inverse[i]
    for i in range(n_plain, n):
        known = right[i] + coupling[i] * right[parent[i]]
        if other[i] >= 0:
            known += far_coupling[i] * right[other[i]]
        right[i] = known * inverse[i]
    for j in range(len(place)):
        state[at[j]] += right[place[j]]


def spread_names(k: int, mechanism: Mechanism) -> list[str]:
    """Arguments of `advance` for mechanism k, some of whose states move."""
    names = [f"spread_{k}_{name}" for name in TREE]
    states = range(len(mechanism.diffusing))
    return names + [f"spread_{k}_{j}_{name}" for j in states for name in OF_STATE]


def moves(k: int, mechanism: Mechanism, storage: Storage) -> list[str]:
    """The lines that move the states of mechanism k."""
    plain, parent, other, first, reach, place, share = (f"spread_{k}_{name}" for name in TREE)
    tree = f"lanes, {plain}, {parent}, {other}, {first}"
    lines = []
    for j, one in enumerate(mechanism.diffusing):
        work, state, volume, flow = (f"spread_{k}_{j}_{name}" for name in OF_STATE)
        given = f"{tree}, {reach}, {place}, {share}, {work}, data_{k}, {volume}, {flow}"
        if mechanism.diffuse.body:
            lines.append(f"factor_state({given})")
        else:
            lines += ["if step == first:", f"    factor_state({given})"]
        array = _array(k, one.state, storage)
        lines.append(f"move_state({tree}, {place}, {work}, {array}, {state})")
    return lines


def _array(k: int, state: str, storage: Storage) -> str:
    if state in storage.gathered:
        return "{}_{}".format(*storage.gathered[state])
    return f"data_{k}"


def spread_values(group: GroupState, k: int, spread: Spread) -> dict[str, object]:
    """The values of those arguments for a group."""
    mechanism = group.engine.block.mechanisms[k].mechanism
    storage, index = group.engine.storages[k], group.slices[k].index
    values = _tree(group.layout, spread, index, group.real)
    instance, n = np.arange(len(index)), len(values["parent"])
    for j, one in enumerate(mechanism.diffusing):
        own = zip(OF_STATE[1:], (one.state, one.volume, one.flow), strict=True)
        at = {name: group.flat(instance, k, storage.slots[variable]) for name, variable in own}
        if one.state in storage.gathered:
            at["state"] = group.slices[k].node[: len(index)].astype(np.int64)
        at["work"] = np.zeros((N_VECTOR, n), group.real)
        values |= {f"{j}_{name}": array for name, array in at.items()}
    return {f"spread_{k}_{name}": value for name, value in values.items()}


def _tree(layout: Group, spread: Spread, index: np.ndarray, real: type) -> dict[str, Any]:
    """Values by name in `TREE`; `index` are the instances of the group."""
    lanes, cells = layout.lanes, layout.cells
    size = (spread.ptr[cells + 1] - spread.ptr[cells]).astype(np.int64)
    n = int(size.max(initial=0)) * lanes
    plans = [spread.plans[c] for c in cells]
    n_plain = min([n, *(lanes * (p.n - p.n_early) for p in plans if p.n_early)])
    place = np.zeros(len(spread.row), np.int64)
    for lane, c in enumerate(cells):
        mine = slice(spread.ptr[c], spread.ptr[c + 1])
        place[mine] = spread.row[mine] * lanes + lane
    root = (np.arange(n) % lanes).astype(np.int32)
    found = {"parent": root, "other": np.full(n, -1, np.int32), "first_parent": root.copy()}
    for name, array in found.items():
        to = getattr(spread, name)
        has = index[to[index] >= 0]
        array[place[has]] = place[to[has]]
    reach: np.ndarray = np.zeros(n, real)
    reach[place[index]] = spread.reach[index]
    own = {"place": place[index].astype(np.int32), "share": spread.share[index].astype(real)}
    return {"plain": n_plain, **found, "reach": reach, **own}
