"""SWC files, cut into sections as NEURON's Import3d cuts them.

The table is read here and not by MorphIO, which gives neither the order of the rows nor the soma's
points as they stand in the file, on which Import3d's rules rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.errors import InputError
from distnet.morphology.import3d import Piece, make_morphology
from distnet.morphology.morphology import Morphology

SOMA = 1


@dataclass(frozen=True)
class Table:
    """The rows of an SWC file, by ascending id."""

    type: np.ndarray  # (n,) i8
    points: np.ndarray  # (n, 4) f8 [um]: x, y, z, diam
    parent: np.ndarray  # (n,) i8, row of the parent, -1 at the root

    def __len__(self) -> int:
        return len(self.type)

    @property
    def is_soma(self) -> np.ndarray:
        return self.type == SOMA


def load_swc(path: str | Path) -> Morphology:
    """Read a morphology from an SWC file.

    Sections are numbered as Import3d instantiates them in a cell template: soma, axon, dend, apic.
    A soma of one point becomes a cylinder whose length is its diameter; so does a soma of three
    points in the form of neuromorpho.org.

    Raises:
        InputError: the file cannot be read, or a row is malformed; the message names file and line.
    """
    table = read_table(Path(path))
    return make_morphology(cut_pieces(table), str(path))


def read_table(path: Path) -> Table:
    """Read and check the rows of an SWC file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as problem:
        raise InputError(path, f"cannot be read: {problem.strerror}") from None
    rows: dict[int, tuple[int, list[float]]] = {}  # id -> line number, values
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        values = _parse_row(f"{path}:{number}", fields)
        point_id = int(values[0])
        if point_id in rows:
            earlier = rows[point_id][0]
            raise InputError(f"{path}:{number}", f"id {point_id} is used in line {earlier} already")
        rows[point_id] = number, values
    if not rows:
        raise InputError(path, "holds no points; an SWC file needs one row or more")
    ids = sorted(rows)
    parents = _check_parents(path, rows, ids)
    table = np.array([rows[i][1] for i in ids], dtype=np.float32).astype(np.float64)
    points = table[:, 2:6] * (1.0, 1.0, 1.0, 2.0)  # radius to diameter
    return Table(table[:, 1].astype(np.int64), points, parents)


def cut_pieces(table: Table) -> list[Piece]:
    """Cut the rows into unbranched pieces and join them.

    A piece is a run of rows that ends where the tree branches, where the type changes, or where the
    next row goes on elsewhere.
    """
    parent = table.parent.copy()
    n_child, at_start = _count_children(table)
    n_soma_child = np.bincount(
        parent[1:][table.is_soma[1:] & table.is_soma[parent[1:]]], minlength=len(table)
    )
    is_sphere = _is_three_point_sphere(table, n_child)
    if is_sphere:
        parent[2] = 1
    # Soma rows that follow each other stay one piece, unless several soma rows start from one.
    chained = table.is_soma[:-1] & table.is_soma[1:] & (parent[1:] == np.arange(len(table) - 1))
    forked = (n_soma_child[:-1] > 1) & (np.arange(len(table) - 1) != 0)
    n_child[:-1][chained & ~forked] = 1.0

    last = np.flatnonzero(n_child != 1.0)
    first = np.concatenate([[0], last[:-1] + 1])
    piece_of_row = np.searchsorted(last, np.arange(len(table)))
    pieces: list[Piece] = []
    for start, end in zip(first, last + 1, strict=True):
        if start == 0:
            pieces.append(Piece(int(table.type[0]), table.points[: 1 if is_sphere else end]))
            continue
        row = parent[start]
        number = piece_of_row[row]
        piece = Piece(
            type=int(table.type[start]),
            points=table.points[[row, *range(start, end)]],
            parent=pieces[number],
        )
        _join(piece, int(row - first[number]), number == 0, n_soma_child[row] > 1)
        if at_start[start]:
            piece.parent_x = 0.0
        pieces.append(piece)
    return pieces


def _join(piece: Piece, row: int, on_root: bool, soma_forks: bool) -> None:
    """Say where on its parent a piece starts, and whether its first step is a wire.

    Args:
        piece: its points begin with that of the parent.
        row: the point of the parent that it leaves from, counted among the parent's own.
        on_root: the parent is the root piece.
        soma_forks: two or more soma rows leave from that point.
    """
    parent = piece.parent
    assert parent is not None
    n_own = len(parent.points) - (0 if on_root else 1)
    leaves_soma = parent.type == SOMA and piece.type != SOMA
    is_line = len(piece.points) > 2
    if leaves_soma:
        piece.points[0, 3] = piece.points[1, 3]
    if on_root and leaves_soma and n_own == 1:
        piece.parent_x, piece.is_wire = 0.5, is_line
    elif on_root and row == 0:
        piece.parent_x = 0.0
        piece.is_wire = piece.type != SOMA and soma_forks
    elif parent.type == SOMA and row < n_own - 1:
        piece.parent_x, piece.is_wire = 0.5, leaves_soma and is_line
    elif parent.type == SOMA:
        piece.is_wire = is_line and soma_forks and piece.type != SOMA


def _count_children(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Children of each row, plus a bit where a piece must end; rows that join at a piece's start.

    A count of exactly 1 means that the next row continues. A row that leaves from the first point
    after a soma joins the start of that piece, which would otherwise have one point.
    """
    n_child = np.zeros(len(table))
    at_start = np.zeros(len(table), dtype=bool)
    for row in range(1, len(table)):
        parent = table.parent[row]
        n_child[parent] += 1.0
        if parent != row - 1:
            n_child[parent] += 0.01
            if _begins_piece(table, parent):
                at_start[row] = True
                n_child[parent] = 1.0
        if table.type[parent] != table.type[row]:
            n_child[parent] += 0.01
    return n_child, at_start


def _begins_piece(table: Table, row: int) -> bool:
    """Is this row no soma, and the root or the first after a soma (but the second row never)?"""
    if table.is_soma[row] or row == 1:
        return False
    return row == 0 or bool(table.is_soma[table.parent[row]])


def _is_three_point_sphere(table: Table, n_child: np.ndarray) -> bool:
    """Is the soma a sphere as neuromorpho.org writes it: a centre, two points a radius away?"""
    if table.is_soma.sum() != 3 or len(table) < 3:
        return False
    x, diam = table.points[:3, :3], table.points[:3, 3]
    if table.parent[1] != 0 or table.parent[2] != 0 or n_child[1] or n_child[2]:
        return False
    length = float(np.linalg.norm(x[1] - x[0]) + np.linalg.norm(x[2] - x[0]))
    return bool((diam == diam[0]).all() and abs(length / diam[0] - 1.0) < 0.01)


def _parse_row(where: str, fields: list[str]) -> list[float]:
    """The seven numbers of a row, checked."""
    if len(fields) < 7:
        found = f"{len(fields)} values"
        raise InputError(where, f"found {found}; a row is id, type, x, y, z, radius, parent id")
    try:
        values = [float(field) for field in fields[:7]]
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise InputError(where, f'"{wrong}" is not a number') from None
    if not np.isfinite(values).all():
        raise InputError(where, "a value is not finite")
    for name, value in (("id", values[0]), ("type", values[1]), ("parent id", values[6])):
        if value != int(value):
            raise InputError(where, f"{name} is {value}; it must be a whole number")
    if values[5] <= 0.0:
        raise InputError(where, f"radius is {values[5]:g} um; it must be positive")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_parents(
    path: Path, rows: dict[int, tuple[int, list[float]]], ids: list[int]
) -> np.ndarray:
    """Row of each parent, -1 at the one root."""
    row_of_id = {point_id: row for row, point_id in enumerate(ids)}
    parents = np.full(len(ids), -1, dtype=np.int64)
    roots = []
    for row, point_id in enumerate(ids):
        number, values = rows[point_id]
        parent = int(values[6])
        if parent < 0:
            roots.append(number)
        elif parent not in row_of_id:
            raise InputError(f"{path}:{number}", f"parent {parent} of point {point_id} is missing")
        elif parent >= point_id:
            problem = f"parent {parent} of point {point_id}; a parent's id must be the smaller"
            raise InputError(f"{path}:{number}", problem)
        else:
            parents[row] = row_of_id[parent]
    if len(roots) > 1:
        found = f"a second root, the first is in line {roots[0]}"
        raise InputError(f"{path}:{roots[1]}", f"{found}; a morphology has one root (parent -1)")
    return parents
