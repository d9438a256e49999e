"""NMODL front end: .mod text to the Mechanism that engines consume."""

from __future__ import annotations

from pathlib import Path

from kernels.errors import NmodlError
from kernels.mechanism import Mechanism
from kernels.nmodl.catalogue import BUILT_IN, find
from kernels.nmodl.lower import make_mechanism, read
from kernels.nmodl.parser import parse
from kernels.nmodl.scanner import Source

__all__ = ["BUILT_IN", "find", "load", "loads"]


def load(path: str | Path, tables: bool = True) -> Mechanism:
    """Compile a .mod file.

    Args:
        path: the file.
        tables: False computes exactly what the file's TABLEs would interpolate.

    Raises:
        NmodlError: the file cannot be read, is not NMODL, or holds what is not supported.
    """
    try:
        text = read(path)
    except OSError as problem:
        raise NmodlError(str(path), 1, 1, f"cannot be read: {problem.strerror}") from problem
    return loads(text, str(path), tables)


def loads(text: str, file: str = "<text>", tables: bool = True) -> Mechanism:
    """Compile the text of a .mod file; `file` is what messages call it.

    Raises:
        NmodlError: the text is not NMODL, or holds what is not supported.
    """
    try:
        return make_mechanism(parse(text, file), tables)
    except RecursionError as problem:
        raise NmodlError(file, 1, 1, "an expression or block is nested too deeply") from problem
    except NmodlError as problem:
        source = Source(text, file)
        for one in (problem, *problem.others):
            if not one.text and one.file == file:
                one.text = source.line(one.line)
        raise
