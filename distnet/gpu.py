"""What keeps this process's GPU from use: for `distnet doctor`, before a run has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distnet.errors import DistnetError
from kernels.errors import KernelsError

if TYPE_CHECKING:
    from distnet.gpu_check import Comparison


def gpu_trouble() -> str:
    """Why the backend "cuda" cannot be used here, in a sentence; empty where it can.

    CuPy, NVRTC and the driver are asked; nothing is allocated on the device.
    """
    from kernels.cuda.device import CudaDevice

    try:
        CudaDevice()
    except KernelsError as problem:
        return str(problem)
    return ""


def check_gpu() -> tuple[tuple[Comparison, ...], str]:
    """What the GPU makes of a network, beside the CPU; and why it makes nothing, in a sentence."""
    from distnet.gpu_check import compare_backends

    try:
        return tuple(compare_backends()), ""
    except (DistnetError, KernelsError) as problem:
        return (), str(problem)
