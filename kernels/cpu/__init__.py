"""The CPU engine: cells side by side in SIMD lanes, one compiled function for a whole epoch."""

from kernels.cpu.engine import CpuEngine

__all__ = ["CpuEngine"]
