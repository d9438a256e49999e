"""A mechanism with the values that one simulation gives to its GLOBALs and to celsius put in."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

import numpy as np

from kernels.block import Block
from kernels.errors import KernelsError
from kernels.function_table import append_function_tables
from kernels.intrinsics import INTRINSICS
from kernels.mechanism import Kernel, Mechanism, Table
from kernels.nmodl.optimise import fold
from kernels.nmodl.python import run

#: Rows of a TABLE from which its values are kept on disk: they take some 80 us each to compute.
LONG = 1000


def constants_of(block: Block, mechanism: Mechanism) -> dict[str, float]:
    """GLOBAL values of a mechanism in this block, and celsius.

    Raises:
        KernelsError: the block has no value for an EXTERNAL.
    """
    own = mechanism.name
    for name in mechanism.externals:
        if (own, name) not in block.globals:
            raise KernelsError(
                f"mechanism {own}: EXTERNAL {name} has no value; "
                f'give it to Settings(globals={{("{own}", "{name}"): value}})'
            )
    values = {name: variable.default for name, variable in mechanism.globals.items()}
    values.update({v: x for (name, v), x in block.globals.items() if name == mechanism.name})
    return {**values, "celsius": block.celsius}


def specialise(mechanism: Mechanism, constants: dict[str, float]) -> Mechanism:
    """Fold constants into every kernel."""

    def folded(kernel: Kernel) -> Kernel:
        loads = tuple(name for name in kernel.loads if name not in constants)
        body = tuple(fold(kernel.body, constants))
        return dataclasses.replace(kernel, body=(*_remaining(body, constants), *body), loads=loads)

    kernels: dict[str, Any] = {name: folded(kernel) for name, kernel in mechanism.kernels().items()}
    return dataclasses.replace(mechanism, **kernels)


def _remaining(body: tuple[ast.stmt, ...], constants: dict[str, float]) -> list[ast.stmt]:
    """Assignments of the constants that folding left in place."""
    used = {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    return [
        ast.parse(f"{name} = {constants[name]!r}").body[0] for name in sorted(used & {*constants})
    ]


def build_table(block: Block, mechanism: Mechanism, constants: dict[str, float]) -> np.ndarray:
    """All tables of a mechanism in one array, at the offsets that its kernels use.

    Raises:
        KernelsError: the block has no values for a FUNCTION_TABLE.
    """
    size = max((t.offset + (t.n + 1) * len(t.outputs) for t in mechanism.tables), default=0)
    values = np.zeros(max(size, 2 * len(mechanism.function_tables)))
    defaults = {n: v.default for n, v in mechanism.variables().items()}
    for table in mechanism.tables:
        columns = _columns(mechanism.name, table, {**defaults, **constants, "dt": block.dt})
        values[table.offset : table.offset + columns.size] = columns.ravel()
    return append_function_tables(values, mechanism, block.function_tables)


def _columns(name: str, table: Table, values: dict[str, float]) -> np.ndarray:
    """(outputs, n + 1) f8 values of a TABLE; long ones are kept on disk."""
    used = {n.id for s in table.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    space = {key: values[key] for key in sorted({*used, *table.outputs} & set(values))}
    if table.n < LONG:
        return _evaluate(table, space)
    from kernels.cpu.cache import array

    text = ast.unparse(ast.Module(list(table.body), []))
    limits = (table.argument, table.start, table.stop, table.n, table.outputs)
    return array(f"{name}_table", f"{text}\n{space!r}\n{limits!r}", lambda: _evaluate(table, space))


def _evaluate(table: Table, values: dict[str, float]) -> np.ndarray:
    rows = np.zeros((table.n + 1, len(table.outputs)))
    step = (table.stop - table.start) / table.n
    x = table.start
    for row in rows:
        result = run(table.body, {**values, table.argument: x}, INTRINSICS)
        row[:] = [result[output] for output in table.outputs]
        x += step
    return rows.T
