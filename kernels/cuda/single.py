"""One mechanism as CUDA C++, and what NVRTC makes of it: needs no GPU."""

from __future__ import annotations

from kernels.cuda.classes import WARP, Variant
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.nvrtc import Resources, compile_binary
from kernels.cuda.program import make_program
from kernels.mechanism import Mechanism
from kernels.precision import DOUBLE, Precision
from kernels.preparation import prepare
from kernels.single import single_block

#: Threads of the kernel that is compiled: what cells of some hundred nodes get.
THREADS = 128


def cuda_text(mechanism: Mechanism, precision: Precision = DOUBLE) -> tuple[str, Variant]:
    """The text of a block with this mechanism alone, and the variant that it needs."""
    block = single_block(mechanism)
    prepared = prepare(block, precision)
    printer = MechanismPrinter(
        0, prepared.mechanisms[0], prepared.storages[0], frozenset(), False, precision
    )
    valences = {ion.name: ion.valence for ion in block.ions}
    program = make_program([printer], prepared.live, valences, block.celsius, precision=precision)
    return program.text, Variant(THREADS, WARP, False, printer.is_serial)


def compile_mechanism(
    mechanism: Mechanism, architecture: str = "sm_80", precision: Precision = DOUBLE
) -> Resources:
    """Compile the kernel of a block with this mechanism alone.

    Returns:
        registers and spills of the kernel that advances cells.

    Raises:
        KernelsError: there is no NVRTC, or it refuses the text.
    """
    text, variant = cuda_text(mechanism, precision)
    made = compile_binary(text, architecture, variant.defines(), f"{mechanism.name}.cu")
    return made.resources["advance"]
