"""What a file may not hold: found before anything is lowered, at its own place."""

from __future__ import annotations

from collections.abc import Iterator

from kernels.errors import NmodlError
from kernels.mechanism import AROUND
from kernels.nmodl import tree
from kernels.nmodl.problems import together
from kernels.nmodl.symbols import assigned_in
from kernels.nmodl.tables import table_statement

#: Blocks that would change what a mechanism computes and are not lowered.
REFUSED = ("PARTIAL", "DISCRETE")
ONCE = ("BREAKPOINT", "NET_RECEIVE")


def check(file: tree.File) -> None:
    """Find what is wrong with a parsed file by its form alone.

    Raises:
        NmodlError: what is wrong, all of it.
    """
    problems = list(_problems(file))
    if problems:
        raise together(problems)


def _problems(file: tree.File) -> Iterator[NmodlError]:
    if not file.neuron.name:
        yield _error(file, "expected SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL in a NEURON block")
    seen: set[str] = set()
    yield from _constructor_problems(file)
    for routine in file.routines:
        yield from _routine_problems(routine)
        if routine.keyword in ("BEFORE", "AFTER"):
            continue
        key = routine.name or (routine.keyword if routine.keyword in ONCE else "")
        if key and key in seen:
            yield _error(routine, f"{key} is defined twice")
        seen.add(key)


def _constructor_problems(file: tree.File) -> Iterator[NmodlError]:
    """A CONSTRUCTOR runs before INITIAL here, so it may not undo what the user set."""
    given = {d.name for d in file.parameters}
    for routine in file.routines:
        if routine.keyword == "CONSTRUCTOR":
            for name in sorted(given & set(assigned_in(routine.body))):
                yield _error(routine, f"CONSTRUCTOR sets the PARAMETER {name}; it may set others")


def _routine_problems(routine: tree.Routine) -> Iterator[NmodlError]:
    if routine.keyword in REFUSED and routine.body.statements:
        yield _error(routine, f"{routine.keyword} blocks are not supported")
    words = (routine.keyword, routine.name)
    if routine.keyword in ("BEFORE", "AFTER") and words not in AROUND.values():
        allowed = ", ".join(" ".join(one) for one in AROUND.values())
        yield _error(routine, f"{' '.join(words)} is not supported; supported are {allowed}")
    table = table_statement(routine)
    if table is not None and len(routine.args) != 1:
        n = len(routine.args)
        yield _error(table, f"TABLE needs a routine of 1 argument; {routine.name} has {n}")
    if table is not None and routine.keyword == "PROCEDURE" and not table.names:
        yield _error(table, "TABLE of a PROCEDURE names the variables that it sets")


def _error(node: tree.Node, message: str) -> NmodlError:
    return NmodlError(node.at.file, node.at.line, node.at.column, message)
