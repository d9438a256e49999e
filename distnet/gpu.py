"""What keeps this process's GPU from use: for `distnet doctor`, before a run has to know."""

from __future__ import annotations

from kernels.errors import KernelsError


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
