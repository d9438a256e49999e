"""One mechanism compiled for the CPU, without running anything."""

from __future__ import annotations

from typing import Any

import numba

from kernels.cpu.engine import CpuEngine
from kernels.cpu.printer import MechanismPrinter, sends
from kernels.cpu.state import GroupState
from kernels.mechanism import Mechanism
from kernels.preparation import prepare
from kernels.single import single_block


def compile_mechanism(mechanism: Mechanism) -> None:
    """Compile every function of a mechanism as an engine would, or load them from the cache."""
    engine = CpuEngine(single_block(mechanism))
    (group,) = engine.groups
    functions: dict[str, Any] = dict(engine.program.functions[0])
    for name, function in functions.items():
        function.compile(tuple(numba.typeof(a) for a in _arguments(group, name)))


def numba_text(mechanism: Mechanism) -> str:
    """The functions of a mechanism as they are given to numba."""
    prepared = prepare(single_block(mechanism))
    printer = MechanismPrinter(prepared.mechanisms[0], prepared.storages[0], frozenset())
    return printer.text()


def _arguments(group: GroupState, name: str) -> tuple[object, ...]:
    """What a function of mechanism 0 is called with."""
    shared, outbox = group.shared(0), group.outbox(0)
    if name.startswith("receive"):
        return (*shared[:2], 0, group.weights, 0, 0.0, *shared[4:], *outbox)
    mechanism = group.engine.block.mechanisms[0].mechanism
    scalar = name == "watch" or (name == "init" and sends(mechanism.init))
    return (*shared, *outbox) if scalar else shared
