"""Opening HDF5 files to read, and writing them whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py

from distnet.errors import InputError, SimulationError


@contextmanager
def reading(path: Path, where: object = None) -> Iterator[h5py.File]:
    """Open an HDF5 file to read.

    Args:
        path: the file.
        where: what names the file, for the message; the file itself by default.

    Raises:
        InputError: there is no such file, or it is not HDF5.
    """
    if not path.is_file():
        raise InputError(where or path, f"the file {path} does not exist")
    try:
        file = h5py.File(path, "r")
    except OSError as problem:
        raise InputError(path, f"cannot be read as HDF5 ({problem})") from problem
    with file:
        yield file


def temporary_name(path: Path) -> Path:
    """The name under which a file is written until it is whole."""
    return path.with_name(f".{path.name}.partial")


def create(path: Path) -> h5py.File:
    """Create the HDF5 file that `finish` will rename to `path`; its folder is made if need be.

    Raises:
        SimulationError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return h5py.File(temporary_name(path), "w")
    except OSError as problem:
        raise SimulationError(f"{path}: cannot be written ({problem})") from problem


def finish(file: h5py.File, path: Path) -> None:
    """Close a file made by `create` and give it its name."""
    try:
        file.close()
        os.replace(temporary_name(path), path)
    except OSError as problem:
        discard(file, path)
        raise SimulationError(f"{path}: cannot be written ({problem})") from problem


def discard(file: h5py.File, path: Path) -> None:
    """Close a file made by `create` and remove it."""
    with suppress(OSError, RuntimeError):
        file.close()
    temporary_name(path).unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[h5py.File]:
    """Write an HDF5 file under a temporary name; it gets its own when the block ends well."""
    file = create(path)
    try:
        yield file
    except BaseException:
        discard(file, path)
        raise
    finish(file, path)


def store_configuration(file: h5py.File, configuration: Mapping[str, Any] | None) -> None:
    """Store the effective configuration as the JSON text `/configuration`."""
    if configuration is not None:
        text = json.dumps(configuration, indent=1, default=str)
        file.create_dataset("configuration", data=text, dtype=h5py.string_dtype())


def text(value: Any, default: str = "") -> str:
    """An HDF5 attribute as text, whether it was stored as text or as bytes."""
    if value is None:
        return default
    return value.decode() if isinstance(value, bytes) else str(value)
