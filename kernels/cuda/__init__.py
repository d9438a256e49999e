"""The CUDA engine, and the same engine with the CPU in place of the GPU."""

from kernels.cuda.classes import Variant
from kernels.cuda.engine import CudaEngine
from kernels.cuda.host import HostDevice, PtxDevice

__all__ = ["CudaEngine", "HostDevice", "PtxDevice", "Variant"]
