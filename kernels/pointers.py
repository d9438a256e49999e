"""POINTERs: variables of a mechanism that stand for a variable elsewhere in the same cell.

Bodies see an ordinary variable of the instance. An engine copies the value pointed to into it
before a kernel that loads it, for all instances, and back after a kernel that stores it, in the
order of the instances in the block; where events are received, for their instance alone. A kernel
that adds, `p = p + x`, hands over x: several instances may add to one variable, one after another.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

import numpy as np

from kernels.block import Block, Instances
from kernels.errors import KernelsError
from kernels.mechanism import Kernel, Mechanism
from kernels.nmodl.build import neg, target_of

#: Kernels that run for one instance, whose POINTERs alone are copied.
ALONE = ("receive", "receive_init")


def pointed_variables(block: Block, mechanism: Mechanism) -> frozenset[str]:
    """Variables of a mechanism that need a place: what POINTERs stand for, and its own POINTERs."""
    found = set(mechanism.pointers)
    for group in block.mechanisms:
        for pointer in group.pointers:
            name, _, variable = pointer.variable.partition(".")
            if name == mechanism.name:
                found.add(variable)
    return frozenset(found)


def loosen(mechanism: Mechanism, pointed: frozenset[str]) -> Mechanism:
    """The mechanism with parameters that others may set as variables that change."""
    moved = {n: v for n, v in mechanism.parameters.items() if n in pointed}
    if not moved:
        return mechanism
    kept = {n: v for n, v in mechanism.parameters.items() if n not in moved}
    return dataclasses.replace(mechanism, parameters=kept, assigned={**mechanism.assigned, **moved})


def with_sums(mechanism: Mechanism) -> Mechanism:
    """The mechanism whose kernels hand over what they add to a POINTER, and no more."""
    made: dict[str, Any] = {}
    for name, kernel in mechanism.kernels().items():
        for pointer in mechanism.pointers if name not in ALONE else ():
            kernel = made[name] = _with_sum(kernel, pointer)
    return dataclasses.replace(mechanism, **made)


def _with_sum(kernel: Kernel, pointer: str) -> Kernel:
    """A kernel of `pointer = pointer + x`, which uses the pointer nowhere else, sets it to x."""
    names = [n for s in kernel.body for n in ast.walk(s) if isinstance(n, ast.Name)]
    uses = [n for n in names if n.id == pointer]
    at = [j for j, s in enumerate(kernel.body) if target_of(s) == pointer]
    if len(uses) != 2 or len(at) != 1:
        return kernel
    statement = kernel.body[at[0]]
    assert isinstance(statement, ast.Assign)
    added = _added(statement.value, pointer)
    if added is None:
        return kernel
    body = list(kernel.body)
    body[at[0]] = ast.fix_missing_locations(ast.Assign(statement.targets, added, lineno=1))
    loads = tuple(n for n in kernel.loads if n != pointer)
    return dataclasses.replace(kernel, body=tuple(body), loads=loads, adds=(*kernel.adds, pointer))


def _added(value: ast.expr, pointer: str) -> ast.expr | None:
    """x of `pointer + x`, `x + pointer` or `pointer - (-x)`."""
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
        return None
    is_sum = isinstance(value.op, ast.Add)
    if isinstance(value.left, ast.Name) and value.left.id == pointer:
        return value.right if is_sum else neg(value.right)
    is_right = isinstance(value.right, ast.Name) and value.right.id == pointer
    return value.left if is_sum and is_right else None


def check_pointers(group: Instances, mechanism: Mechanism) -> None:
    """Make sure that what an engine copies is what instances would see one after another.

    Args:
        group: instances with their POINTERs.
        mechanism: their mechanism after `with_sums`.

    Raises:
        KernelsError: several instances set a variable by its value; or a POINTER is used where a
            connection is initialised.
    """
    kernels = mechanism.kernels()
    for name in mechanism.pointers:
        where = f"mechanism {mechanism.name}: POINTER {name}"
        first = kernels.get("receive_init", Kernel())
        if name in {*first.loads, *first.stores}:
            raise KernelsError(f"{where} is used in INITIAL of NET_RECEIVE; it may not be there")
        together = [k for n, k in kernels.items() if n not in ALONE]
        both = any(name in k.loads and name in k.stores for k in together)
        if both and _is_shared(group, name):
            raise KernelsError(
                f"{where}: instances that stand for one variable set it by its value; allowed is "
                f"to add to it ({name} = {name} + x), or to set it to something else"
            )


def _is_shared(group: Instances, name: str) -> bool:
    """Whether several instances stand for one variable."""
    own = [p for p in group.pointers if p.name == name]
    return any(len(np.unique(p.place)) < len(p.place) for p in own)
