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


def load_asc(path: str | Path) -> Morphology:
    """Read a morphology from a Neurolucida ASC file.

    The outline of the soma becomes a stack of truncated cones; every tree starts in the middle of
    the soma. A file without a soma may hold one tree.

    Raises:
        InputError: the file cannot be read; the message names file and, where it is known, line.
    """
    path = Path(path)
    morphology = _read(path)
    pieces: list[Piece] = []
    outline = _decimal(morphology.soma.points)
    if len(outline) >= 3:
        points = np.column_stack([outline, np.zeros(len(outline))])
        pieces.append(Piece(SOMA, points, is_contour=True))
    piece_of_section: dict[int, Piece] = {}
    for section in morphology.iter():
        points = np.column_stack([_decimal(section.points), _decimal(section.diameters)])
        piece = Piece(_swc_type(path, section), points)
        if not section.is_root:
            piece.parent = piece_of_section[section.parent.id]
        elif pieces and pieces[0].is_contour:
            way = np.concatenate([centre(outline), [0.01]])
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


def _decimal(values: np.ndarray) -> np.ndarray:
    """Float32 values as the decimal numbers of the file: the shortest that round to them."""
    return np.array([float(str(value)) for value in values.flat]).reshape(values.shape)


def _swc_type(path: Path, section: Any) -> int:
    """Type of SWC of a section."""
    number = int(section.type)
    if number not in (2, 3, 4):
        raise InputError(path, f"a tree is of type {section.type}; allowed are axon, dend, apical")
    return number
