"""One mechanism compiled for the CPU, without running anything."""

from __future__ import annotations

from typing import Any

from kernels.cpu.engine import CpuEngine
from kernels.cpu.printer import MechanismPrinter
from kernels.cpu.signatures import signature_of
from kernels.mechanism import Mechanism
from kernels.preparation import prepare
from kernels.single import single_block


def compile_mechanism(mechanism: Mechanism) -> None:
    """Compile every function of a mechanism as an engine would, or load them from the cache."""
    engine = CpuEngine(single_block(mechanism))
    (group,) = engine.groups
    functions: dict[str, Any] = dict(engine.program.functions[0])
    for name, function in functions.items():
        function.compile(signature_of(group, 0, name))


def numba_text(mechanism: Mechanism) -> str:
    """The functions of a mechanism as they are given to numba."""
    prepared = prepare(single_block(mechanism))
    printer = MechanismPrinter(prepared.mechanisms[0], prepared.storages[0], frozenset())
    return printer.text()
