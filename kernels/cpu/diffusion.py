"""States that move along the cable of a group of cells; see `kernels.diffusion`.

Instances lie as nodes do in `kernels.cpu.layout`: row k of the cell in lane l at k * lanes + l.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.cpu.layout import Group
from kernels.cpu.solver import solve_cable
from kernels.diffusion import Spread
from kernels.jit import kept
from kernels.mechanism import Mechanism
from kernels.storage import Storage

if TYPE_CHECKING:
    from kernels.cpu.state import GroupState

TREE = ("plain", "parent", "other", "ptr", "near", "reach", "work", "place", "share")
PLACES = ("state", "volume", "flow")
N_VECTOR = 7  # of `work`


@kept
def move_state(
    lanes, n_plain, parent, other, ptr, near, reach, work, place, share, state, at, data,
    volume_at, flow_at,
):  # fmt: skip
    """One implicit step of a state of one mechanism.

    Args:
        lanes: cells side by side.
        n_plain: places before the first that may be condensed.
        parent: (n,) i4 place, as `solve_cable` takes it.
        other: (n,) i4 place, likewise.
        ptr: (n + 1,) i4, neighbours of each place.
        near: (n_near,) i4, their places.
        reach: (n_near,) f8 [1/um]
        work: (N_VECTOR, n) f8; the diagonal is 1 in idle places.
        place: (n_instance,) i4
        share: (n_instance,) f8 [um/ms]
        state: array that holds the state.
        at: (n_instance,) i8, where in it.
        data: tiles of the mechanism.
        volume_at: (n_instance,) i8, where volumes are in `data`.
        flow_at: (n_instance,) i8, where flows are.
    """
    n = len(parent)
    value, flow, diagonal, right, axial, far = work[0], work[1], work[2], work[3], work[4], work[6]
    coupling = work[5] if n_plain < n else work[4]
    for j in range(len(place)):
        i = place[j]
        value[i] = state[at[j]]
        flow[i] = data[flow_at[j]]
        diagonal[i] = data[volume_at[j]] * share[j]
    for i in range(n):
        right[i] = 0.0
        axial[i] = 0.0
        for c in range(ptr[i], ptr[i + 1]):
            o = near[c]
            axial[i] = (flow[i] + flow[o]) * reach[c]
            diagonal[i] += axial[i]
            right[i] += axial[i] * (value[o] - value[i])
    solve_cable(lanes, n, n_plain, parent, other, axial, coupling, far, diagonal, right)
    for j in range(len(place)):
        state[at[j]] += right[place[j]]


def spread_names(k: int, mechanism: Mechanism) -> list[str]:
    """Arguments of `advance` for mechanism k, some of whose states move."""
    names = [f"spread_{k}_{name}" for name in TREE]
    states = range(len(mechanism.diffusing))
    return names + [f"spread_{k}_{j}_{name}" for j in states for name in PLACES]


def moves(k: int, mechanism: Mechanism, storage: Storage) -> list[str]:
    """The lines that move the states of mechanism k."""
    tree = ", ".join(f"spread_{k}_{name}" for name in TREE)
    lines = []
    for j, one in enumerate(mechanism.diffusing):
        array, at = _array(k, one.state, storage), [f"spread_{k}_{j}_{name}" for name in PLACES]
        lines.append(f"move_state(lanes, {tree}, {array}, {at[0]}, data_{k}, {at[1]}, {at[2]})")
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
    instance = np.arange(len(index))
    for j, one in enumerate(mechanism.diffusing):
        own = zip(PLACES, (one.state, one.volume, one.flow), strict=True)
        at = {name: group.flat(instance, k, storage.slots[n]) for name, n in own}
        if one.state in storage.gathered:
            at["state"] = group.slices[k].node[: len(index)].astype(np.int64)
        values |= {f"{j}_{name}": array for name, array in at.items()}
    return {f"spread_{k}_{name}": value for name, value in values.items()}


def _tree(layout: Group, spread: Spread, index: np.ndarray, real: type) -> dict[str, object]:
    """Arrays by name in `TREE`; `index` are the instances of the group."""
    lanes, cells = layout.lanes, layout.cells
    size = (spread.ptr[cells + 1] - spread.ptr[cells]).astype(np.int64)
    n = int(size.max(initial=0)) * lanes
    plans = [spread.plans[c] for c in cells]
    n_plain = min([n, *(lanes * (p.n - p.n_early) for p in plans if p.n_early)])
    place = np.zeros(len(spread.row), np.int64)
    for lane, c in enumerate(cells):
        mine = slice(spread.ptr[c], spread.ptr[c + 1])
        place[mine] = spread.row[mine] * lanes + lane
    parent, other = (np.arange(n) % lanes).astype(np.int32), np.full(n, -1, np.int32)
    count = np.zeros(n, np.int64)
    for array, to in ((parent, spread.parent), (other, spread.other)):
        has = index[to[index] >= 0]
        array[place[has]] = place[to[has]]
    count[place[index]] = np.diff(spread.near_ptr)[index]
    by_place = index[np.argsort(place[index])]
    near = np.concatenate(
        [np.zeros(0, np.int64), *(_neighbours(spread, i) for i in by_place.tolist())]
    )
    work: np.ndarray = np.zeros((N_VECTOR, n), real)
    work[2] = 1.0
    found = (n_plain, parent, other, np.concatenate([[0], np.cumsum(count)]).astype(np.int32))
    far = place[spread.near[near]].astype(np.int32), spread.reach[near].astype(real)
    own = place[index].astype(np.int32), spread.share[index].astype(real)
    return dict(zip(TREE, (*found, *far, work, *own), strict=True))


def _neighbours(spread: Spread, i: int) -> np.ndarray:
    return np.arange(spread.near_ptr[i], spread.near_ptr[i + 1])
