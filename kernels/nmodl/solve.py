"""SOLVE: which method solves which block."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

from kernels.nmodl import tree
from kernels.nmodl.build import num
from kernels.nmodl.cnexp import solve_cnexp
from kernels.nmodl.elimination import Undetermined
from kernels.nmodl.explicit import evaluate, solve_euler, solve_runge
from kernels.nmodl.kinetic import solve_sparse, solve_sparse_steady
from kernels.nmodl.linear_block import solve_linear
from kernels.nmodl.newton import solve_derivimplicit
from kernels.nmodl.nonlinear_block import solve_nonlinear
from kernels.nmodl.translate import Body, Environment, Translator

Solver = Callable[[Translator, tree.Routine, Environment, Body], None]

#: (kind of block, METHOD) -> solver; the METHOD "" is the default of that kind.
SOLVERS: dict[tuple[str, str], Solver] = {
    ("DERIVATIVE", "cnexp"): solve_cnexp,
    ("DERIVATIVE", "derivimplicit"): solve_derivimplicit,
    ("DERIVATIVE", "euler"): solve_euler,
    ("DERIVATIVE", "runge"): solve_runge,
    ("DERIVATIVE", "sparse"): solve_derivimplicit,
    ("DERIVATIVE", "after_cvode"): evaluate,
    ("DERIVATIVE", ""): evaluate,
    ("KINETIC", "sparse"): solve_sparse,
    ("KINETIC", "derivimplicit"): solve_sparse,
    ("KINETIC", "euler"): solve_euler,
    ("KINETIC", "runge"): solve_runge,
    ("KINETIC", ""): solve_sparse,
    ("LINEAR", ""): solve_linear,
    ("NONLINEAR", ""): solve_nonlinear,
}
STEADY: dict[tuple[str, str], Solver] = {
    ("DERIVATIVE", "derivimplicit"): solve_derivimplicit,
    ("DERIVATIVE", "sparse"): solve_derivimplicit,
    ("KINETIC", "sparse"): solve_sparse_steady,
    ("KINETIC", "derivimplicit"): solve_sparse_steady,
}
#: [ms] The one step of STEADYSTATE; NEURON gives DERIVATIVE blocks next to none.
STEADY_DT = {"KINETIC": 1e9, "DERIVATIVE": 1e-9}


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
    method = "" if routine.keyword in ("LINEAR", "NONLINEAR") else statement.method
    key = (routine.keyword, method)
    solvers = STEADY if statement.steadystate else SOLVERS
    if key not in solvers:
        known = [f"{m} for {k}" if m else f"none for {k}" for k, m in solvers]
        word = "STEADYSTATE" if statement.steadystate else "METHOD"
        found = f"{word} {method}" if method else f"no {word}"
        raise translator.error(
            statement.at,
            f"SOLVE {statement.block} ({routine.keyword}) with {found} is not supported; "
            f"supported are {', '.join(known)}",
        )
    body: Body = []
    try:
        solvers[key](translator, routine, {}, body)
    except Undetermined as problem:
        found = f"SOLVE {statement.block}: its equations do not determine the states"
        raise translator.error(statement.at, found) from problem
    if not statement.steadystate:
        out += body
        return
    step = _OfLength(STEADY_DT[routine.keyword])
    out += [step.visit(s) for s in copy.deepcopy(body)]


def advance(translator: Translator, routine: tree.Routine, out: Body) -> None:
    """Put what the call of a DERIVATIVE block does into `out`: its step, by METHOD cnexp.

    Raises:
        NmodlError: a SOLVE statement gives the block another method, or none does.
    """
    method = next((s.method for s in _solves(translator) if s.block == routine.name), "none")
    if method != "cnexp":
        raise translator.error(
            routine.at,
            f"DERIVATIVE {routine.name} is called and needs METHOD cnexp, found {method}",
        )
    if routine.name in translator.stack:
        raise translator.error(routine.at, f"DERIVATIVE {routine.name} calls itself")
    translator.stack.append(routine.name)
    solve_cnexp(translator, routine, {}, out)
    translator.stack.pop()


def _solves(translator: Translator) -> list[tree.Solve]:
    blocks = [r.body for r in translator.file.routines if r.keyword == "BREAKPOINT"]
    return [s for b in blocks for s in solves_in(b)]


def solves_in(block: tree.Block) -> list[tree.Solve]:
    """The SOLVE statements of a block, however deep."""
    found: list[tree.Solve] = []
    for statement in block.statements:
        if isinstance(statement, tree.Solve):
            found.append(statement)
        for name in ("body", "orelse"):
            inner = getattr(statement, name, None)
            found += solves_in(inner) if isinstance(inner, tree.Block) else []
    return found


class _OfLength(ast.NodeTransformer):
    """A step of another length than `dt`."""

    def __init__(self, dt: float):
        self.dt = dt

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return num(self.dt) if node.id == "dt" else node
