"""Short ways to write the nodes of the lowered form, with the identities of 0 and 1."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Iterator

#: Names that bodies call; a variable of that name gets a trailing underscore.
CALLED = frozenset(
    {
        *(
            "exp",
            "log",
            "log10",
            "pow",
            "sqrt",
            "fabs",
            "floor",
            "ceil",
            "fmod",
            "min",
            "max",
            "fma",
        ),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "fma"),
        *("philox", "philox_uniform", "min", "max", "table", "train"),
        *("net_send", "net_event", "net_move"),
        *("element", "set_element", "netcon", "set_netcon", "row"),
    }
)


def mangle(name: str) -> str:
    """The name in bodies of a variable of a .mod file."""
    if name.startswith("_"):
        name = "x" + name
    return name + "_" if keyword.iskeyword(name) or name in CALLED else name


def num(value: float) -> ast.expr:
    """A constant; negative ones are a negated positive constant."""
    value = float(value)
    if value < 0 or (value == 0 and str(value).startswith("-")):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def name(identifier: str) -> ast.Name:
    """A variable that is read."""
    return ast.Name(identifier, ast.Load())


def value_of(node: ast.expr) -> float | None:
    """The number that a constant (perhaps negated) is, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = value_of(node.operand)
        return None if inner is None else -inner
    return None


def binary(op: ast.operator, left: ast.expr, right: ast.expr) -> ast.BinOp:
    """left op right."""
    return ast.BinOp(left, op, right)


def neg(x: ast.expr) -> ast.expr:
    """-x, without a double sign."""
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub):
        return x.operand
    constant = value_of(x)
    return num(-constant) if constant is not None else ast.UnaryOp(ast.USub(), x)


def add(left: ast.expr, right: ast.expr) -> ast.expr:
    """left + right, without an added zero."""
    if value_of(left) == 0:
        return right
    if value_of(right) == 0:
        return left
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        return binary(ast.Sub(), left, right.operand)
    return binary(ast.Add(), left, right)


def sub(left: ast.expr, right: ast.expr) -> ast.expr:
    """left - right, without a subtracted zero."""
    if value_of(right) == 0:
        return left
    if value_of(left) == 0:
        return neg(right)
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        return binary(ast.Add(), left, right.operand)
    return binary(ast.Sub(), left, right)


def mul(left: ast.expr, right: ast.expr) -> ast.expr:
    """left * right, with the identities of 0, 1 and -1."""
    for one, other in ((left, right), (right, left)):
        constant = value_of(one)
        if constant == 0:
            return num(0.0)
        if constant == 1:
            return other
        if constant == -1:
            return neg(other)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.USub):
            return neg(mul(one.operand, other))
    return binary(ast.Mult(), left, right)


def div(left: ast.expr, right: ast.expr) -> ast.expr:
    """left / right, with the identities of 0, 1 and -1."""
    if value_of(left) == 0:
        return num(0.0)
    if value_of(right) == 1:
        return left
    if value_of(right) == -1:
        return neg(left)
    if isinstance(left, ast.UnaryOp) and isinstance(left.op, ast.USub):
        return neg(div(left.operand, right))
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        return neg(div(left, right.operand))
    return binary(ast.Div(), left, right)


def call(function: str, *args: ast.expr) -> ast.Call:
    """function(args)."""
    return ast.Call(name(function), list(args), [])


def compare(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.Compare:
    """left op right, a condition."""
    return ast.Compare(left, [op], [right])


def assign(target: str, value: ast.expr) -> ast.Assign:
    """target = value."""
    return ast.Assign([ast.Name(target, ast.Store())], value, lineno=1)


def branch(condition: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> list[ast.stmt]:
    """An if; nothing where both sides are empty, turned round where the first is."""
    if body:
        return [ast.If(condition, body, orelse)]
    return [ast.If(ast.UnaryOp(ast.Not(), condition), orelse, [])] if orelse else []


def target_of(statement: ast.stmt) -> str | None:
    """The name that an assignment sets."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return None


def names_in(node: ast.AST) -> set[str]:
    """The variables that an expression reads (functions excluded)."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Call):
        return set().union(*(names_in(a) for a in node.args)) if node.args else set()
    return set().union(*(names_in(c) for c in ast.iter_child_nodes(node)), set())


def walk_assigned(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements set, in order, with repeats."""
    for statement in body:
        target = target_of(statement)
        if target is not None:
            yield target
        elif isinstance(statement, ast.If | ast.While):
            yield from walk_assigned(statement.body)
            yield from walk_assigned(statement.orelse)


class Fresh:
    """Makes names of temporaries that nothing else has."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, stem: str = "x") -> str:
        self.n += 1
        return f"_{stem.strip('_')}_{self.n}"


def integer_power(base: ast.Name, n: int, fresh: Fresh, out: list[ast.stmt]) -> ast.expr:
    """base ** n by squaring, from the lowest bit of n: x*x, (x2*x), (x2*x2), ...

    The order of the products is fixed, so that every engine rounds alike.
    """
    result: ast.expr | None = None
    power: ast.expr = base
    while n:
        if n & 1:
            result = power if result is None else mul(result, power)
        n >>= 1
        if n:
            square = fresh("square")
            out.append(assign(square, ast.BinOp(power, ast.Mult(), power)))
            power = name(square)
    assert result is not None
    return result
