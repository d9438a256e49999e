"""Compiled functions on disk: generated text is kept in files named by its content.

The file is written once, whole (a temporary name, then a link), so ranks that start together share
it; numba keeps machine code beside it, and `kernels.cpu.turns` says which rank compiles what. The
name covers the text and this room's own sources, so an upgrade never meets stale code.
`DISTNET_CACHE` names another folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from kernels.cpu.turns import Turn, shared


def folder() -> Path:
    """Where compiled functions are kept; a private temporary folder if that cannot be written."""
    base = os.environ.get("DISTNET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "distnet"
    )
    path = Path(base)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError:
        return Path(_private_folder())


@functools.cache
def _private_folder() -> str:
    return tempfile.mkdtemp(prefix="distnet-cache-")


@functools.cache
def _sources() -> str:
    """Hash of every file whose code ends up inside a generated function or a kept array."""
    here = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    others = ("intrinsics.py", "jit.py", "specialise.py", "nmodl/python.py")
    for path in [*(here.parent / name for name in others), *sorted(here.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load(name: str, text: str, scope: dict[str, object]) -> types.ModuleType:
    """The module with this text, its functions compiled on first call or taken from the cache.

    Args:
        name: what it is, for the file's name.
        text: functions in Python.
        scope: names the functions use; part of the identity only through `text`.
    """
    digest = hashlib.sha256((_sources() + text).encode()).hexdigest()[:20]
    path = folder() / f"{name}_{digest}.py"
    if not path.exists():
        _write_once(path, text)
    module = sys.modules.get(path.stem)
    if module is not None:
        return module
    module = types.ModuleType(path.stem)
    sys.modules[path.stem] = module  # where numba looks for it when it loads machine code
    module.__file__ = str(path)
    module.__dict__.update(scope)
    exec(compile(text, str(path), "exec"), module.__dict__)
    turn = Turn(name, path)
    for key, value in list(module.__dict__.items()):
        if isinstance(value, types.FunctionType) and value.__code__.co_filename == str(path):
            module.__dict__[key] = shared(value, turn)
    return module


def array(name: str, text: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The f8 array that `make` gives, kept on disk.

    Args:
        name: what it is, for the file's name.
        text: everything that its values follow from.
        make: computes it.
    """
    digest = hashlib.sha256((_sources() + text).encode()).hexdigest()[:20]
    path = folder() / f"{name}_{digest}.npy"
    try:
        return np.load(path)
    except (OSError, ValueError, EOFError):  # not there, or torn by a full disk
        values = make()
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, values)
        os.replace(temporary, path)
    except OSError:  # a full disk: computed again next time
        Path(temporary).unlink(missing_ok=True)
    return values


def _write_once(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
