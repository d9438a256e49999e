"""The real device: CuPy's memory, launches of what NVRTC compiled."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kernels.cuda.cards import Card, card_of
from kernels.cuda.classes import Variant
from kernels.cuda.nvrtc import OPTIONS, compile_binary, toolchain
from kernels.errors import KernelsError


class Device(Protocol):
    """What the engine needs of a device."""

    name: str
    card: Card  # constants of the performance model

    def free_memory(self) -> int: ...
    def allocate(self, n_byte: int) -> Any: ...
    def release(self, buffer: Any) -> None: ...
    def address(self, buffer: Any) -> int: ...
    def copy_in(self, buffer: Any, array: np.ndarray) -> None: ...
    def copy_out(self, buffer: Any, dtype: type, n: int) -> np.ndarray: ...
    def load(self, text: str, variant: Variant, name: str) -> Any: ...
    def launch(
        self,
        module: Any,
        kernel: str,
        n_block: int,
        n_thread: int,
        n_shared: int,
        arguments: tuple[int, int, int, int],
        stream: int = 0,
    ) -> None: ...
    def synchronize(self) -> None: ...


class CudaDevice:
    """The current CUDA device of this process.

    Raises:
        KernelsError: there is no GPU, or CuPy cannot reach it.
    """

    def __init__(self) -> None:
        try:
            import cupy

            n_device = cupy.cuda.runtime.getDeviceCount()
        except Exception as problem:  # what cupy raises varies with what is missing
            raise KernelsError(
                f'backend "cuda": no GPU can be used ({type(problem).__name__}: {problem})'
            ) from problem
        if n_device == 0:
            raise KernelsError('backend "cuda": CuPy finds no GPU')
        self.cupy = cupy
        device = cupy.cuda.Device()
        self.architecture = f"sm_{device.compute_capability}"
        attributes = device.attributes
        self.card = card_of(
            self.architecture,
            int(attributes["MultiProcessorCount"]),
            1000.0 * int(attributes.get("ClockRate", 1_400_000)),
            int(attributes["MaxSharedMemoryPerBlockOptin"]),
            int(attributes["L2CacheSize"]),
        )
        self.name = f"GPU {device.id}"
        self._streams: list[Any] = []

    def free_memory(self) -> int:
        """Bytes free on the card, CuPy's own reserve included."""
        free, _ = self.cupy.cuda.runtime.memGetInfo()
        return int(free) + int(self.cupy.get_default_memory_pool().free_bytes())

    def allocate(self, n_byte: int) -> Any:
        """Uninitialised memory."""
        return self.cupy.empty(max(n_byte, 1), self.cupy.uint8)

    def release(self, buffer: Any) -> None:
        """Memory goes back to CuPy's pool with the last reference."""

    def address(self, buffer: Any) -> int:
        """The address that kernels use."""
        return int(buffer.data.ptr)

    def copy_in(self, buffer: Any, array: np.ndarray) -> None:
        """To the device."""
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if len(flat):
            buffer[: len(flat)].set(flat)

    def copy_out(self, buffer: Any, dtype: type, n: int) -> np.ndarray:
        """From the device, through pinned memory: the first n values."""
        n_byte = n * np.dtype(dtype).itemsize
        if not n_byte:
            return np.zeros(0, dtype)
        pinned = self.cupy.cuda.alloc_pinned_memory(n_byte)
        values = np.frombuffer(pinned, np.uint8, n_byte)
        buffer[:n_byte].get(out=values)
        return values.view(dtype).copy()

    def load(self, text: str, variant: Variant, name: str) -> Any:
        """Compile the text for one variant, or take it from the cache."""
        from kernels.cpu.cache import folder

        parts = [text, str(variant.defines()), self.architecture, toolchain(), *OPTIONS]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        path = folder() / f"{name}_{digest}.cubin"
        if not path.exists():
            made = compile_binary(text, self.architecture, variant.defines(), f"{name}.cu")
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(made.binary)
            os.replace(temporary, path)
        module = self.cupy.RawModule(path=str(Path(path)))
        return {kernel: module.get_function(kernel) for kernel in ("advance", "reset")}

    def launch(
        self,
        module: Any,
        kernel: str,
        n_block: int,
        n_thread: int,
        n_shared: int,
        arguments: tuple[int, int, int, int],
        stream: int = 0,
    ) -> None:
        """Start a kernel beside those of other streams, when all copies have ended.

        Arguments are the table, first step, last step and first cell.
        """
        function = module[kernel]
        function.max_dynamic_shared_size_bytes = n_shared
        table, first, last, cell = arguments
        given = (np.uint64(table), np.int64(first), np.int64(last), np.int32(cell))
        while len(self._streams) <= stream:
            self._streams.append(self.cupy.cuda.Stream(non_blocking=True))
        with self._told(), self._streams[stream]:
            function((n_block,), (n_thread,), given, shared_mem=n_shared)

    def synchronize(self) -> None:
        """Wait for all copies and launches."""
        with self._told():
            self.cupy.cuda.runtime.deviceSynchronize()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the card finds wrong, in a sentence."""
        try:
            yield
        except (
            self.cupy.cuda.runtime.CUDARuntimeError,
            self.cupy.cuda.driver.CUDADriverError,
        ) as problem:
            raise KernelsError(f"{self.name}: {problem}") from problem
