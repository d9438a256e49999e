"""The current kernel: currents at v, their sum, and its derivative with respect to v."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kernels.mechanism import Current
from kernels.nmodl.build import add, assign, div, name, names_in, num, sub
from kernels.nmodl.dataflow import half_set, loads_of, stores_of
from kernels.nmodl.differentiate import (
    NotDifferentiable,
    depends_on,
    derivative,
    differentiate,
)  # fmt: skip

STEP = 0.001  # [mV], of the two evaluations


def make_current(body: list[ast.stmt], currents: Sequence[Current]) -> tuple[list[ast.stmt], bool]:
    """Add `_i` and `_g` to the statements of a BREAKPOINT.

    Returns:
        the body, and whether `_g` is the exact derivative of a current affine in v.
    """
    exact = _exact(body, currents)
    if exact is not None:
        return exact, True
    return _two_evaluations(body, currents), False


def total(currents: Sequence[Current]) -> ast.expr:
    """Sum of the currents, outward positive."""
    out: ast.expr = num(0.0)
    for current in currents:
        term: ast.expr = name(current.name)
        out = sub(out, term) if current.electrode else add(out, term)
    return out


def _exact(body: list[ast.stmt], currents: Sequence[Current]) -> list[ast.stmt] | None:
    """Body with the exact derivative, or None where the derivative itself depends on v.

    NEURON evaluates a current twice; where it draws random numbers, or changes a variable by its
    own value as a counter, that is twice as often.
    """
    counted = {n for n in stores_of(body) & loads_of(body) if not n.startswith("_")}
    if counted or any(_draws(statement) for statement in body):
        return None
    try:
        statements, active = differentiate(body, "v")
        rate = derivative(total(currents), "v", active)
    except NotDifferentiable:
        return None
    statements += [assign("_i", total(currents)), assign("_g", rate)]
    if names_in(rate) & depends_on(statements, {"v"}):
        return None
    if "v" in stores_of(body):
        return None
    return statements


def _draws(statement: ast.stmt) -> bool:
    names = (n.id for n in ast.walk(statement) if isinstance(n, ast.Name))
    return any(name.startswith("philox") for name in names)


def _two_evaluations(body: list[ast.stmt], currents: Sequence[Current]) -> list[ast.stmt]:
    """The body at v + 0.001 on temporaries, then at v; variables that it reads before it sets
    them, or does not always set, are shared by both, as they are in NEURON.
    """
    own = stores_of(body) - loads_of(body) - half_set(body)
    renamed = {n: f"_high_{n}" for n in own}
    first = [_Rename({**renamed, "v": "_high_v"}).visit(s) for s in _copy(body)]
    high = _Rename(renamed).visit(_copy([assign("_high_i", total(currents))])[0])
    return [
        assign("_high_v", ast.BinOp(name("v"), ast.Add(), num(STEP))),
        *first,
        high,
        *body,
        assign("_i", total(currents)),
        assign("_g", div(ast.BinOp(name("_high_i"), ast.Sub(), name("_i")), num(STEP))),
    ]


def _copy(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    return [ast.parse(ast.unparse(ast.fix_missing_locations(s))).body[0] for s in body]


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)
