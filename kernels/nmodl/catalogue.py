"""Which .mod file defines which mechanism."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kernels.errors import NmodlError
from kernels.nmodl.lower import read

#: Built-in mechanisms that replace users' files of that name: those need C code of NEURON.
REPLACED = ("VecStim",)
BUILT_IN = Path(__file__).parent.parent / "mechanisms"

_NAME = re.compile(r"\b(?:SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)")
_IGNORED = re.compile(
    r"\bCOMMENT\b.*?\bENDCOMMENT\b|\bVERBATIM\b.*?\bENDVERBATIM\b|[:?][^\r\n]*", re.DOTALL
)


def find(folders: Iterable[str | Path] = ()) -> dict[str, Path]:
    """Names of mechanisms to their files: the built-in ones, then those of each folder.

    A user's file takes the place of a built-in mechanism of the same name, but where that stands
    for what users' files do by VERBATIM (`REPLACED`).

    Raises:
        NmodlError: two different files of the folders define one name.
    """
    own = _scan(BUILT_IN)
    users: dict[str, Path] = {}
    for folder in folders:
        for name, path in _scan(Path(folder)).items():
            before = users.get(name)
            if before is not None and read(before) != read(path):
                raise NmodlError(
                    str(path), 1, 1, f"mechanism {name} is already defined by {before}"
                )
            users[name] = path
    for name in REPLACED:
        if name in users and stand_in(read(users[name])):
            del users[name]
    return {**own, **users}


def stand_in(text: str) -> Path | None:
    """The built-in mechanism that runs in the place of a user's file, if one does."""
    match = _NAME.search(_IGNORED.sub(" ", text))
    if match is None or match[1] not in REPLACED or "VERBATIM" not in text:
        return None
    return BUILT_IN / f"{match[1]}.mod"


def _scan(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise NmodlError(str(folder), 1, 1, "is not a folder of .mod files")
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.mod")):
        match = _NAME.search(_IGNORED.sub(" ", read(path)))
        if match is None:
            continue
        before = found.get(match[1])
        if before is not None and read(before) != read(path):
            raise NmodlError(
                str(path), 1, 1, f"mechanism {match[1]} is already defined by {before}"
            )
        found[match[1]] = path
    return found
