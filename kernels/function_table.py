"""FUNCTION_TABLEs: values that the user gives, behind a mechanism's TABLEs in one array.

Place 2 k of the array holds where table k begins, place 2 k + 1 its number n of rows; there lie n
rising arguments and then n values. A table of several arguments begins with how many values each of
them has; then come those values, argument after argument, and the table, the last argument fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.block import FunctionTables
from kernels.errors import KernelsError
from kernels.mechanism import Mechanism


def append_function_tables(
    values: np.ndarray, mechanism: Mechanism, given: FunctionTables
) -> np.ndarray:
    """The array of a mechanism's tables with its FUNCTION_TABLEs in it.

    Raises:
        KernelsError: the user gave no values for one, or wrong ones.
    """
    parts, end = [values], len(values)
    for k, (name, n_args) in enumerate(mechanism.function_tables.items()):
        if n_args == 1:
            x, y = _checked(mechanism.name, name, given)
            values[2 * k : 2 * k + 2] = end, len(x)
            own = [x, y]
        else:
            own = _checked_many(mechanism.name, name, n_args, given)
            values[2 * k] = end
        parts += own
        end += sum(map(len, own))
    return np.concatenate(parts)


def empty_table(n_args: int) -> tuple[Sequence[Any], Any]:
    """A table that is 0 everywhere."""
    one = [0.0]
    return (one, one) if n_args == 1 else ([one] * n_args, np.zeros((1,) * n_args))


def _given(mechanism: str, name: str, given: FunctionTables) -> tuple[str, Any, Any]:
    where = f"mechanism {mechanism}: FUNCTION_TABLE {name}"
    if (mechanism, name) not in given:
        raise KernelsError(
            f"{where} has no values; give them to Settings(function_tables="
            f'{{("{mechanism}", "{name}"): (arguments, values)}})'
        )
    return where, *given[mechanism, name]


def _checked(mechanism: str, name: str, given: FunctionTables) -> tuple[np.ndarray, np.ndarray]:
    where, *both = _given(mechanism, name, given)
    x, y = (np.atleast_1d(np.asarray(part, np.float64)) for part in both)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or not (np.diff(x) > 0.0).all():
        raise KernelsError(
            f"{where} has {x.shape} arguments and {y.shape} values; "
            "expected as many of both, arguments rising"
        )
    return x, y


def _checked_many(
    mechanism: str, name: str, n_args: int, given: FunctionTables
) -> list[np.ndarray]:
    where, arguments, table = _given(mechanism, name, given)
    axes = [np.atleast_1d(np.asarray(axis, np.float64)) for axis in arguments]
    values = np.asarray(table, np.float64)
    shape = tuple(len(axis) for axis in axes)
    rising = all(axis.ndim == 1 and (np.diff(axis) > 0.0).all() for axis in axes)
    if len(axes) != n_args or values.shape != shape or not values.size or not rising:
        raise KernelsError(
            f"{where} has {n_args} arguments; found {shape} of them and values of shape "
            f"{values.shape}; expected rising arguments and a value for each combination"
        )
    return [np.array(shape, np.float64), *axes, values.ravel()]
