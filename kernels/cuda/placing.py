"""Kernels of a mechanism with their waiting values in slots: what `kernels.cuda.pressure` is given.

A kernel of single precision that computes in float64 loads from slots of float32 and rounds what it
stores, so a value that it changes cannot wait in its own slot.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping

from kernels.cuda.pressure import PARALLEL, SERIAL, SINGLE, Format, place_values
from kernels.mechanism import SPECIAL, Kernel, Mechanism
from kernels.nmodl.build import assign, call, name, num, walk_assigned
from kernels.storage import Storage

WAITING = "_waiting_"
#: Kernels that one thread runs beside the queue of events.
WITH_QUEUE = ("receive", "receive_init", "watch")


def place_kernel(
    mechanism: Mechanism,
    field: str,
    kernel: Kernel,
    storage: Storage,
    slots: dict[str, int],
    form: Format,
) -> Kernel:
    """A kernel whose values fit into registers.

    Where there are too many, the body itself loads and stores what has a slot.

    Args:
        mechanism: whose kernel it is.
        field: that the kernel is in.
        kernel: to be placed.
        storage: of the mechanism.
        slots: of every variable; what waits gets further ones, which are added here.
        form: of the values.
    """
    mine = _own_slots(kernel, storage, slots)
    own, body = mine, kernel.body
    if form.value > form.slot:
        own = {n: s for n, s in mine.items() if n not in kernel.stores}
        body = _with_slots(kernel, mine)
    results = {"_i", "_g", *(c.name for c in mechanism.currents)}
    wanted = (set(kernel.stores) - set(mine)) | (results & set(walk_assigned(kernel.body)))
    given = set(kernel.loads) - set(mine) - set(SPECIAL)
    first = sum(not n.startswith(WAITING) for n in slots)
    limits = SERIAL if field in WITH_QUEUE else SINGLE if form.slot == 1 else PARALLEL
    made = place_values(body, own, set(kernel.loads) & set(own), given, wanted, first, limits, form)
    if made is None:
        return kernel
    placed, n_waiting = made
    slots |= {f"{WAITING}{k}": first + k for k in range(n_waiting)}
    loads = tuple(n for n in kernel.loads if n not in mine)
    stores = tuple(n for n in kernel.stores if n not in mine)
    return dataclasses.replace(kernel, body=tuple(placed), loads=loads, stores=stores)


def _own_slots(kernel: Kernel, storage: Storage, slots: Mapping[str, int]) -> dict[str, int]:
    """Slots of variables that a body can load and store itself: not those of times."""
    other = {*kernel.args, *storage.gathered, *storage.times}
    used = {*kernel.loads, *kernel.stores} - other
    return {n: s for n, s in slots.items() if n in used}


def _with_slots(kernel: Kernel, slots: Mapping[str, int]) -> tuple[ast.stmt, ...]:
    """A body in float64 that loads what it changes from slots of float32, and stores it there."""
    place = {n: num(float(slots[n])) for n in kernel.stores if n in slots}
    loads = [
        assign(n, call("to_double", call("fetch", place[n]))) for n in kernel.loads if n in place
    ]
    stores = [ast.Expr(call("keep", p, name(n))) for n, p in place.items()]
    return (*loads, *kernel.body, *stores)
