"""Simplify a lowered body: fold constants."""

from __future__ import annotations

import ast
from collections.abc import Callable

from kernels.nmodl.build import add, call, div, mul, neg, num, sub, value_of

_UNFOLDED = ("table", "train", "net_send", "net_event", "net_move")


def fold_expression(node: ast.expr, functions: dict[str, Callable] | None = None) -> ast.expr:
    """An expression with its constant parts computed."""
    if isinstance(node, ast.BinOp):
        left, right = fold_expression(node.left), fold_expression(node.right)
        return _fold_binary(node.op, left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return neg(fold_expression(node.operand))
    return node


def _fold_binary(op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr:
    a, b = value_of(left), value_of(right)
    if a is not None and b is not None:
        if isinstance(op, ast.Add):
            return num(a + b)
        if isinstance(op, ast.Sub):
            return num(a - b)
        if isinstance(op, ast.Mult):
            return num(a * b)
        if isinstance(op, ast.Div) and b != 0:
            return num(a / b)
    return ast.BinOp(left, op, right)


def fold(body: list[ast.stmt], constants: dict[str, float]) -> list[ast.stmt]:
    """Put constants into a body and compute what depends on them alone."""
    known = {n: num(v) for n, v in constants.items()}
    out = []
    for statement in body:
        if isinstance(statement, ast.Assign):
            value = fold_expression(_Replace(known).visit(statement.value))
            target = statement.targets[0].id
            known.pop(target, None)
            if value_of(value) is not None:
                known[target] = value
            out.append(ast.Assign(statement.targets, value, lineno=1))
        else:
            out.append(statement)
    return out


class _Replace(ast.NodeTransformer):
    def __init__(self, known: dict[str, ast.expr]):
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)
