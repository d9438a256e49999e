"""Advance a block of cells by some steps: records, mechanisms, engines."""

from __future__ import annotations

from kernels.block import Block, Events, Instances, Ion, Pointer, Probe, Spikes
from kernels.engine import Engine
from kernels.errors import KernelsError
from kernels.precision import PRECISIONS, Precision, find_precision
from kernels.schedule import dhs_schedule

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "Block",
    "Engine",
    "Events",
    "Instances",
    "Ion",
    "KernelsError",
    "Pointer",
    "Probe",
    "Spikes",
    "dhs_schedule",
    "make_engine",
]


def _cpu(block: Block, precision: Precision) -> Engine:
    from kernels.cpu import CpuEngine

    return CpuEngine(block, precision)


def _reference(block: Block, precision: Precision) -> Engine:
    from kernels.reference import ReferenceEngine

    if precision.is_single:
        raise KernelsError('backend "reference" computes in double precision only')
    return ReferenceEngine(block)


def _null(block: Block, precision: Precision) -> Engine:
    from kernels.null import NullEngine

    return NullEngine(block)


def _cuda(block: Block, precision: Precision) -> Engine:
    from kernels.cuda import CudaEngine

    return CudaEngine(block, precision=precision)


def _cuda_host(block: Block, precision: Precision) -> Engine:
    from kernels.cuda import CudaEngine, HostDevice

    return CudaEngine(block, HostDevice(), precision=precision)


#: Engines by name. "cuda-host" runs the text of the CUDA kernels on the CPU: slow, to test them.
BACKENDS = {
    "cpu": _cpu,
    "reference": _reference,
    "cuda": _cuda,
    "cuda-host": _cuda_host,
    "null": _null,
}


def make_engine(block: Block, backend: str = "auto", precision: str = "double") -> Engine:
    """The engine of this name for a block; "auto" takes the fastest that this machine has.

    Args:
        block: the cells.
        backend: a name of `BACKENDS`, or "auto".
        precision: a name of `PRECISIONS`: "double" or "single".

    Raises:
        KernelsError: there is no such engine, or it cannot run the block.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise KernelsError(f'backend "{backend}" is not one of auto, {", ".join(BACKENDS)}')
    how = find_precision(precision)
    if backend != "auto":
        return BACKENDS[backend](block, how)
    from kernels.automatic import choose_backend

    try:
        return BACKENDS[choose_backend(block, how)](block, how)
    except KernelsError:  # what a GPU cannot run; the CPU says what is wrong, if anything is
        return BACKENDS["cpu"](block, how)
