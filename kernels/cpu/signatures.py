"""The types that the functions of a program are called with, known before the first call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np

from kernels.cpu.printer import sends
from kernels.cpu.program import Program
from kernels.cpu.state import GroupState


def calls_of(program: Program, group: GroupState) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every function of the mechanisms that a simulation calls, and its numba types."""
    for k, functions in enumerate(program.functions):
        for name, function in functions.items():
            if name != "observe" or program.constant[k]:
                yield function, signature_of(group, k, name)


def signature_of(group: GroupState, k: int, name: str) -> tuple[Any, ...]:
    """Types of the arguments of a function of mechanism k."""
    types = [numba.typeof(argument) for argument in _arguments(group, k, name)]
    if name == "watch":  # its mechanism is a number in the text of the step
        types[len(group.shared(k))] = numba.types.literal(k)
    return tuple(types)


def _arguments(group: GroupState, k: int, name: str) -> tuple[object, ...]:
    shared, outbox = group.shared(k), group.outbox(k)
    if name == "receive":  # instance and mechanism as the queue has them
        own = (np.int32(0), group.weights, 0, 0.0)
        return (*shared[:2], *own, *shared[4:], np.int32(k), *outbox[1:])
    if name == "receive_init":
        return (*shared[:2], 0, group.weights, 0, 0.0, *shared[4:], *outbox)
    mechanism = group.engine.block.mechanisms[k].mechanism
    scalar = name == "watch" or (name == "init" and sends(mechanism.init))
    return (*shared, *outbox) if scalar else shared
