"""Forward-mode derivative of a straight body with respect to some of its variables."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kernels.nmodl.build import (
    add,
    assign,
    binary,
    call,
    div,
    mul,
    name,
    names_in,
    neg,
    num,
    sub,
    target_of,
    value_of,
)  # fmt: skip


class NotDifferentiable(Exception):
    """A function whose derivative is not known stands in the way."""


def depends_on(body: Sequence[ast.stmt], seeds: set[str]) -> set[str]:
    """Variables that may depend on `seeds`, seeds included, conditions included."""
    tainted = set(seeds)
    while True:
        before = len(tainted)
        _taint(body, tainted, False)
        if len(tainted) == before:
            return tainted


def _taint(body: Sequence[ast.stmt], tainted: set[str], controlled: bool) -> None:
    for statement in body:
        target = target_of(statement)
        if target is not None and isinstance(statement, ast.Assign):
            if controlled or names_in(statement.value) & tainted:
                tainted.add(target)
        elif isinstance(statement, ast.If | ast.While):
            inner = controlled or bool(names_in(statement.test) & tainted)
            _taint(statement.body, tainted, inner)
            _taint(statement.orelse, tainted, inner)


def derivative_name(variable: str, seed: str) -> str:
    """The temporary that holds d variable / d seed."""
    return f"_d_{variable}_d_{seed}"


def differentiate(body: Sequence[ast.stmt], seed: str) -> tuple[list[ast.stmt], set[str]]:
    """The body with the derivative of each variable with respect to `seed` beside it.

    Returns:
        the statements, and the variables whose derivative may differ from zero.

    Raises:
        NotDifferentiable: the derivative of a function is not known.
    """
    active = _active(body, seed)
    start = [
        assign(derivative_name(v, seed), num(0.0)) for v in sorted(active) if v != seed
    ]  # read before set: not moved yet
    return start + _differentiated(body, seed, active), active


def _active(body: Sequence[ast.stmt], seed: str) -> set[str]:
    """Variables that depend on the seed through values (not through conditions)."""
    active = {seed}
    while True:
        before = len(active)
        _spread(body, active)
        if len(active) == before:
            return active


def _spread(body: Sequence[ast.stmt], active: set[str]) -> None:
    for statement in body:
        target = target_of(statement)
        if target is not None and isinstance(statement, ast.Assign):
            if names_in(statement.value) & active:
                active.add(target)
        elif isinstance(statement, ast.If | ast.While):
            _spread(statement.body, active)
            _spread(statement.orelse, active)


def _differentiated(body: Sequence[ast.stmt], seed: str, active: set[str]) -> list[ast.stmt]:
    out: list[ast.stmt] = []
    for statement in body:
        target = target_of(statement)
        if target is not None and isinstance(statement, ast.Assign):
            if target in active:
                rate = derivative(statement.value, seed, active)
                out.append(assign(derivative_name(target, seed), rate))
            out.append(statement)
        elif isinstance(statement, ast.If | ast.While):
            inner = _differentiated(statement.body, seed, active)
            orelse = _differentiated(statement.orelse, seed, active)
            out.append(type(statement)(statement.test, inner, orelse))
        else:
            out.append(statement)
    return out


def derivative(node: ast.expr, seed: str, active: set[str]) -> ast.expr:
    """d node / d seed, given the derivatives of its variables."""
    if not names_in(node) & active:
        return num(0.0)
    if isinstance(node, ast.Name):
        return num(1.0) if node.id == seed else name(derivative_name(node.id, seed))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return neg(derivative(node.operand, seed, active))
    if isinstance(node, ast.BinOp):
        return _of_binary(node, seed, active)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _of_call(node, seed, active)
    raise NotDifferentiable(ast.dump(node))


def _of_binary(node: ast.BinOp, seed: str, active: set[str]) -> ast.expr:
    u, w = node.left, node.right
    du, dw = derivative(u, seed, active), derivative(w, seed, active)
    if isinstance(node.op, ast.Add):
        return add(du, dw)
    if isinstance(node.op, ast.Sub):
        return sub(du, dw)
    if isinstance(node.op, ast.Mult):
        return add(mul(du, w), mul(u, dw))
    return sub(div(du, w), div(mul(node, dw), w))


def _of_call(node: ast.Call, seed: str, active: set[str]) -> ast.expr:
    function, x = node.func.id, node.args[0]  # type: ignore[attr-defined]
    rates = [derivative(a, seed, active) for a in node.args]
    if function == "pow":
        return _of_power(node, rates)
    if function in ("floor", "ceil"):
        return num(0.0)
    if function not in _RULES:
        raise NotDifferentiable(function)
    return mul(_RULES[function](x, node), rates[0])


def _of_power(node: ast.Call, rates: list[ast.expr]) -> ast.expr:
    base, exponent = node.args
    out: ast.expr = num(0.0)
    if value_of(rates[0]) != 0:
        lower = call("pow", base, sub(exponent, num(1.0)))
        out = mul(mul(exponent, lower), rates[0])
    if value_of(rates[1]) != 0:
        out = add(out, mul(mul(node, call("log", base)), rates[1]))
    return out


def _square(x: ast.expr) -> ast.expr:
    return binary(ast.Mult(), x, x)


_RULES = {
    "exp": lambda x, f: f,
    "log": lambda x, f: div(num(1.0), x),
    "log10": lambda x, f: div(num(0.4342944819032518), x),
    "sqrt": lambda x, f: div(num(0.5), f),
    "sin": lambda x, f: call("cos", x),
    "cos": lambda x, f: neg(call("sin", x)),
    "tan": lambda x, f: add(num(1.0), _square(f)),
    "asin": lambda x, f: div(num(1.0), call("sqrt", sub(num(1.0), _square(x)))),
    "acos": lambda x, f: div(num(-1.0), call("sqrt", sub(num(1.0), _square(x)))),
    "atan": lambda x, f: div(num(1.0), add(num(1.0), _square(x))),
    "sinh": lambda x, f: call("cosh", x),
    "cosh": lambda x, f: call("sinh", x),
    "tanh": lambda x, f: sub(num(1.0), _square(f)),
    "fabs": lambda x, f: div(x, f),
}
