"""States that move along the cable, on the device: see `kernels.diffusion`.

The solver's vectors lie in global memory, which means the L2 cache, whatever the cell; only blocks
in which some state moves have this part of the text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from kernels.block import Block
from kernels.cuda.classes import Schedules
from kernels.cuda.layout import I4, I8, TILE, Nodes, Placed
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.trees import lay_tree
from kernels.diffusion import Spread
from kernels.schedule import Elimination

#: Vectors over vertices that a state needs while it moves: value, flow, diagonal, right, couplings.
N_VECTOR = 6
FIELDS = {
    "const int *": (
        "parent other child child_ptr level_ptr first_parent first_child first_child_ptr slot"
    ),
    "const long long *": "level_first child_first instance",
    "const Real *": "reach share",
}
FUNCTIONS = """\
__device__ __forceinline__ Spread open_spread_{k}(const Table *p, const Cell &cell) {{
    const long long first = p->ptr_{k}[cell.index];
    const long long level_first = p->spread_level_first_{k}[cell.index];
    Spread s;
    s.n = (int)(p->ptr_{k}[cell.index + 1] - first);
    s.n_level = (int)(p->spread_level_first_{k}[cell.index + 1] - level_first) - 1;
    s.parent = p->spread_parent_{k} + first;
    s.other = p->spread_other_{k} + first;
    s.child = p->spread_child_{k} + p->spread_child_first_{k}[cell.index];
    s.child_ptr = p->spread_child_ptr_{k} + first + cell.index;
    s.level_ptr = p->spread_level_ptr_{k} + level_first;
    s.first_parent = p->spread_first_parent_{k} + first;
    s.first_child = p->spread_first_child_{k} + first;
    s.first_child_ptr = p->spread_first_child_ptr_{k} + first + cell.index;
    s.instance = p->spread_instance_{k} + first;
    s.reach = p->spread_reach_{k} + first;
    s.share = p->spread_share_{k} + first;
    Real *work = p->spread_work + {n_vector} * cell.first;
    s.value = work;
    s.flow = work + s.n;
    s.diagonal = work + 2 * s.n;
    s.right = work + 3 * s.n;
    s.coupling = work + 4 * s.n;
    return s;
}}

// Where state j of instance i lies.
__device__ __forceinline__ Real *diffusing_{k}(
    const Table *p, const Cell &cell, Real *d, long long i, int j
) {{
    Real *at = d + {tile} * p->spread_slot_{k}[3 * j];
{ions}
    __builtin_assume(__isGlobal(at));
    return at;
}}

__device__ __forceinline__ void move_{k}(const Table *p, const Cell &cell) {{
    const Spread s = open_spread_{k}(p, cell);
    if (s.n == 0) return;
#pragma unroll 1
    for (int j = 0; j < {n_state}; ++j) {{
        for (int v = cell.lane; v < s.n; v += THREADS) {{
            const long long i = s.instance[v];
            Real *d = p->data_{k} + (i / {tile}) * {stride} + i % {tile};
            s.value[v] = *diffusing_{k}(p, cell, d, i, j);
            s.diagonal[v] = d[{tile} * p->spread_slot_{k}[3 * j + 1]] * s.share[v];
            s.flow[v] = d[{tile} * p->spread_slot_{k}[3 * j + 2]];
        }}
        __syncthreads();
        solve_spread(cell, s);
        for (int v = cell.lane; v < s.n; v += THREADS) {{
            const long long i = s.instance[v];
            Real *d = p->data_{k} + (i / {tile}) * {stride} + i % {tile};
            *diffusing_{k}(p, cell, d, i, j) += s.right[v];
        }}
        __syncthreads();
    }}
}}
"""


def spread_fields(moving: Collection[int]) -> dict[str, str]:
    """Fields of the table, for mechanisms of which states move."""
    found = {
        f"spread_{name}_{k}": kind
        for k in moving
        for kind, names in FIELDS.items()
        for name in names.split()
    }
    return found | ({"spread_work": "Real *"} if moving else {})


def spread_functions(printers: Sequence[MechanismPrinter], moving: Collection[int]) -> list[str]:
    """The functions that move states."""
    if not moving:
        return []
    text = (Path(__file__).parent / "diffusion.cu").read_text()
    return [text, *(_functions(printers[k]) for k in moving)]


def _functions(printer: MechanismPrinter) -> str:
    k, states = printer.k, printer.mechanism.diffusing
    gathered = printer.storage.gathered
    ions = [
        f"    if (j == {j}) at = p->{gathered[one.state][0]}_{gathered[one.state][1]} + "
        f"cell.first + p->node_{k}[i];"
        for j, one in enumerate(states)
        if one.state in gathered
    ]
    return FUNCTIONS.format(
        k=k,
        n_vector=N_VECTOR,
        ions="\n".join(ions),
        tile=TILE,
        stride=TILE * len(printer.slots),
        n_state=len(states),
    )


def spread_arrays(
    block: Block,
    printers: Sequence[MechanismPrinter],
    spreads: Mapping[int, Spread],
    nodes: Nodes,
    placed: Sequence[Placed],
    schedules: Schedules,
) -> dict[str, np.ndarray]:
    """What those fields hold."""
    arrays: dict[str, np.ndarray] = {}
    for k, spread in spreads.items():
        found = _arrays(spread, nodes, placed[k], schedules)
        slots, gathered = printers[k].slots, printers[k].storage.gathered
        found["slot"] = np.array(
            [
                [-1 if one.state in gathered else slots[one.state], slots[one.volume]]
                + [slots[one.flow]]
                for one in printers[k].mechanism.diffusing
            ],
            I4,
        )
        kinds = {"const int *": I4, "const long long *": I8}
        real = printers[k].precision.dtype
        for kind, names in FIELDS.items():
            for name in names.split():
                arrays[f"spread_{name}_{k}"] = found[name].astype(kinds.get(kind, real))
    if spreads:
        real = printers[0].precision.dtype
        arrays["spread_work"] = np.zeros(N_VECTOR * block.n_node, real)
    return arrays


def _arrays(
    spread: Spread, nodes: Nodes, placed: Placed, schedules: Schedules
) -> dict[str, np.ndarray]:
    """Trees in the order of the device, a vertex for an instance."""
    known: dict[tuple[int, int], dict[str, np.ndarray]] = {}
    trees: list[dict[str, np.ndarray]] = []
    instances: list[np.ndarray] = []
    for cell, lanes in zip(nodes.cell.tolist(), nodes.lanes.tolist(), strict=True):
        plan = spread.plans[cell]
        key = (id(plan), lanes)
        if key not in known:
            known[key] = _tree(plan, schedules, lanes)
        trees.append(known[key])
        instances.append(spread.ptr[cell] + known[key]["node"])
    instance = np.concatenate([np.zeros(0, I8), *instances]).astype(I8)
    names = [name for name in FIELDS["const int *"].split() if name != "slot"]
    found = {
        name: np.concatenate([np.zeros(0, I8), *(tree[name] for tree in trees)]) for name in names
    }
    for name in ("level_ptr", "child"):
        sizes = [len(tree[name]) for tree in trees]
        found[name.removesuffix("_ptr") + "_first"] = np.concatenate([[0], np.cumsum(sizes)])
    return found | {
        "reach": spread.reach[instance],
        "share": spread.share[instance],
        "instance": placed.position[instance],
    }


def _tree(plan: Elimination, schedules: Schedules, lanes: int) -> dict[str, np.ndarray]:
    """A tree by position: as it is eliminated, and its neighbours before any is."""
    tree = lay_tree(plan, schedules, lanes)
    position = np.empty(plan.n, I8)
    position[tree.node] = np.arange(plan.n)
    below = np.flatnonzero(plan.first_parent >= 0)
    above = position[plan.first_parent[below]]
    parent = np.zeros(plan.n, I8)
    parent[position[below]] = above
    child = position[below[np.lexsort((-plan.row()[below], above))]]  # in the serial order
    ptr = np.concatenate([[0], np.cumsum(np.bincount(above, minlength=plan.n))])
    last = np.zeros(min(1, plan.n), I8)  # so that there are n
    first = {
        "first_parent": parent,
        "first_child": np.concatenate([child, last]),
        "first_child_ptr": ptr.astype(I8),
    }
    return {**vars(tree), **first}
