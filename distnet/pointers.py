"""POINTERs: from what a cell says to places in a block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from distnet.cell import Cell, Process
from distnet.errors import InputError
from distnet.network import ArtificialCell
from distnet.placed import Target
from kernels.block import Instances, Pointer

#: variable, gid, place in the cell -> node or instance of the block
Place = Callable[[str, int, int], int]
#: instance, name of a POINTER, what it stands for
Pointed = list[tuple[int, str, Target]]


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
    processes: dict[int, list[tuple[int, int, int]]] = {}  # by gid: index, mechanism, instance
    for (gid, index), (m, i) in process_place.items():
        processes.setdefault(gid, []).append((index, m, i))
    kinds = {group.mechanism.name: group.mechanism.kind for group in groups}
    found: dict[int, dict[tuple[str, str], list[tuple[int, int]]]] = {}
    for k, gid in enumerate(sorted(cells)):
        cell, where = cells[gid], describe(gid)
        if not isinstance(cell, Cell):
            continue
        pointed = [
            (m, _of_process(cell.processes[index], i, groups[m], where))
            for index, m, i in processes.get(gid, ())
        ]
        pointed += [
            (m, _of_density(cell, k, group, where))
            for m, group in enumerate(groups)
            if group.mechanism.kind == "density"
        ]
        for m, entries in pointed:
            for i, name, target in entries:
                _check_place(target, kinds, f"{where}: {groups[m].mechanism.name}.{name}")
                to = place(target.variable, gid, target.place)
                found.setdefault(m, {}).setdefault((name, target.variable), []).append((i, to))
    for group in groups:
        mechanism = group.mechanism
        if mechanism.pointers and mechanism.kind == "artificial" and group.n:
            problem = "POINTERs of artificial cells cannot be set: they are in no cell"
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


def _of_process(process: Process, i: int, group: Instances, where: str) -> Pointed:
    """Of instance i, a point process."""
    known = group.mechanism.pointers
    where = f"{where}: {process.mechanism}"
    for name in known:
        if name not in process.pointers:
            raise _unset(name, where)
    _check_names(process.pointers, known, where)
    return [(i, name, process.pointers[name]) for name in known]


def _of_density(cell: Cell, k: int, group: Instances, where: str) -> Pointed:
    """Of the instances of a density mechanism in cell k of the block."""
    name, known = group.mechanism.name, group.mechanism.pointers
    if name not in cell.density:
        return []
    density, where = cell.density[name], f"{where}: {name}"
    first = int(np.searchsorted(group.cell, k))
    found = []
    for pointer in known:
        targets = density.pointers.get(pointer, {})
        for i, node in enumerate(density.node.tolist(), first):
            if node not in targets:
                section = cell.sections[int(cell.cable.section[node])].name
                raise _unset(pointer, f"{where} in {section}({cell.cable.x[node]:g})")
            found.append((i, pointer, targets[node]))
    _check_names(density.pointers, known, where)
    return found


def _check_names(pointers: Mapping[str, object], known: Sequence[str], where: str) -> None:
    """Only POINTERs that exist are set."""
    for name in pointers:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise InputError(where, f'there is no POINTER "{name}"; allowed are {allowed}')


def _unset(name: str, where: str) -> InputError:
    return InputError(where, f"POINTER {name} stands for nothing: set it by Cell.point")


def _check_place(target: Target, kinds: Mapping[str, str], where: str) -> None:
    """A variable of a point process has the process for its place, others a location."""
    owner = target.variable.partition(".")[0]
    if (kinds.get(owner) == "point") == target.is_node:
        allowed = "the index of a point process" if target.is_node else "a location"
        raise InputError(where, f"{target.variable} is no place of that kind; it needs {allowed}")
