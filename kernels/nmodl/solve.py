"""SOLVE: which method solves which block."""

from __future__ import annotations

from collections.abc import Callable

from kernels.nmodl import tree
from kernels.nmodl.cnexp import solve_cnexp
from kernels.nmodl.translate import Body, Environment, Translator

Solver = Callable[[Translator, tree.Routine, Environment, Body], None]

#: (kind of block, METHOD) -> solver; the METHOD "" is the default of that kind.
SOLVERS: dict[tuple[str, str], Solver] = {
    ("DERIVATIVE", "cnexp"): solve_cnexp,
}


def solve(translator: Translator, statement: tree.Solve, out: Body) -> None:
    """Put what a SOLVE statement does in one step into `out`.

    Raises:
        NmodlError: no such block, or its method is not supported.
    """
    routine = translator.symbols.routines.get(statement.block)
    if routine is None:
        raise translator.error(statement.at, f"SOLVE {statement.block}: no block has this name")
    if routine.keyword == "PROCEDURE":
        translator.inline(routine, [], statement.at, out)
        return
    key = (routine.keyword, statement.method)
    if key not in SOLVERS:
        known = [f"{m} for {k}" if m else k for k, m in SOLVERS]
        found = f"METHOD {statement.method}" if statement.method else "no METHOD"
        raise translator.error(
            statement.at,
            f"SOLVE {statement.block} ({routine.keyword}) with {found} is not supported; "
            f"supported are {', '.join(known)}",
        )
    SOLVERS[key](translator, routine, {}, out)
