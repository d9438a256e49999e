"""Currents that are one straight line of the voltage throughout a run: leaks.

A nonspecific current i(v) = g (v - e) of parameters that no kernel sets adds the same g to the
diagonal and the same -i(0) to the right-hand side at every step. Engines add both once, after
INITIAL, before the currents that change: this order is the bits of the sum. Currents of an ion are
left alone, as somebody may read or sample the ion's sum.
"""

from __future__ import annotations

import ast

from kernels.mechanism import Mechanism
from kernels.storage import ion_variables


def is_constant(mechanism: Mechanism) -> bool:
    """Whether the current of a specialised mechanism is a straight line that never changes."""
    if (
        not mechanism.current.body
        or not mechanism.affine
        or mechanism.state.body
        or mechanism.memory
    ):
        return False
    if mechanism.receive is not None or any(current.ion for current in mechanism.currents):
        return False
    others = (k for n, k in mechanism.kernels().items() if n not in ("derive", "current"))
    changed = {name for kernel in others for name in kernel.stores}
    fixed = (set(mechanism.parameters) - changed) | set(mechanism.derive.stores)
    fixed |= {"v", "diam", "area", "dt"}
    loads = set(mechanism.current.loads)
    return loads <= fixed and not loads & set(ion_variables(mechanism)) and _is_straight(mechanism)


def _is_straight(mechanism: Mechanism) -> bool:
    """Whether neither `_g` nor a branch depends on the voltage."""
    depends = {"v"}
    for statement in mechanism.current.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return False
        used = {n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)}
        target = statement.targets[0].id
        depends = depends | {target} if used & depends else depends - {target}
    return "_g" not in depends
