"""METHOD cnexp: each equation x' = a + b x is solved exactly over dt, a and b held constant.

    x += (1 - exp(dt * b)) * (-a / b - x);   b = 0: x += dt * a

As NEURON does it: equations in the order of the text, later ones see updated states, and variables
computed before an equation from the old state count as constant. A block with an equation that is
not linear in its state is solved by derivimplicit instead.
"""

from __future__ import annotations

import ast

from kernels.nmodl import tree
from kernels.nmodl.build import add, assign, call, div, mul, name, neg, num, sub
from kernels.nmodl.linear import Split, split_linear
from kernels.nmodl.newton import solve_derivimplicit
from kernels.nmodl.translate import Body, Environment, Translator


class _NotLinear(Exception):
    """An equation is not linear in its own state."""


def solve_cnexp(translator: Translator, routine: tree.Routine, env: Environment, out: Body) -> None:
    """Put the statements of a DERIVATIVE block, advanced by dt, into `out`."""

    def advance(statement: tree.Assign, env: Environment, out: Body) -> None:
        node = tree.Name(statement.at, statement.target.id, statement.target.index)
        state = translator.target(node, env)
        split = split_linear(translator.expression(statement.value, env, out), state)
        if split is None:
            raise _NotLinear
        out.append(assign(state, advanced(state, split)))

    body: Body = []
    try:
        with translator.hooked(derivative=advance):
            translator.block(routine.body, env, body)
    except _NotLinear:
        body = []
        solve_derivimplicit(translator, routine, env, body)
    out += body


def advanced(state: str, split: Split) -> ast.expr:
    """The state after dt."""
    x = name(state)
    if split.b is None:
        a = split.spread().a
        return x if a is None else add(x, mul(name("dt"), a))
    power = mul(name("dt"), split.b)
    if split.times is not None:
        power = mul(power, split.times)
    if split.over is not None:
        power = div(power, split.over)
    steady = num(0.0) if split.a is None else neg(_quotient(split.a, split.b))
    decay = ast.BinOp(num(1.0), ast.Sub(), call("exp", power))
    return ast.BinOp(x, ast.Add(), mul(decay, sub(steady, x)))


def _quotient(a: ast.expr, b: ast.expr) -> ast.expr:
    """a / b, where b = c / d as a * d / c: one division less."""
    if isinstance(b, ast.UnaryOp) and isinstance(b.op, ast.USub):
        return neg(_quotient(a, b.operand))
    if isinstance(b, ast.BinOp) and isinstance(b.op, ast.Div):
        return div(mul(a, b.right), b.left)
    return div(a, b)
