"""Neurolucida ASC files, read by MorphIO, joined by the rules of NEURON's Import3d."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from distnet.errors import InputError
from distnet.morphology.contour import centre
from distnet.morphology.import3d import Piece, make_morphology
from distnet.morphology.morphology import Morphology

SOMA = 1

Row = tuple[float, ...]
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_POINT = re.compile(r"\(\s*" + r"[\s,]+".join([_NUMBER] * 4))


def load_asc(path: str | Path) -> Morphology:
    """Read a morphology from a Neurolucida ASC file.

    The outline of the soma becomes a stack of truncated cones; every tree starts in the middle of
    the soma. A file without a soma may hold one tree.

    Raises:
        InputError: the file cannot be read; the message names file and, where it is known, line.
    """
    path = Path(path)
    morphology = _read(path)
    decimals = _decimals_of(path.read_text(encoding="utf-8", errors="replace"))
    pieces: list[Piece] = []
    outline = _restore(_table(morphology.soma), decimals)
    if len(outline) >= 3:
        pieces.append(Piece(SOMA, outline, is_contour=True))
    piece_of_section: dict[int, Piece] = {}
    for section in morphology.iter():
        parent = None if section.is_root else piece_of_section[section.parent.id]
        points = _restore(_table(section), decimals, parent)
        piece = Piece(_swc_type(path, section), points, parent)
        if parent is None and pieces and pieces[0].is_contour:
            way = np.concatenate([centre(outline[:, :3]), [0.01]])
            piece.points = np.concatenate([[way], points])
            piece.parent, piece.parent_x, piece.is_wire = pieces[0], 0.5, True
        piece_of_section[section.id] = piece
        pieces.append(piece)
    if not pieces:
        raise InputError(path, "holds no tree and no outline of a soma")
    return make_morphology(pieces, str(path))


def _read(path: Path) -> Any:
    """The file as MorphIO reads it."""
    import morphio

    if not path.is_file():
        raise InputError(path, "cannot be read: there is no such file")
    morphio.set_maximum_warnings(0)
    try:
        return morphio.Morphology(str(path))
    except morphio.MorphioError as problem:
        raise _input_error(path, str(problem)) from None


def _input_error(path: Path, message: str) -> InputError:
    """MorphIO's message in one sentence, its line number with the file."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message)
    line = re.search(r":(\d+):(?:error|warning)", plain)
    text = " ".join(plain[line.end() if line else 0 :].split())
    return InputError(f"{path}:{line[1]}" if line else path, text or "is not a Neurolucida file")


def _table(part: Any) -> np.ndarray:
    """(n, 4) f4 [um]: x, y, z, diam of a soma or section."""
    return np.column_stack([part.points, part.diameters])


def _decimals_of(text: str) -> dict[Row, Row]:
    """Each point of a file: from its float32 values to the decimal ones."""
    rows = np.array([list(map(float, row)) for row in _POINT.findall(text)]).reshape(-1, 4)
    single = rows.astype(np.float32).tolist()
    return {tuple(key): tuple(row) for key, row in zip(single, rows.tolist(), strict=True)}


def _restore(
    points: np.ndarray, decimals: dict[Row, Row], parent: Piece | None = None
) -> np.ndarray:
    """Points in float64 as the file has them, which MorphIO rounds to float32.

    A first point that the file does not have is the parent's last, with the next one's diameter.
    """
    rows = [decimals.get(tuple(row), tuple(row)) for row in points.tolist()]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    if parent is not None and len(table) > 1 and tuple(points[0].tolist()) not in decimals:
        table[0] = [*parent.points[-1, :3], table[1, 3]]
    return table


def _swc_type(path: Path, section: Any) -> int:
    """Type of SWC of a section."""
    number = int(section.type)
    if number not in (2, 3, 4):
        raise InputError(path, f"a tree is of type {section.type}; allowed are axon, dend, apical")
    return number
