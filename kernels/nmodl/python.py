"""Run a lowered body in plain Python, on scalars: for the reference engine, tables and tests."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

from kernels.mechanism import Kernel


def run(
    body: Kernel | Sequence[ast.stmt],
    values: dict[str, float],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> dict[str, float]:
    """Execute a body on a dict of scalars, which it changes.

    Args:
        body: a kernel, or its statements.
        values: every name that the body reads; what the body sets is added, temporaries included.
        functions: what the body calls; `kernels.intrinsics.INTRINSICS` is always there.

    Returns:
        `values`.
    """
    statements = tuple(body.body if isinstance(body, Kernel) else body)
    space: dict[str, Any] = {**intrinsics(), **(functions or {}), "__builtins__": {}}
    exec(_code(statements), space, values)  # code that this package generated
    return values


def intrinsics() -> dict[str, Callable[..., Any]]:
    """The functions of the lowered form on Python floats, and the division of IEEE."""
    from kernels.intrinsics import INTRINSICS, divide

    return {**INTRINSICS, "_divide": divide}


@functools.lru_cache(maxsize=1024)
def _code(statements: tuple[ast.stmt, ...]) -> CodeType:
    """Compiled once for each body."""
    copies = ast.parse(ast.unparse(ast.Module(list(statements), []))).body
    module = ast.Module([_Divide().visit(s) for s in copies], [])
    return compile(ast.fix_missing_locations(module), "<mechanism>", "exec")


class _Divide(ast.NodeTransformer):
    """Division by zero gives infinity or NaN, as in the compiled engines."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        return ast.Call(ast.Name("_divide", ast.Load()), [node.left, node.right], [])
