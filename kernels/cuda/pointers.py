"""POINTERs on the device: what is copied before and after a kernel; see `kernels.pointers`.

Values are fetched by all threads of a cell: every entry has a place of its own. They are put by one
thread, in order of the entries, as several may stand for one variable. Block barriers lie around
both. An event is delivered by one thread, which fetches and puts for its instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kernels.block import Block
from kernels.cpu.pointers import Links
from kernels.cuda.layout import tile_index
from kernels.errors import KernelsError
from kernels.mechanism import Kernel

if TYPE_CHECKING:
    from kernels.cuda.state import State

BARRIER = "__syncthreads();"


def link_fields(links: Sequence[Links]) -> dict[str, str]:
    """Fields of the table: where a cell's entries begin, their places, entries by instance."""
    return {
        f"{what}_{k}_{n}": "const long long *"
        for k, of_mechanism in enumerate(links)
        for n in range(len(of_mechanism))
        for what in ("link_ptr", "link_own", "link_other", "link_entry")
    }


def link_functions(k: int, links: Links) -> str:
    """Functions that fetch and put what the POINTERs of mechanism k stand for."""
    return "\n\n".join(
        text
        for n, (_, array) in enumerate(links)
        for text in (
            _function("fetch", k, n, _target(array)),
            _function("put", k, n, _target(array)),
            _function("add", k, n, _target(array)),
            _function_of_one("fetch", k, n, _target(array)),
            _function_of_one("put", k, n, _target(array)),
        )
    )


def _target(array: str) -> str:
    return "cell.voltage" if array == "voltage" else f"p->{array}"


def _places(k: int, n: int, target: str) -> tuple[str, str]:
    """The variable of entry j, and what it stands for."""
    return f"p->data_{k}[p->link_own_{k}_{n}[j]]", f"{target}[p->link_other_{k}_{n}[j]]"


def _function(name: str, k: int, n: int, target: str) -> str:
    own, other = _places(k, n, target)
    copy = {"fetch": f"{own} = {other}", "put": f"{other} = {own}", "add": f"{other} += {own}"}
    first, stride = ("cell.lane", "THREADS") if name == "fetch" else ("0", "1")
    alone = ["    if (cell.lane != 0) return;"] if name != "fetch" else []
    head = f"__device__ __forceinline__ void {name}_{k}_{n}(const Table *p, const Cell &cell) {{"
    lines = [
        head,
        *alone,
        f"    const long long last = p->link_ptr_{k}_{n}[cell.index + 1];",
        f"    for (long long j = p->link_ptr_{k}_{n}[cell.index] + {first}; j < last; "
        f"j += {stride})",
        f"        {copy[name]};",
        "}",
    ]
    return "\n".join(lines)


def _function_of_one(name: str, k: int, n: int, target: str) -> str:
    """The same for instance i alone."""
    own, other = _places(k, n, target)
    to, source = (other, own) if name == "put" else (own, other)
    lines = [
        f"__device__ __forceinline__ void {name}_one_{k}_{n}(",
        "    const Table *p, const Cell &cell, long long i",
        ") {",
        f"    const long long j = p->link_entry_{k}_{n}[i];",
        f"    if (j >= 0) {to} = {source};",
        "}",
    ]
    return "\n".join(lines)


def linked(k: int, links: Links, kernel: Kernel, call: list[str]) -> list[str]:
    """The lines of a call, with the copies that its kernel needs and barriers around them."""
    fetches = [f"fetch_{k}_{n}(p, cell);" for n in _of(links, kernel.loads)]
    adds = _of(links, kernel.adds)
    puts = [f"{'add' if n in adds else 'put'}_{k}_{n}(p, cell);" for n in _of(links, kernel.stores)]
    before = [BARRIER, *fetches, BARRIER] if fetches else []
    after = [BARRIER, *puts, BARRIER] if puts else []
    return [*before, *call, *after]


def linked_alone(k: int, links: Links, kernel: Kernel, call: str) -> list[str]:
    """The same for one thread, which runs instance i."""
    fetches = [f"fetch_one_{k}_{n}(p, cell, i);" for n in _of(links, kernel.loads)]
    return [*fetches, call, *(f"put_one_{k}_{n}(p, cell, i);" for n in _of(links, kernel.stores))]


def _of(links: Links, names: Sequence[str]) -> list[int]:
    return [n for n, (name, _) in enumerate(links) if name in names]


def link_arrays(
    block: Block, state: State, slots: Sequence[dict[str, int]]
) -> dict[str, np.ndarray]:
    """The entries of every POINTER, by cell and then in the order of the block.

    Args:
        block: the cells.
        state: where their variables lie.
        slots: of each mechanism.

    Raises:
        KernelsError: a POINTER stands for a variable of another cell.
    """
    arrays: dict[str, np.ndarray] = {}
    for k, group in enumerate(block.mechanisms):
        for n, pointer in enumerate(group.pointers):
            cell, _, other = state.locate(pointer.variable, np.asarray(pointer.place, np.int64))
            instance = pointer.instance
            home = state.nodes.piece_of(group.cell[instance], group.node[instance])
            if len(away := np.flatnonzero(home != cell)):
                one, far = (int(state.nodes.cell[c[away[0]]]) for c in (home, cell))
                raise KernelsError(
                    f"{group.mechanism.name}.{pointer.name} of cell {one} stands for a variable of "
                    f"cell {far}; on a GPU both must be in one cell"
                )
            instance = state.placed[k].position[pointer.instance]
            own = tile_index(slots[k][pointer.name], instance, len(slots[k]))
            order = np.argsort(cell, kind="stable")
            entry = np.full(group.n, -1, np.int64)
            entry[instance[order]] = np.arange(len(order))
            bounds = np.searchsorted(cell[order], np.arange(state.n_cell + 1))
            arrays |= {
                f"link_ptr_{k}_{n}": bounds.astype(np.int64),
                f"link_entry_{k}_{n}": entry,
                f"link_own_{k}_{n}": own[order].astype(np.int64),
                f"link_other_{k}_{n}": other[order].astype(np.int64),
            }
    return arrays
