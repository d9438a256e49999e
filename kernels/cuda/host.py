"""A device that is the CPU: runs the CUDA text through a C++ compiler, thread by thread.

It has the interface of the real device and the limits of a real card, so that everything around
the kernels is exercised too. It is slow: its purpose is to show that the text is right.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kernels.cuda.cards import CARDS
from kernels.cuda.classes import Variant
from kernels.cuda.nvrtc import compile_ptx
from kernels.cuda.ptx import translate
from kernels.errors import KernelsError

#: As for NVRTC: a product and a sum are never contracted. Names of kernels must not be taken for
#: those of the C library.
OPTIONS = (
    "-std=c++17",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fPIC",
    "-fvisibility=hidden",
    "-shared",
    "-Wl,-Bsymbolic",
)
ORDERS = {"ascending": 0, "descending": 1}
KERNELS = {"advance": 0, "reset": 1}
#: What a launch may come to, besides well.
OUTCOMES = {
    1: "its threads wait for each other for ever",
    2: "it writes behind its shared memory",
    3: "its threads wait at different barriers",
}
MAX_SHARED = 232_448  # bytes, of sm_90


def compiler() -> str | None:
    """The C++ compiler, or None."""
    return os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")


@functools.cache
def _machine_options() -> tuple[str, ...]:
    """Where the CPU has a fused multiply-add, use it instead of the C library's."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ()
    return ("-mfma",) if " fma " in flags else ()


class HostDevice:
    """Memory and launches on the CPU.

    Args:
        order: in which order the threads of a block run between barriers, and launches that may
            overlap: "ascending", "descending", or the seed (2 or more) of a random order.
        memory: bytes that may be allocated.
        max_shared: bytes of shared memory that a block may have.
        sanitizer: "thread" or "address"; its library must have been loaded before Python.
    """

    name = "the CPU in place of a GPU"
    optimisation = "-O2"

    def __init__(
        self,
        order: str | int = "ascending",
        memory: int = 1 << 33,
        max_shared: int = MAX_SHARED,
        sanitizer: str = "",
    ):
        self.order = ORDERS[order] if isinstance(order, str) else int(order)
        self.memory, self.used = memory, 0
        self.card = dataclasses.replace(CARDS["h100"], max_shared=max_shared)
        self.watch = ["-g", f"-fsanitize={sanitizer}"] if sanitizer else []
        self._launched: list[Callable[[], None]] = []

    # --- memory ---

    def free_memory(self) -> int:
        """Bytes that may still be allocated."""
        return self.memory - self.used

    def allocate(self, n_byte: int) -> np.ndarray:
        """Uninitialised memory."""
        self.used += n_byte
        if self.used > self.memory:
            raise KernelsError(f"{self.name}: {n_byte} bytes wanted, {self.free_memory()} left")
        return np.full(n_byte, 0xFF, np.uint8)

    def release(self, buffer: np.ndarray) -> None:
        """Give memory back."""
        self.used -= buffer.nbytes

    def address(self, buffer: np.ndarray) -> int:
        """The address that kernels use."""
        return buffer.ctypes.data

    def copy_in(self, buffer: np.ndarray, array: np.ndarray) -> None:
        """To the device."""
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        buffer[: len(flat)] = flat

    def copy_out(self, buffer: np.ndarray, dtype: type, n: int) -> np.ndarray:
        """From the device: the first n values."""
        return buffer[: n * np.dtype(dtype).itemsize].view(dtype).copy()

    def copy_out_to(self, buffer: np.ndarray, array: np.ndarray) -> None:
        """From the device: the first bytes, into an array of them."""
        array[:] = buffer[: len(array)]

    def host_memory(self, n_byte: int) -> np.ndarray:
        """Bytes of the host."""
        return np.empty(n_byte, np.uint8)

    # --- kernels ---

    def prepare(self, text: str, variant: Variant, name: str) -> str:
        """What is given to the C++ compiler for a CUDA text."""
        return text

    def load(self, text: str, variant: Variant, name: str) -> ctypes.CDLL:
        """Compile the text for one variant, or take it from the cache."""
        here = Path(__file__).parent
        made = self.prepare(text, variant, name)
        shim = [(here / file).read_text() for file in ("shim.hpp", "shim.cpp")]
        whole = "\n".join([shim[0], made, shim[1]])
        macros = [f"-D{key}={value}" for key, value in variant.defines().items()]
        options = [*OPTIONS, self.optimisation, *self.watch, *_machine_options()]
        options += [f"-DMAX_SHARED={MAX_SHARED}", *macros]
        library = ctypes.CDLL(str(_build(whole, options, name)))
        library.shim_launch.argtypes = [
            *[ctypes.c_int] * 4,
            ctypes.c_void_p,
            *[ctypes.c_longlong] * 2,
            ctypes.c_int,
        ]
        return library

    def launch(
        self,
        module: ctypes.CDLL,
        kernel: str,
        n_block: int,
        n_thread: int,
        n_shared: int,
        arguments: tuple[int, int, int, int],
        stream: int = 0,
    ) -> None:
        """Note a kernel; arguments: table, first step, last step, first cell."""
        if n_shared > self.card.max_shared:
            raise KernelsError(
                f"{kernel}: {n_shared} bytes of shared memory, {self.card.max_shared} allowed"
            )

        def run() -> None:
            code = module.shim_launch(KERNELS[kernel], n_block, n_shared, self.order, *arguments)
            if code:
                raise KernelsError(f"kernel {kernel}: {OUTCOMES[code]}")

        self._launched.append(run)

    def synchronize(self) -> None:
        """Run what was launched, each kernel to its end."""
        launched, self._launched = self._launched, []
        if self.order == ORDERS["descending"]:
            launched.reverse()
        elif self.order > ORDERS["descending"]:
            random.Random(self.order).shuffle(launched)
        for run in launched:
            run()


class PtxDevice(HostDevice):
    """The CPU running what NVRTC made of the text for one architecture: its PTX."""

    optimisation = "-O1"

    def __init__(self, architecture: str = "sm_90", order: str | int = "ascending"):
        super().__init__(order)
        self.architecture = architecture

    def prepare(self, text: str, variant: Variant, name: str) -> str:
        """Compile by NVRTC, translate."""
        return translate(compile_ptx(text, self.architecture, variant.defines(), f"{name}.cu"))


def _build(text: str, options: list[str], name: str) -> Path:
    """The shared library of a text; ranks that build it together leave one whole file."""
    from kernels.cpu.cache import folder

    program = compiler()
    digest = hashlib.sha256("\0".join([*options, program or "", text]).encode()).hexdigest()[:20]
    path = folder() / f"{name}_{digest}.so"
    if path.exists():
        return path
    if program is None:
        raise KernelsError("no C++ compiler: neither CXX is set nor is g++ or c++ on the PATH")
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        source, made = Path(work, f"{name}.cpp"), Path(work, f"{name}.so")
        source.write_text(text)
        done = subprocess.run(
            [program, *options, str(source), "-o", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            error = next((e for e in done.stderr.splitlines() if "error" in e), done.stderr)
            raise KernelsError(f"{program} refuses {name}: {error}")
        os.replace(made, path)
    return path
