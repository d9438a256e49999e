"""NONLINEAR blocks: equations ~ a = b of the states, solved by Newton's method.

It starts from the states as they are; the pivots are chosen as those of LINEAR blocks.
"""

from __future__ import annotations

import ast

from kernels.nmodl import tree
from kernels.nmodl.build import sub
from kernels.nmodl.differentiate import NotDifferentiable
from kernels.nmodl.linear_block import choose_pivots, states_of
from kernels.nmodl.newton import System, jacobian_of, solve_system
from kernels.nmodl.translate import Body, Environment, Translator, check_size


def solve_nonlinear(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Put the solution of a NONLINEAR block into `out`.

    Raises:
        NmodlError: there are not as many equations as states, or one has no known derivative.
    """
    residuals: list[ast.expr] = []

    def collect(statement: tree.Equation, env: Environment, out: Body) -> None:
        left = translator.expression(statement.left, env, out)
        residuals.append(sub(left, translator.expression(statement.right, env, out)))

    body: Body = []
    with translator.hooked(equation=collect):
        translator.block(routine.body, env, body)
    states = states_of(translator, routine, residuals)
    check_size(translator, routine, len(states))
    try:
        body, jacobian = jacobian_of(body, residuals, states)
    except NotDifferentiable as problem:
        found = f"NONLINEAR {routine.name}: the derivative of {problem} is not known"
        raise translator.error(routine.at, found) from problem
    choose = choose_pivots(translator, body, jacobian)
    solve_system(translator, System(tuple(states), body, tuple(residuals), jacobian), out, choose)
