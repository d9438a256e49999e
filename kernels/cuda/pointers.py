"""POINTERs on the device: what is copied before and after a kernel; see `kernels.pointers`.

Values are fetched by all threads of a cell: every entry has a place of its own. They are put by one
thread, in order of the entries, as several may stand for one variable. Block barriers lie around
both. An event is delivered by one thread, which then fetches and puts alone.
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
    """Fields of the table: where the entries of a cell begin, and both places of each."""
    return {
        f"{what}_{k}_{n}": "const long long *"
        for k, of_mechanism in enumerate(links)
        for n in range(len(of_mechanism))
        for what in ("link_ptr", "link_own", "link_other")
    }


def link_functions(k: int, links: Links) -> str:
    """Functions that fetch and put what the POINTERs of mechanism k stand for."""
    return "\n\n".join(
        text
        for n, (_, array) in enumerate(links)
        for text in (
            _function("fetch", k, n, _target(array), "cell.lane", "THREADS"),
            _function("fetch_alone", k, n, _target(array), "0", "1"),
            _function("put", k, n, _target(array), "0", "1"),
        )
    )


def _target(array: str) -> str:
    return "cell.voltage" if array == "voltage" else f"p->{array}"


def _function(name: str, k: int, n: int, target: str, first: str, stride: str) -> str:
    own, other = f"p->data_{k}[p->link_own_{k}_{n}[j]]", f"{target}[p->link_other_{k}_{n}[j]]"
    to, source = (other, own) if name == "put" else (own, other)
    alone = ["    if (cell.lane != 0) return;"] if name != "fetch" else []
    head = f"__device__ __forceinline__ void {name}_{k}_{n}(const Table *p, const Cell &cell) {{"
    lines = [
        head,
        *alone,
        f"    const long long last = p->link_ptr_{k}_{n}[cell.index + 1];",
        f"    for (long long j = p->link_ptr_{k}_{n}[cell.index] + {first}; j < last; "
        f"j += {stride})",
        f"        {to} = {source};",
        "}",
    ]
    return "\n".join(lines)


def linked(k: int, links: Links, kernel: Kernel, call: list[str]) -> list[str]:
    """The lines of a call, with the copies that its kernel needs and barriers around them."""
    fetches = [f"fetch_{k}_{n}(p, cell);" for n in _of(links, kernel.loads)]
    puts = [f"put_{k}_{n}(p, cell);" for n in _of(links, kernel.stores)]
    before = [BARRIER, *fetches, BARRIER] if fetches else []
    after = [BARRIER, *puts, BARRIER] if puts else []
    return [*before, *call, *after]


def linked_alone(k: int, links: Links, kernel: Kernel, call: str) -> list[str]:
    """The same for one thread."""
    fetches = [f"fetch_alone_{k}_{n}(p, cell);" for n in _of(links, kernel.loads)]
    return [*fetches, call, *(f"put_{k}_{n}(p, cell);" for n in _of(links, kernel.stores))]


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
            home = state.nodes.rank[group.cell[pointer.instance]]
            if len(away := np.flatnonzero(home != cell)):
                one, far = (int(state.nodes.cell[c[away[0]]]) for c in (home, cell))
                raise KernelsError(
                    f"{group.mechanism.name}.{pointer.name} of cell {one} stands for a variable of "
                    f"cell {far}; on a GPU both must be in one cell"
                )
            own = state.placed[k].position[pointer.instance]
            own = tile_index(slots[k][pointer.name], own, len(slots[k]))
            order = np.argsort(cell, kind="stable")
            bounds = np.searchsorted(cell[order], np.arange(state.n_cell + 1))
            arrays |= {
                f"link_ptr_{k}_{n}": bounds.astype(np.int64),
                f"link_own_{k}_{n}": own[order].astype(np.int64),
                f"link_other_{k}_{n}": other[order].astype(np.int64),
            }
    return arrays
