"""The CUDA engine, and the same engine with the CPU in place of the GPU."""

from kernels.cuda.classes import Variant
from kernels.cuda.engine import CudaEngine
from kernels.cuda.host import HostDevice

__all__ = ["CudaEngine", "HostDevice", "Variant"]
