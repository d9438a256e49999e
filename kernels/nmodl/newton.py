"""Implicit steps: METHOD derivimplicit, and Newton's method for what is not linear.

Backward Euler: x - x_old - dt f(x) = 0. A system whose Jacobian does not depend on the unknowns
takes one solve; others iterate until the correction is small.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernels.nmodl import tree
from kernels.nmodl.build import (
    add,
    assign,
    binary,
    call,
    compare,
    mul,
    name,
    names_in,
    neg,
    num,
    sub,
    value_of,
)  # fmt: skip
from kernels.nmodl.dataflow import loads_of
from kernels.nmodl.differentiate import NotDifferentiable, depends_on, derivative, differentiate
from kernels.nmodl.elimination import Choice, Row, diagonal, eliminate
from kernels.nmodl.linear import split_linear
from kernels.nmodl.translate import Body, Environment, Translator, check_size

RELATIVE, ABSOLUTE, ROUNDS = 1e-9, 1e-15, 50


@dataclass(frozen=True)
class System:
    """Equations residual(unknowns) = 0, to be solved where `body` has just been computed."""

    unknowns: tuple[str, ...]
    body: Body  # what rates and residuals need, at the present unknowns
    residuals: tuple[ast.expr, ...]
    jacobian: list[Row]


def solve_system(
    translator: Translator, system: System, out: Body, choose: Choice = diagonal
) -> None:
    """Set the unknowns to the solution."""
    fresh = translator.fresh
    if _is_linear(system):
        out += system.body
        correct(system, fresh, out, choose)
    else:
        moved, round_ = fresh("moved"), fresh("round")
        inner: Body = [*system.body]
        corrections = correct(system, fresh, inner, choose)
        inner.append(assign(moved, _movement(system.unknowns, corrections)))
        inner.append(assign(round_, binary(ast.Add(), name(round_), num(1.0))))
        out += [assign(moved, num(1.0)), assign(round_, num(0.0))]
        test = ast.BoolOp(
            ast.And(),
            [
                compare(name(moved), ast.Gt(), num(0.0)),
                compare(name(round_), ast.Lt(), num(float(ROUNDS))),
            ],
        )
        out.append(ast.While(test, inner, []))
    if loads_of(system.body) & set(system.unknowns):
        out += system.body  # what it computes belongs to the solution


def _is_linear(system: System) -> bool:
    tainted = depends_on(system.body, set(system.unknowns))
    return not any(names_in(e) & tainted for row in system.jacobian for e in row.values())


def right_side(system: System) -> list[ast.expr] | None:
    """b of residuals that are J x - b by their form, all that `system.body` sets taken as constant.

    Solving J x = b spares the residuals: about a third of the arithmetic of a large scheme.
    """
    right: list[ast.expr] = []
    for residual, row in zip(system.residuals, system.jacobian, strict=True):
        rest = residual
        for j, unknown in enumerate(system.unknowns):
            split = split_linear(rest, unknown)
            if split is None or (split.b is None) != (j not in row):
                return None
            if split.b is not None:
                rest = split.spread().a or num(0.0)
        right.append(neg(rest))
    return right


def correct(
    system: System, fresh: Callable[[str], str], out: Body, choose: Choice = diagonal
) -> list[ast.expr]:
    """One Newton correction of the unknowns, where `system.body` has been computed."""
    right = [neg(r) for r in system.residuals]
    corrections = eliminate(system.jacobian, right, fresh, out, choose)
    for unknown, correction in zip(system.unknowns, corrections, strict=True):
        out.append(assign(unknown, add(name(unknown), correction)))
    return corrections


def _movement(unknowns: Sequence[str], corrections: Sequence[ast.expr]) -> ast.expr:
    """Positive while some correction is larger than its tolerance."""
    largest: ast.expr | None = None
    for unknown, correction in zip(unknowns, corrections, strict=True):
        size = mul(num(RELATIVE), call("fabs", name(unknown)))
        excess = sub(call("fabs", correction), add(size, num(ABSOLUTE)))
        largest = excess if largest is None else call("max", largest, excess)
    assert largest is not None
    return largest


def jacobian_of(
    body: Body, residuals: Sequence[ast.expr], unknowns: Sequence[str]
) -> tuple[Body, list[Row]]:
    """The body with derivatives beside it, and the Jacobian of the residuals.

    Raises:
        NotDifferentiable: a function in the way has no known derivative.
    """
    rows: list[Row] = [{} for _ in residuals]
    out = body
    for j, unknown in enumerate(unknowns):
        _, active = differentiate(body, unknown)
        for i, residual in enumerate(residuals):
            rate = derivative(residual, unknown, active)
            if value_of(rate) != 0:
                rows[i][j] = rate
    out = _with_all_derivatives(body, unknowns)
    return out, rows


def _with_all_derivatives(body: Body, unknowns: Sequence[str]) -> Body:
    """Differentiate with respect to one unknown after the other, keeping only new statements."""
    out: Body = []
    for unknown in unknowns:
        statements, active = differentiate(body, unknown)
        if len(active) > 1:
            out += statements
    return out or list(body)


def solve_derivimplicit(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Backward Euler for a DERIVATIVE block."""
    made: dict[str, str] = {}  # state -> its derivative

    def collect(statement: tree.Assign, env: Environment, out: Body) -> None:
        named = tree.Name(statement.at, statement.target.id, statement.target.index)
        state = translator.target(named, env)
        value = translator.expression(statement.value, env, out)
        rate = made.setdefault(state, translator.fresh(f"rate_{state}"))
        out.append(assign(rate, value))

    body: Body = []
    with translator.hooked(derivative=collect):
        translator.block(routine.body, env, body)
    states, rates = list(made), list(made.values())
    check_size(translator, routine, len(states))
    olds = [translator.fresh(f"old_{s}") for s in states]
    out += [assign(old, name(s)) for old, s in zip(olds, states, strict=True)]
    residuals = [
        sub(sub(name(s), name(old)), mul(name("dt"), name(rate)))
        for s, old, rate in zip(states, olds, rates, strict=True)
    ]
    try:
        body, jacobian = jacobian_of(body, residuals, states)
    except NotDifferentiable as problem:
        raise translator.error(
            routine.at, f"derivimplicit: the derivative of {problem} is not known"
        ) from problem
    system = System(tuple(states), body, tuple(residuals), jacobian)
    solve_system(translator, system, out)
