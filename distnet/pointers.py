"""POINTERs of point processes: from what a cell says to places in a block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from distnet.cell import Cell, Process
from distnet.errors import InputError
from distnet.network import ArtificialCell
from kernels.block import Instances, Pointer

#: variable, gid, place in the cell -> node or instance of the block
Place = Callable[[str, int, int], int]


def connect_pointers(
    groups: Sequence[Instances],
    cells: Mapping[int, Cell | ArtificialCell],
    process_place: Mapping[tuple[int, int], tuple[int, int]],
    place: Place,
    describe: Callable[[int], str],
) -> tuple[Instances, ...]:
    """The instances of a block with their POINTERs.

    Args:
        groups: instances of each mechanism.
        cells: by gid.
        process_place: (gid, index of the point process) -> mechanism and instance.
        place: where a variable of a cell is.
        describe: a name of a gid, for messages.

    Raises:
        InputError: a POINTER that is used stands for nothing, or one is set that does not exist.
    """
    found: dict[int, dict[tuple[str, str], list[tuple[int, int]]]] = {}
    for (gid, index), (m, i) in process_place.items():
        cell = cells[gid]
        if not isinstance(cell, Cell):
            continue
        process = cell.processes[index]
        _check(process, groups[m], describe(gid))
        for name in groups[m].mechanism.pointers:
            target = process.pointers[name]
            to = place(target.variable, gid, target.place)
            found.setdefault(m, {}).setdefault((name, target.variable), []).append((i, to))
    for group in groups:
        mechanism = group.mechanism
        if mechanism.pointers and mechanism.kind != "point" and group.n:
            problem = "only POINTERs of point processes can be set"
            raise InputError(f"{mechanism.name}.{mechanism.pointers[0]}", problem)
    return tuple(
        dataclasses.replace(group, pointers=_pointers(found[m])) if m in found else group
        for m, group in enumerate(groups)
    )


def _pointers(found: dict[tuple[str, str], list[tuple[int, int]]]) -> tuple[Pointer, ...]:
    made = []
    for (name, variable), pairs in found.items():
        instance, to = np.array(sorted(pairs), np.int64).T
        made.append(Pointer(name, variable, instance, to))
    return tuple(made)


def _check(process: Process, group: Instances, where: str) -> None:
    """Every POINTER of a process stands for something, and nothing else does."""
    known = group.mechanism.pointers
    for name in known:
        if name not in process.pointers:
            problem = f"POINTER {name} stands for nothing: set it by Cell.point"
            raise InputError(f"{where}: {process.mechanism}", problem)
    for name in process.pointers:
        if name not in known:
            allowed = ", ".join(known) or "none"
            problem = f'there is no POINTER "{name}"; allowed are {allowed}'
            raise InputError(f"{where}: {process.mechanism}", problem)
