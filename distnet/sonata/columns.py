"""Columns of node and edge populations, which lie in HDF5 groups and in a table of types.

A value in HDF5 goes before the one in the table. Read with h5py: libsonata sees neither the tables
nor any group but "0", and looks for indices under another name than BMTK gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from distnet.errors import InputError
from distnet.sonata.types_table import TypesTable, Value

#: Values that are read though nobody asked, to read two stretches of a dataset at once.
GAP = 4096


def take(dataset: h5py.Dataset, index: np.ndarray) -> np.ndarray:
    """Values of a dataset at some places, read stretch by stretch.

    Args:
        dataset: one-dimensional, or of two dimensions, when whole rows are taken.
        index: (n,) places, in any order.

    Raises:
        IndexError: a place is beyond the end.
    """
    out = np.empty((len(index), *dataset.shape[1:]), dtype=dataset.dtype)
    if len(index) == 0:
        return out
    order = np.argsort(index, kind="stable")
    ascending = index[order]
    if ascending[0] < 0 or ascending[-1] >= len(dataset):
        raise IndexError(f"{dataset.name} has {len(dataset)} values")
    cuts = np.flatnonzero(np.diff(ascending) > GAP) + 1
    for places in np.split(np.arange(len(index)), cuts):
        wanted = ascending[places]
        stretch = dataset[wanted[0] : wanted[-1] + 1]
        out[order[places]] = stretch[wanted - wanted[0]]
    return out


def expand(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """All integers of some ranges, one range after the other.

    >>> expand(np.array([3, 9]), np.array([5, 12])).tolist()
    [3, 4, 9, 10, 11]
    """
    length = np.maximum(stop - start, 0)
    before = np.cumsum(length) - length
    return np.repeat(start - before, length) + np.arange(length.sum())


@dataclass(frozen=True)
class Rows:
    """Some nodes or edges: where to look up their attributes."""

    root: h5py.Group  # /nodes/<population> or /edges/<population>
    types: TypesTable | None
    where: str  # for messages
    type_id: np.ndarray  # (n,) i8
    group: np.ndarray  # (n,) i8
    index: np.ndarray  # (n,) i8, in the group

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.type_id)


def read_rows(
    root: h5py.Group, prefix: str, types: TypesTable | None, where: str, ids: np.ndarray
) -> Rows:
    """Find out where the attributes of some nodes or edges lie.

    Args:
        root: the population.
        prefix: "node" or "edge".
        types: its table of types, if it has one.
        where: names the population, for messages.
        ids: (n,) rows of the population's datasets.

    Raises:
        InputError: a dataset is missing or too short.
    """

    def column(name: str, default: np.ndarray | None) -> np.ndarray:
        if name not in root:
            if default is not None:
                return default
            raise InputError(where, f'the dataset "{name}" is missing')
        try:
            return take(root[name], ids).astype(np.int64)
        except IndexError as problem:
            raise InputError(where, f'the dataset "{name}" is too short: {problem}') from None

    return Rows(
        root,
        types,
        where,
        column(f"{prefix}_type_id", None if types else np.full(len(ids), -1)),
        column(f"{prefix}_group_id", np.zeros(len(ids), dtype=np.int64)),
        column(f"{prefix}_group_index", ids.astype(np.int64)),
    )


def stored(rows: Rows, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """What HDF5 holds of a column, group by group: rows, (k,) i8, and their values, (k,)."""
    found = []
    for group in np.unique(rows.group):
        dataset = rows.root.get(f"{group}/{name}")
        if isinstance(dataset, h5py.Dataset):
            at = np.flatnonzero(rows.group == group)
            try:
                values = take(dataset, rows.index[at])
            except IndexError as problem:
                raise InputError(
                    rows.where, f'the column "{name}" is too short: {problem}'
                ) from None
            found.append((at, decode(values, rows.root.get(f"{group}/@library/{name}"))))
    return found


def decode(values: np.ndarray, library: h5py.Dataset | None) -> np.ndarray:
    """Texts instead of bytes, and instead of places in a library of texts."""
    if library is not None:
        return library.asstr()[()][values.astype(np.int64)]
    if values.dtype.kind == "S":
        return np.char.decode(values).astype(object)
    if values.dtype.kind == "O":
        return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)
    return values


def by_type(rows: Rows, name: str) -> tuple[np.ndarray, list[Value]]:
    """What the table of types holds of a column: (n,) codes, and the value of each code."""
    if rows.types is None:
        return np.zeros(rows.n, dtype=np.int64), [None]
    types, code = np.unique(rows.type_id, return_inverse=True)
    return code, [rows.types.value(int(t), name) for t in types]


def numbers(rows: Rows, *names: str) -> np.ndarray:
    """A column of numbers under the first of some names that has a value.

    Returns:
        (n,) f8, NaN where there is none.

    Raises:
        InputError: a value is not a number.
    """
    out = np.full(rows.n, np.nan)
    for name in reversed(names):
        code, values = by_type(rows, name)
        for value in values:
            if isinstance(value, str):
                raise InputError(rows.where, f'{name} is "{value}" where a number is expected')
        column = np.array([np.nan if v is None else v for v in values], dtype=np.float64)[code]
        for at, given in stored(rows, name):
            if given.dtype.kind not in "iufb":
                raise InputError(rows.where, f'the column "{name}" does not hold numbers')
            column[at] = np.where(np.isnan(given), column[at], given)
        out = np.where(np.isnan(column), out, column)
    return out


def coded(rows: Rows, name: str) -> tuple[np.ndarray, list[Value]]:
    """A column of any values: (n,) codes, and the value of each code, None for no value."""
    code, values = by_type(rows, name)
    for at, given in stored(rows, name):
        unique, place = np.unique(given.astype(object), return_inverse=True)
        code = code.copy()
        code[at] = len(values) + place
        values = values + [None if v in ("", "NULL") else plain(v) for v in unique]
    return code, values


def plain(value: object) -> Value:
    """A Python value instead of NumPy's."""
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[return-value]


def names(rows: Rows) -> list[str]:
    """Names of all columns."""
    found = set(rows.types.columns) if rows.types else set()
    for group in np.unique(rows.group):
        held = rows.root.get(str(group))
        if isinstance(held, h5py.Group):
            found |= {n for n, item in held.items() if isinstance(item, h5py.Dataset)}
    return sorted(found)
