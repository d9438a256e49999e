"""POINTERs of one group of cells: which lines of `advance` copy what."""

from __future__ import annotations

from collections.abc import Sequence

from kernels.block import Block, Pointer
from kernels.jit import kept
from kernels.mechanism import Mechanism
from kernels.pointers import ALONE

#: (name in bodies, array that holds the targets) of each POINTER of a mechanism
Links = Sequence[tuple[str, str]]


@kept
def copy_values(target, place, source, origin):
    """target[place] = source[origin], one after the other."""
    for j in range(len(place)):
        target[place[j]] = source[origin[j]]


@kept
def add_values(target, place, source, origin):
    """target[place] += source[origin], one after the other."""
    for j in range(len(place)):
        target[place[j]] += source[origin[j]]


@kept
def copy_one(target, place, source, origin, entry, i):
    """target[place] = source[origin] of instance i, if it has an entry."""
    j = entry[i]
    if j >= 0:
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


def index_names(k: int, n: int) -> tuple[str, str, str]:
    """Arguments of `advance`: places of POINTER n of mechanism k, of its targets; entries."""
    return f"pointer_{k}_{n}_own", f"pointer_{k}_{n}_other", f"pointer_{k}_{n}_entry"


def linked(mechanism: Mechanism, links: Links, k: int, kernel: str, call: str) -> list[str]:
    """A call of a kernel with the copies before and after it."""
    body = mechanism.kernels()["current" if kernel == "observe" else kernel]
    before, after = [], []
    for n, (name, array) in enumerate(links):
        own, other, entry = index_names(k, n)
        copy, one = ("copy_one", f", {entry}, i") if kernel in ALONE else ("copy_values", "")
        if name in body.loads:
            before.append(f"{copy}(data_{k}, {own}, {array}, {other}{one})")
        if name in body.stores:
            put = "add_values" if name in body.adds else copy
            after.append(f"{put}({array}, {other}, data_{k}, {own}{one})")
    return [*before, call, *after]
