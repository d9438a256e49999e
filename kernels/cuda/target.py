"""The machine code that a card gets, and the file that keeps it.

A card that the compiler knows gets a cubin. One that is newer than the compiler gets the PTX of the
newest that is known, which its driver assembles.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.cuda.classes import Variant
from kernels.cuda.nvrtc import OPTIONS, architectures, compile_binary, compile_ptx, toolchain
from kernels.errors import KernelsError

#: Compute capability from which on each thread of a warp has a place of its own in the program:
#: threads of a warp wait at different barriers.
OLDEST = 70


@dataclass(frozen=True)
class Target:
    """What is compiled for a card."""

    architecture: str  # "sm_90"
    is_ptx: bool  # its driver makes the machine code


def find_target(architecture: str, known: Sequence[int] | None = None) -> Target:
    """What is compiled for a card.

    Args:
        architecture: of the card: "sm_90".
        known: compute capabilities that the compiler knows, by default NVRTC's.

    Raises:
        KernelsError: the card is too old, or there is no compiler.

    >>> find_target("sm_90", (80, 90, 120))
    Target(architecture='sm_90', is_ptx=False)
    >>> find_target("sm_130", (80, 90, 120))
    Target(architecture='sm_120', is_ptx=True)
    """
    known = architectures() if known is None else known
    number = int(architecture.removeprefix("sm_"))
    if number in known and number >= OLDEST:
        return Target(architecture, False)
    older = [n for n in known if OLDEST <= n < number]
    if older:
        return Target(f"sm_{max(older)}", True)
    if number < OLDEST:
        raise KernelsError(
            f'backend "cuda": the GPU has compute capability {number / 10}; '
            f"{OLDEST / 10} or newer is needed"
        )
    raise KernelsError(
        f'backend "cuda": the GPU has compute capability {number / 10}; {toolchain()} compiles '
        f"for {min(known) / 10} and newer: pip install cupy-cuda12x nvidia-cuda-nvrtc-cu12"
    )


def kept_file(text: str, variant: Variant, architecture: str, name: str) -> Path:
    """The file with the machine code of a text, which is compiled if need be.

    Ranks that compile it together leave one whole file.

    Args:
        text: CUDA C++.
        variant: whose macros it gets.
        architecture: of the card: "sm_90".
        name: what the file's name begins with.
    """
    from kernels.cpu.cache import folder

    target = find_target(architecture)
    parts = [text, str(variant.defines()), str(target), toolchain(), *OPTIONS]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    path = folder() / f"{name}_{digest}.{'ptx' if target.is_ptx else 'cubin'}"
    if not path.exists():
        given = (text, target.architecture, variant.defines(), f"{name}.cu")
        made = compile_ptx(*given).encode() if target.is_ptx else compile_binary(*given).binary
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        os.replace(temporary, path)
    return path
