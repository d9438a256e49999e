"""Split an expression that is linear in one variable: a + b x."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from kernels.nmodl.build import add, div, mul, names_in, neg, num, sub


@dataclass(frozen=True)
class Split:
    """(a + b x) * times / over, with a and b None for zero."""

    a: ast.expr | None
    b: ast.expr | None
    times: ast.expr | None = None
    over: ast.expr | None = None

    def spread(self) -> Split:
        """The same with the common factors multiplied into a and b."""
        parts = []
        for part in (self.a, self.b):
            if part is not None and self.times is not None:
                part = mul(part, self.times)
            if part is not None and self.over is not None:
                part = div(part, self.over)
            parts.append(part)
        return Split(parts[0], parts[1])


def split_linear(node: ast.expr, x: str) -> Split | None:
    """Split `node` as a + b x, or None where it is not linear in x by its form."""
    if x not in names_in(node):
        return Split(node, None)
    if isinstance(node, ast.Name):
        return Split(None, num(1.0))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = split_linear(node.operand, x)
        return None if inner is None else _negated(inner)
    if not isinstance(node, ast.BinOp):
        return None
    if isinstance(node.op, ast.Add | ast.Sub):
        return _split_sum(node, x)
    left, right = split_linear(node.left, x), split_linear(node.right, x)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Mult):
        if right.b is None:
            return _scaled(left, node.right, ast.Mult)
        return _scaled(right, node.left, ast.Mult) if left.b is None else None
    if isinstance(node.op, ast.Div) and right.b is None:
        return _scaled(left, node.right, ast.Div)
    return None


def _scaled(split: Split, factor: ast.expr, op: type) -> Split:
    if op is ast.Mult:
        times = factor if split.times is None else mul(split.times, factor)
        return Split(split.a, split.b, times, split.over)
    over = factor if split.over is None else mul(split.over, factor)
    return Split(split.a, split.b, split.times, over)


def _negated(split: Split) -> Split:
    a = None if split.a is None else neg(split.a)
    b = None if split.b is None else neg(split.b)
    return Split(a, b, split.times, split.over)


def _split_sum(node: ast.BinOp, x: str) -> Split | None:
    left, right = split_linear(node.left, x), split_linear(node.right, x)
    if left is None or right is None:
        return None
    left, right = left.spread(), right.spread()
    if isinstance(node.op, ast.Sub):
        right = _negated(right)
    return Split(_sum(left.a, right.a), _sum(left.b, right.b))


def _sum(a: ast.expr | None, b: ast.expr | None) -> ast.expr | None:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(b, ast.UnaryOp) and isinstance(b.op, ast.USub):
        return sub(a, b.operand)
    return add(a, b)
