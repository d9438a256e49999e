"""Tables of node types and edge types: columns separated by single spaces, NULL for no value.

libsonata reads no type tables, so they are read with csv.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from distnet.errors import InputError

Value = str | int | float | None

#: Texts that stand for no value.
NULL = frozenset(("", "NULL", "null", "NONE", "None", "NaN", "nan", "NA", "N/A"))


@dataclass(frozen=True)
class TypesTable:
    """Attributes shared by all nodes or edges of a type."""

    file: Path
    key: str  # "node_type_id" or "edge_type_id"
    columns: tuple[str, ...]  # without the key
    rows: dict[int, dict[str, Value]]  # type id -> column -> value

    def value(self, type_id: int, column: str) -> Value:
        """An attribute of a type; None where it has none.

        Raises:
            InputError: the table has no such type.
        """
        if type_id not in self.rows:
            known = ", ".join(str(t) for t in sorted(self.rows)[:20])
            raise InputError(
                self.file, f"{self.key} {type_id} is not in the table, which has {known}"
            )
        return self.rows[type_id].get(column)


def read_types(path: Path, key: str) -> TypesTable:
    """Read a table of types.

    Args:
        path: the table.
        key: the column that identifies a type, "node_type_id" or "edge_type_id".

    Raises:
        InputError: a row is of another length than the head, or a type id is wrong or twice there.
    """
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    table = csv.reader(lines, delimiter=" ", quotechar='"')
    columns = next(table, [])
    if key not in columns:
        raise InputError(f"{path}:1", f"has no column {key}; found {', '.join(columns)}")
    rows: dict[int, dict[str, Value]] = {}
    for cells in table:
        if not cells:
            continue
        where = f"{path}:{table.line_num}"
        if len(cells) != len(columns):
            problem = (
                f"has {len(cells)} values separated by single spaces, but {len(columns)} columns"
            )
            raise InputError(where, problem)
        row = {name: parse(text) for name, text in zip(columns, cells, strict=True)}
        type_id = row.pop(key)
        if not isinstance(type_id, int) or type_id in rows:
            problem = "is there twice" if type_id in rows else "is not a whole number"
            raise InputError(where, f"{key} {type_id} {problem}")
        rows[type_id] = row
    return TypesTable(path, key, tuple(c for c in columns if c != key), rows)


def parse(text: str) -> Value:
    """A value of a table: a number where it reads as one, None for NULL.

    >>> parse("3"), parse("0.5"), parse("NULL"), parse("Exp2Syn")
    (3, 0.5, None, 'Exp2Syn')
    """
    if text in NULL:
        return None
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
