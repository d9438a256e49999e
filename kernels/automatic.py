"""The backend "auto": which engine a block gets."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from kernels.block import Block
from kernels.errors import KernelsError
from kernels.precision import DOUBLE, Precision

if TYPE_CHECKING:
    from kernels.cuda.cards import Card

#: Nodes of a block from which on a GPU is taken: a step of one cell waits there for 10 to 25 us
#: (`benchmarks/gpu_model.py`), in which a core advances a few thousand nodes.
LEAST_NODES = 10_000
#: Results a clock and multiprocessor that the float64 units of a card must give: those of gaming
#: cards give 2, and a CPU is the faster one.
LEAST_LANES = 16


def find_card() -> Card | None:
    """The GPU of this process, if kernels can be compiled for it and run on it."""
    try:
        ctypes.CDLL("libcuda.so.1")  # no driver: do not spend a second on importing CuPy
    except OSError:
        return None
    from kernels.cuda.device import CudaDevice
    from kernels.cuda.nvrtc import toolchain

    try:
        toolchain()
        return CudaDevice().card
    except KernelsError:
        return None


def choose_backend(block: Block, precision: Precision = DOUBLE) -> str:
    """The GPU where this process has one that is worth it for the block, else the CPU."""
    if block.n_node < LEAST_NODES:
        return "cpu"
    card = find_card()
    if card is None:
        return "cpu"
    return "cuda" if precision.is_single or card.f64_lanes >= LEAST_LANES else "cpu"
