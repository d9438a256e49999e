"""Gaussian elimination of a small sparse system, written out as statements.

The order of the pivots is chosen once, by the pattern of zeros; zeros are never computed with.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from kernels.nmodl.build import add, assign, div, mul, name, num, sub, value_of
from kernels.nmodl.translate import Body

Row = dict[int, ast.expr]  # column -> element; what is not there is zero
#: chooses the next pivot (row, column) among those left
Choice = Callable[[list[Row], list[int], list[int]], tuple[int, int]]


class Undetermined(Exception):
    """The pattern of zeros alone makes a system singular."""


def diagonal(rows: list[Row], left_rows: list[int], left_columns: list[int]) -> tuple[int, int]:
    """The pivot on the diagonal that fills in least (Markowitz); ties go to the first."""

    def fill(i: int) -> int:
        in_row = sum(1 for j in rows[i] if j in left_columns)
        in_column = sum(1 for r in left_rows if i in rows[r])
        return (in_row - 1) * (in_column - 1)

    best = min(left_rows, key=lambda i: (fill(i), i))
    return best, best


def eliminate(
    rows: list[Row],
    right: Sequence[ast.expr],
    fresh: Callable[[str], str],
    out: Body,
    choose: Choice = diagonal,
) -> list[ast.expr]:
    """Solve rows * x = right by statements put into `out`.

    Returns:
        the unknowns, each an expression that may be read from now on.

    Raises:
        Undetermined: a pivot is missing.
    """
    n = len(rows)
    rows = [{j: _kept(e, "a", fresh, out) for j, e in sorted(row.items())} for row in rows]
    right = [_kept(e, "b", fresh, out) for e in right]
    left_rows, left_columns = list(range(n)), list(range(n))
    pivots: list[tuple[int, int, ast.expr]] = []
    for _ in range(n):
        p, q = choose(rows, left_rows, left_columns)
        if q not in rows[p]:
            raise Undetermined
        inverse = _kept(div(num(1.0), rows[p][q]), "inverse", fresh, out)
        pivots.append((p, q, inverse))
        left_rows.remove(p)
        left_columns.remove(q)
        for i in left_rows:
            if q not in rows[i]:
                continue
            factor = _kept(mul(rows[i].pop(q), inverse), "factor", fresh, out)
            for j, element in rows[p].items():
                if j in left_columns:
                    term = mul(factor, element)
                    updated = sub(rows[i].get(j, num(0.0)), term)
                    rows[i][j] = _kept(updated, "a", fresh, out)
            right[i] = _kept(sub(right[i], mul(factor, right[p])), "b", fresh, out)
    return _substitute(rows, right, pivots, fresh, out)


def _substitute(
    rows: list[Row],
    right: list[ast.expr],
    pivots: list[tuple[int, int, ast.expr]],
    fresh: Callable[[str], str],
    out: Body,
) -> list[ast.expr]:
    unknowns: dict[int, ast.expr] = {}
    for p, q, inverse in reversed(pivots):
        rest = right[p]
        for j, element in rows[p].items():
            if j != q and j in unknowns:
                rest = sub(rest, mul(element, unknowns[j]))
        unknowns[q] = _kept(mul(rest, inverse), "x", fresh, out)
    return [unknowns[q] for q in range(len(rows))]


def _kept(value: ast.expr, stem: str, fresh: Callable[[str], str], out: Body) -> ast.expr:
    """The value in a temporary, unless it is a constant or a temporary already."""
    if (isinstance(value, ast.Name) and value.id.startswith("_")) or value_of(value) is not None:
        return value
    target = fresh(stem)
    out.append(assign(target, value))
    return name(target)


def accumulate(row: Row, column: int, value: ast.expr) -> None:
    """Add to an element of a row."""
    row[column] = add(row[column], value) if column in row else value
