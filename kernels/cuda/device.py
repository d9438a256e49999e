"""The real device: CuPy's memory, launches of what NVRTC compiled."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from kernels.cuda.cards import Card, card_of
from kernels.cuda.classes import Variant
from kernels.cuda.nvrtc import toolchain
from kernels.cuda.target import find_target, kept_file
from kernels.errors import KernelsError, OutOfDeviceMemory

#: What is copied back at a time [bytes]: pinned memory is not swapped, and CuPy keeps it.
STAGE = 1 << 25
#: Streams that do not wait for each other on a card; CUDA takes 8 where nobody asks for more.
MOST_STREAMS = 32


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
    def copy_out_to(self, buffer: Any, array: np.ndarray) -> None: ...
    def host_memory(self, n_byte: int) -> np.ndarray: ...
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
    """The CUDA device of this process: the one that CUDA_VISIBLE_DEVICES names, or the current.

    Raises:
        KernelsError: there is no GPU, CuPy cannot reach it, or it is older than kernels need.
    """

    name = "GPU"

    def __init__(self) -> None:
        os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", str(MOST_STREAMS))
        try:
            import cupy

            n_device = cupy.cuda.runtime.getDeviceCount()
        except ModuleNotFoundError as problem:
            raise KernelsError(
                f'backend "cuda": {problem.name} is missing: '
                "pip install cupy-cuda12x nvidia-cuda-nvrtc-cu12"
            ) from problem
        except Exception as problem:  # what cupy raises varies with what is missing
            raise KernelsError(
                f'backend "cuda": no GPU can be used ({type(problem).__name__}: {problem})'
            ) from problem
        if n_device == 0:
            raise KernelsError('backend "cuda": CuPy finds no GPU')
        self.cupy = cupy
        self._streams: list[Any] = []
        self._sources: list[np.ndarray] = []  # of copies that may not have ended
        self._staging = np.zeros(0, np.uint8)
        with self._told():
            self._take_device(n_device)

    def _take_device(self, n_device: int) -> None:
        """Make the device current that is meant, and ask it what it is."""
        runtime = self.cupy.cuda.runtime
        if n_device > 1:
            uuids = [runtime.getDeviceProperties(k)["uuid"] for k in range(n_device)]
            chosen = named_device(uuids, os.environ)
            if chosen is not None:
                self.cupy.cuda.Device(chosen).use()
        device = self.cupy.cuda.Device()
        name = runtime.getDeviceProperties(device.id)["name"].decode("ascii", "replace")
        self.name = f"{name} (GPU {device.id})"
        self.architecture = f"sm_{device.compute_capability}"
        find_target(self.architecture)
        attributes = device.attributes
        self.card = card_of(
            self.architecture,
            int(attributes["MultiProcessorCount"]),
            1000.0 * int(attributes.get("ClockRate", 1_400_000)),
            int(attributes["MaxSharedMemoryPerBlockOptin"]),
            int(attributes["L2CacheSize"]),
        )

    def free_memory(self) -> int:
        """Bytes free on the card, CuPy's own reserve included."""
        with self._told():
            free, _ = self.cupy.cuda.runtime.memGetInfo()
            return int(free) + int(self.cupy.get_default_memory_pool().free_bytes())

    def allocate(self, n_byte: int) -> Any:
        """Memory that holds zeros, so that nothing comes back that was never written.

        Raises:
            OutOfDeviceMemory: another process took it meanwhile.
        """
        try:
            with self._told():
                return self.cupy.zeros(max(n_byte, 1), self.cupy.uint8)
        except self.cupy.cuda.memory.OutOfMemoryError as problem:
            raise OutOfDeviceMemory(self.name, n_byte, self.free_memory()) from problem

    def release(self, buffer: Any) -> None:
        """Memory goes back to CuPy's pool with the last reference."""

    def address(self, buffer: Any) -> int:
        """The address that kernels use."""
        return int(buffer.data.ptr)

    def copy_in(self, buffer: Any, array: np.ndarray) -> None:
        """To the device; the array must stay as it is until the next `synchronize`."""
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if len(flat):
            self._sources.append(flat)
            with self._told():
                buffer[: len(flat)].set(flat)

    def copy_out(self, buffer: Any, dtype: type, n: int) -> np.ndarray:
        """From the device, through pinned memory: the first n values."""
        values: np.ndarray = np.empty(n, dtype)
        flat = values.view(np.uint8)
        with self._told():
            for first in range(0, len(flat), STAGE):
                part = flat[first : first + STAGE]
                staged = self._pinned(len(part))
                buffer[first : first + len(part)].get(out=staged)
                part[:] = staged
        return values

    def _pinned(self, n_byte: int) -> np.ndarray:
        """Pinned memory of this size, at most `STAGE`; one and the same at every call."""
        if len(self._staging) < n_byte:
            self._staging = self.host_memory(n_byte)
        return self._staging[:n_byte]

    def copy_out_to(self, buffer: Any, array: np.ndarray) -> None:
        """From the device: the first bytes, into an array of them."""
        with self._told():
            if len(array):
                buffer[: len(array)].get(out=array)

    def host_memory(self, n_byte: int) -> np.ndarray:
        """Bytes of the host; copies from and to a few of them are fast: they are pinned."""
        if n_byte > STAGE:
            return np.empty(n_byte, np.uint8)
        pinned = self.cupy.cuda.alloc_pinned_memory(max(n_byte, 1))
        return np.frombuffer(pinned, np.uint8, n_byte)

    def load(self, text: str, variant: Variant, name: str) -> Any:
        """Compile the text for one variant, or take it from the cache."""
        path = kept_file(text, variant, self.architecture, name)
        driver = self.cupy.cuda.runtime.driverGetVersion()
        made = f"; {path.name} is of {toolchain()}, the driver runs CUDA {_version(driver)}"
        with self._told(made):
            module = self.cupy.RawModule(path=str(path))
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
        table, first, last, cell = arguments
        given = (np.uint64(table), np.int64(first), np.int64(last), np.int32(cell))
        with self._told():
            while len(self._streams) <= stream:
                self._streams.append(self.cupy.cuda.Stream(non_blocking=True))
            function.max_dynamic_shared_size_bytes = n_shared
            with self._streams[stream]:
                function((n_block,), (n_thread,), given, shared_mem=n_shared)

    def synchronize(self) -> None:
        """Wait for all copies and launches."""
        with self._told():
            self.cupy.cuda.runtime.deviceSynchronize()
        self._sources.clear()

    @contextlib.contextmanager
    def _told(self, more: str = "") -> Iterator[None]:
        """What the card finds wrong, in a sentence that may end with more."""
        try:
            yield
        except (
            self.cupy.cuda.runtime.CUDARuntimeError,
            self.cupy.cuda.driver.CUDADriverError,
        ) as problem:
            raise KernelsError(f"{self.name}: {problem}{more}") from problem


def _version(number: int) -> str:
    """CUDA's way to write a version as a number, read: 12040 is 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def named_device(uuids: Sequence[bytes], environment: Mapping[str, str]) -> int | None:
    """Which of several devices CUDA_VISIBLE_DEVICES names alone.

    CUDA reads that variable once. An MPI library that knows CUDA starts it before a rank can know
    which device is its own; CUDA then still shows all of them.

    Args:
        uuids: of the devices that CUDA shows, as CuPy gives them: up to their first zero byte.
        environment: of the process.

    Returns:
        None where the variable names no single device by UUID.

    Raises:
        KernelsError: CUDA does not show the device that is named.
    """
    wanted = environment.get("CUDA_VISIBLE_DEVICES", "").strip()
    if not wanted.startswith("GPU-") or "," in wanted:
        return None
    digits = wanted.removeprefix("GPU-").replace("-", "").lower()
    shown = [uuid[:16].split(b"\0")[0].hex() for uuid in uuids]
    alike = [k for k, one in enumerate(shown) if digits.startswith(one) or one.startswith(digits)]
    if not alike:
        raise KernelsError(
            f'backend "cuda": {wanted} is not among the {len(uuids)} GPUs that CUDA shows; '
            "something started CUDA before CUDA_VISIBLE_DEVICES was set"
        )
    return max(alike, key=lambda k: len(shown[k]))
