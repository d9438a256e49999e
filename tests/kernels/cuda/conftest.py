"""What tests of the CUDA engine share: compilers that may be absent, comparison bit by bit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np
import pytest

from kernels import Block, KernelsError
from kernels.cuda import CudaEngine, HostDevice, PtxDevice
from kernels.cuda.nvrtc import toolchain


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def nvrtc() -> str:
    """Name and version of NVRTC."""
    try:
        return toolchain()
    except KernelsError as problem:
        _absent(str(problem))
        raise


@pytest.fixture(scope="session")
def host_engine(cxx: str) -> Callable[..., CudaEngine]:
    """`host_engine(block, order="ascending", forced=None)`: the text, run on the CPU."""

    def make(block: Block, order: str | int = "ascending", forced=None, **more) -> CudaEngine:
        return CudaEngine(block, HostDevice(order), forced, **more)

    return make


@pytest.fixture(scope="session")
def ptx_engine(cxx: str, nvrtc: str) -> Callable[..., CudaEngine]:
    """`ptx_engine(block, order="ascending", forced=None)`: what NVRTC made, run on the CPU."""

    def make(block: Block, order: str | int = "ascending", forced=None, **more) -> CudaEngine:
        return CudaEngine(block, PtxDevice("sm_90", order), forced, **more)

    return make


def same_bits(one, other) -> bool:
    """Whether two outcomes are one, bit by bit."""
    pairs = [
        *((getattr(one.spikes, f.name), getattr(other.spikes, f.name))
          for f in dataclasses.fields(one.spikes)),
        *zip(one.samples, other.samples, strict=True),
    ]  # fmt: skip
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


@pytest.fixture(scope="session")
def agree() -> Callable[..., bool]:
    """`agree(one, other)`: whether two outcomes have the same bits."""
    return same_bits
