"""How numba compiles here, and for which processor; used by distnet too."""

from __future__ import annotations

import numba


def use_wide_vectors() -> None:
    """Let LLVM use 512-bit vectors where the CPU has them.

    numba fixes the features of its target at the first decorator, so whoever decorates takes the
    decorator from here: another one before it would leave vectors of 256 bits.
    """
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if features.get("avx512f") and numba.config.CPU_FEATURES is None:
        numba.config.CPU_FEATURES = features.flatten() + ",-prefer-256-bit"


use_wide_vectors()

#: Compiled to a file of its own and kept on disk.
kept = numba.njit(error_model="numpy", cache=True)

#: The same without the disk; `kernels.cpu.turns` brings a cache that processes share.
uncached = numba.njit(error_model="numpy")

#: Compiled into its callers.
inlined = numba.njit(error_model="numpy", forceinline=True)
