"""How much arithmetic one instance of a mechanism does in a step, counted in its statements."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from kernels.hoist import hoist
from kernels.intrinsics import INTRINSICS
from kernels.mechanism import Mechanism
from kernels.specialise import specialise

#: Passes of a `while` (Newton's iteration, a search) that a count assumes.
PASSES = 3

#: Calls that cost no more than an operation.
CHEAP = frozenset({"fabs", "table", "floor", "ceil", "fmin", "fmax", "sqrt"})


@dataclass(frozen=True)
class Work:
    """Arithmetic of one instance in one step."""

    operations: float  # sums, products, comparisons, ...
    calls: float  # exp, log, pow, ...


def count_work(mechanism: Mechanism, celsius: float) -> Work:
    """Operations and calls of the current and state kernels, as an engine runs them.

    Args:
        mechanism: as it was loaded.
        celsius: temperature [degC].

    Returns:
        Counts in which both branches of an `if` are included.
    """
    constants = {name: variable.default for name, variable in mechanism.globals.items()}
    mechanism = hoist(specialise(mechanism, {**constants, "celsius": celsius}))
    operations = calls = 0.0
    for kernel in (mechanism.current, mechanism.state):
        for statement in kernel.body:
            one, other = _count(statement)
            operations, calls = operations + one, calls + other
    return Work(operations, calls)


def _count(node: ast.AST) -> tuple[float, float]:
    operations = calls = 0.0
    if isinstance(node, ast.BinOp | ast.Compare | ast.UnaryOp):
        operations = 1.0
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        cheap = node.func.id in CHEAP or node.func.id not in INTRINSICS
        operations, calls = (1.0, 0.0) if cheap else (0.0, 1.0)
    for child in ast.iter_child_nodes(node):
        one, other = _count(child)
        operations, calls = operations + one, calls + other
    passes = PASSES if isinstance(node, ast.While) else 1
    return operations * passes, calls * passes
