"""CUDA C++ text to machine code by NVRTC, which needs neither a GPU nor a driver.

The assembler's report stands in the log: registers, spills and stack of every kernel.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from kernels.errors import KernelsError

#: No contraction of a product and a sum: a fused operation is written where it is wanted.
OPTIONS = ("-std=c++17", "-fmad=false")


@dataclass(frozen=True)
class Resources:
    """What the assembler gave one kernel."""

    registers: int
    stack: int  # bytes a thread
    spill_stores: int  # bytes
    spill_loads: int  # bytes


@dataclass(frozen=True)
class Compiled:
    """Machine code of a text."""

    binary: bytes  # cubin
    resources: dict[str, Resources]  # by kernel


def toolchain() -> str:
    """Name and version of the compiler.

    Raises:
        KernelsError: there is none.
    """
    major, minor = _binding().getVersion()
    return f"NVRTC {major}.{minor}"


def architectures() -> tuple[int, ...]:
    """Compute capabilities that the compiler knows, ten times: (75, 80, ...).

    Raises:
        KernelsError: there is no compiler.
    """
    return tuple(sorted(_binding().getSupportedArchs()))


def compile_binary(text: str, architecture: str, defines: dict[str, int], name: str) -> Compiled:
    """Compile for one architecture.

    Args:
        text: CUDA C++ without includes.
        architecture: "sm_80", "sm_90", ...
        defines: macros.
        name: file name in messages.

    Raises:
        KernelsError: the compiler is absent or refuses the text; the message holds its first error.
    """
    options = (f"-arch={architecture}", "--ptxas-options=-v", *_macros(defines))
    binary, log = _run(text, options, name, "getCUBIN")
    return Compiled(binary, _resources(log))


def compile_ptx(
    text: str, architecture: str, defines: dict[str, int], name: str, lines: bool = False
) -> str:
    """The virtual assembly of a text; `lines` keeps lines of the text, others as above."""
    options = (f"-arch={architecture.replace('sm_', 'compute_')}", *_macros(defines))
    options += ("-lineinfo",) if lines else ()
    ptx, _ = _run(text, options, name, "getPTX")
    return ptx.decode().rstrip("\0")


def _macros(defines: dict[str, int]) -> list[str]:
    return [f"-D{key}={value}" for key, value in defines.items()]


def _binding():
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except Exception as problem:  # what cupy raises varies with what is missing
        raise KernelsError(
            f"NVRTC cannot be loaded ({type(problem).__name__}: {problem}); "
            "install cupy-cuda12x and nvidia-cuda-nvrtc-cu12"
        ) from problem
    return nvrtc


def _run(text: str, options: tuple[str, ...], name: str, result: str) -> tuple[bytes, str]:
    nvrtc = _binding()
    program = nvrtc.createProgram(text, name, (), ())
    try:
        nvrtc.compileProgram(program, (*OPTIONS, *options))
    except nvrtc.NVRTCError as problem:
        log = nvrtc.getProgramLog(program)
        error = next((line for line in log.splitlines() if "error" in line), str(problem))
        raise KernelsError(f"NVRTC refuses {name}: {error}") from problem
    try:
        made = getattr(nvrtc, result)(program)
        log = nvrtc.getProgramLog(program)
    finally:
        nvrtc.destroyProgram(program)
    return (made.encode() if isinstance(made, str) else _whole(made)), log


def _whole(binary: bytes) -> bytes:
    """A cubin with its last byte, which CuPy takes for the end of a string and strips."""
    if binary[:4] != b"\x7fELF":
        return binary
    starts = struct.unpack_from("<QQ", binary, 32)  # of the tables of segments and of sections
    sizes = struct.unpack_from("<4H", binary, 54)  # entry and number, of each table
    ends = (starts[k] + sizes[2 * k] * sizes[2 * k + 1] for k in range(2))
    return binary.ljust(max(ends), b"\0")


_KERNEL = re.compile(r"Compiling entry function '(\w+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")


def _resources(log: str) -> dict[str, Resources]:
    found: dict[str, Resources] = {}
    kernel, stack = "", (0, 0, 0)
    for line in log.splitlines():
        if match := _KERNEL.search(line):
            kernel = match[1]
        elif match := _STACK.search(line):
            stack = (int(match[1]), int(match[2]), int(match[3]))
        elif (match := _REGISTERS.search(line)) and kernel:
            found[kernel] = Resources(int(match[1]), *stack)
    return found
