"""POINTERs: variables of a mechanism that stand for a variable elsewhere in the same cell.

Bodies see an ordinary variable of the instance. An engine copies the value pointed to into it
before a kernel that loads it, for all instances, and back after a kernel that stores it.
"""

from __future__ import annotations

import dataclasses

from kernels.block import Block
from kernels.mechanism import Mechanism


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
