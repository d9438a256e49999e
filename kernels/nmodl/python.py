"""Run a lowered body in plain Python, on scalars: for the reference engine, tables and tests."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from types import CodeType

from kernels.mechanism import Kernel

_code: dict[int, tuple[object, CodeType]] = {}


def run(
    body: Kernel | Sequence[ast.stmt],
    values: dict[str, float],
    functions: dict[str, Callable] | None = None,
) -> dict[str, float]:
    """Execute a body on a dict of scalars, which it changes.

    Args:
        body: a kernel, or its statements.
        values: every name that the body reads; what the body sets is added, temporaries included.
        functions: what the body calls; default `kernels.intrinsics.INTRINSICS`.

    Returns:
        `values`.
    """
    statements = body.body if isinstance(body, Kernel) else body
    space = {**intrinsics(), **(functions or {}), "__builtins__": {}}
    exec(_compiled(statements), space, values)  # noqa: S102 (our own generated code)
    return values


def intrinsics() -> dict[str, Callable]:
    """The functions of the lowered form on Python floats."""
    try:
        from kernels.intrinsics import INTRINSICS
    except ImportError:
        found = {n: getattr(math, n) for n in dir(math) if not n.startswith("_")}
        return {**found, "min": min, "max": max}
    return dict(INTRINSICS)


def _compiled(statements: Sequence[ast.stmt]) -> CodeType:
    kept = _code.get(id(statements))
    if kept is not None and kept[0] is statements:
        return kept[1]
    module = ast.fix_missing_locations(ast.Module(list(statements), []))
    code = compile(module, "<mechanism>", "exec")
    _code[id(statements)] = (statements, code)
    return code
