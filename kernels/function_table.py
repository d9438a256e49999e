"""FUNCTION_TABLEs: values that the user gives, behind a mechanism's TABLEs in one array.

Place 2 k of the array holds where table k begins, place 2 k + 1 its number n of rows; there lie n
rising arguments and then n values.
"""

from __future__ import annotations

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
    for k, name in enumerate(mechanism.function_tables):
        x, y = _checked(mechanism.name, name, given)
        values[2 * k : 2 * k + 2] = end, len(x)
        parts += [x, y]
        end += 2 * len(x)
    return np.concatenate(parts)


def _checked(mechanism: str, name: str, given: FunctionTables) -> tuple[np.ndarray, np.ndarray]:
    where = f"mechanism {mechanism}: FUNCTION_TABLE {name}"
    if (mechanism, name) not in given:
        raise KernelsError(
            f"{where} has no values; give them to Settings(function_tables="
            f'{{("{mechanism}", "{name}"): (arguments, values)}})'
        )
    x, y = (np.atleast_1d(np.asarray(part, np.float64)) for part in given[mechanism, name])
    if x.ndim != 1 or x.shape != y.shape or not len(x) or not (np.diff(x) > 0.0).all():
        raise KernelsError(
            f"{where} has {x.shape} arguments and {y.shape} values; "
            "expected as many of both, arguments rising"
        )
    return x, y
