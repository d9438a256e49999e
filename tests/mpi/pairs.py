"""Few rows in which every pair of choices meets: greedy, the same answer every time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

Row = tuple[Any, ...]


def pairs_of(row: Row) -> set[tuple[int, Any, int, Any]]:
    """All pairs of choices in a row, by column."""
    return {(i, row[i], j, row[j]) for i, j in itertools.combinations(range(len(row)), 2)}


def all_pairs(columns: Sequence[Sequence[Any]]) -> set[tuple[int, Any, int, Any]]:
    """Every pair of choices of two columns."""
    pairs = set()
    for i, j in itertools.combinations(range(len(columns)), 2):
        pairs |= {(i, a, j, b) for a in columns[i] for b in columns[j]}
    return pairs


def pairwise(columns: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows, one choice of each column, that together hold every pair.

    >>> len(pairwise(["ab", "cd", "ef"]))
    4
    """
    left = all_pairs(columns)
    every = list(itertools.product(*columns))
    rows = []
    while left:
        best = max(every, key=lambda row: len(pairs_of(row) & left))
        rows.append(best)
        left -= pairs_of(best)
    return rows
