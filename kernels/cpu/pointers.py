"""POINTERs of one group of cells: which lines of `advance` copy what."""

from __future__ import annotations

from collections.abc import Sequence

from kernels.block import Block, Pointer
from kernels.jit import kept
from kernels.mechanism import Mechanism

#: (name in bodies, array that holds the targets) of each POINTER of a mechanism
Links = Sequence[tuple[str, str]]


@kept
def copy_values(target, place, source, origin):
    """target[place] = source[origin], one after the other."""
    for j in range(len(place)):
        target[place[j]] = source[origin[j]]


def array_of(block: Block, pointer: Pointer) -> str:
    """Name of the array that a POINTER's targets lie in."""
    first, _, last = pointer.variable.partition(".")
    if pointer.variable == "v":
        return "voltage"
    index = [k for k, group in enumerate(block.mechanisms) if group.mechanism.name == first]
    return f"data_{index[0]}" if index else f"{first}_{last}"


def links_of(block: Block) -> list[list[tuple[str, str]]]:
    """The POINTERs of every mechanism."""
    return [[(p.name, array_of(block, p)) for p in group.pointers] for group in block.mechanisms]


def index_names(k: int, n: int) -> tuple[str, str]:
    """Arguments of `advance`: places of POINTER n of mechanism k, and of its targets."""
    return f"pointer_{k}_{n}_own", f"pointer_{k}_{n}_other"


def linked(mechanism: Mechanism, links: Links, k: int, kernel: str, call: str) -> list[str]:
    """A call of a kernel with the copies before and after it."""
    body = mechanism.kernels()["current" if kernel == "observe" else kernel]
    before, after = [], []
    for n, (name, array) in enumerate(links):
        own, other = index_names(k, n)
        if name in body.loads:
            before.append(f"copy_values(data_{k}, {own}, {array}, {other})")
        if name in body.stores:
            after.append(f"copy_values({array}, {other}, data_{k}, {own})")
    return [*before, call, *after]
