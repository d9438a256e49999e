"""LINEAR blocks: equations ~ a = b, linear in the states, solved at once.

The pivots are chosen when compiling, from the values that the matrix has at default parameters and
a few voltages: large enough everywhere, and filling in least.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kernels.nmodl import tree
from kernels.nmodl.build import assign, neg, num, sub
from kernels.nmodl.dataflow import loads_of
from kernels.nmodl.elimination import Choice, Row, eliminate
from kernels.nmodl.linear import split_linear
from kernels.nmodl.python import run
from kernels.nmodl.translate import Body, Environment, Translator, check_size

VOLTAGES = (-90.0, -65.0, -35.0, 0.0, 30.0)
THRESHOLD = 0.05  # of the largest element of the row


def solve_linear(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Put the solution of a LINEAR block into `out`.

    Raises:
        NmodlError: an equation is not linear, or there are not as many as states.
    """
    equations: list[tuple[tree.Equation, ast.expr]] = []

    def collect(statement: tree.Equation, env: Environment, out: Body) -> None:
        left = translator.expression(statement.left, env, out)
        equations.append((statement, sub(left, translator.expression(statement.right, env, out))))

    body: Body = []
    with translator.hooked(equation=collect):
        translator.block(routine.body, env, body)
    states = states_of(translator, routine, [equation for _, equation in equations])
    check_size(translator, routine, len(states))
    rows, right = [], []
    for statement, equation in equations:
        row, rest = _row(translator, statement, equation, states)
        rows.append(row)
        right.append(neg(rest))
    out += body
    choose = choose_pivots(translator, body, rows)
    unknowns = eliminate(rows, right, translator.fresh, out, choose)
    out += [assign(s, x) for s, x in zip(states, unknowns, strict=True)]


def states_of(
    translator: Translator, routine: tree.Routine, equations: Sequence[ast.expr]
) -> list[str]:
    """The unknowns of a block: what SOLVEFOR lists, or the states that its equations name.

    Raises:
        NmodlError: there are not as many as equations.
    """
    symbols = translator.symbols
    named = {n.id for e in equations for n in ast.walk(e) if isinstance(n, ast.Name)}
    listed = [s for n in routine.solvefor for s in symbols.scalars(n)]
    states = listed or [s for s in [*symbols.states, *sorted(symbols.ion_states)] if s in named]
    if len(states) != len(equations):
        found = f"{len(equations)} equations for {len(states)} states"
        raise translator.error(routine.at, f"{routine.keyword} {routine.name} has {found}")
    return states


def _row(
    translator: Translator, statement: tree.Equation, equation: ast.expr, states: list[str]
) -> tuple[Row, ast.expr]:
    """Coefficients of the states in one equation, and what is left."""
    row: Row = {}
    rest = equation
    for j, state in enumerate(states):
        split = split_linear(rest, state)
        if split is None:
            raise translator.error(statement.at, f"the equation is not linear in {state}")
        split = split.spread()
        if split.b is not None:
            row[j] = split.b
        rest = split.a if split.a is not None else num(0.0)
    return row, rest


def choose_pivots(translator: Translator, body: Body, rows: list[Row]) -> Choice:
    """The order of the pivots, by elimination of sampled matrices."""
    samples = [_sample(translator, body, rows, v) for v in VOLTAGES]
    matrices = [m for m in samples if m is not None]
    order: list[tuple[int, int]] = []
    left_rows, left_columns = list(range(len(rows))), list(range(len(rows)))
    while left_rows:
        p, q = _best(matrices, left_rows, left_columns)
        order.append((p, q))
        left_rows.remove(p)
        left_columns.remove(q)
        for matrix in matrices:
            for i in left_rows:
                factor = matrix[i].get(q, 0.0) / (matrix[p].get(q, 0.0) or 1.0)
                for j in left_columns:
                    if q in matrix[i] and j in matrix[p]:
                        matrix[i][j] = matrix[i].get(j, 0.0) - factor * matrix[p][j]
    chosen = iter(order)
    return lambda rows, left_rows, left_columns: next(chosen)


def _best(
    matrices: list[dict[int, dict[int, float]]], left_rows: list[int], left_columns: list[int]
) -> tuple[int, int]:
    """Of the elements large enough in their row in every sample, the one that fills in least."""

    def cost(i: int, j: int) -> tuple[float, float]:
        weakest = 1.0
        for matrix in matrices:
            largest = max((abs(matrix[i].get(k, 0.0)) for k in left_columns), default=0.0)
            weakest = min(weakest, abs(matrix[i].get(j, 0.0)) / largest if largest else 0.0)
        pattern = matrices[0] if matrices else {}
        in_row = sum(1 for k in left_columns if k in pattern.get(i, {}))
        in_column = sum(1 for r in left_rows if j in pattern.get(r, {}))
        fill = (in_row - 1) * (in_column - 1)
        return (float(fill), -weakest) if weakest >= THRESHOLD else (1e9, -weakest)

    return min(((i, j) for i in left_rows for j in left_columns), key=lambda p: (*cost(*p), p))


def _sample(
    translator: Translator, body: Body, rows: list[Row], v: float
) -> dict[int, dict[int, float]] | None:
    """The matrix at default values and one voltage."""
    symbols = translator.symbols
    values = {n: x.default for n, x in {**symbols.globals, **symbols.instance()}.items()}
    values.update({"v": v, "celsius": 25.0, "dt": 0.025, "t": 0.0, "diam": 1.0, "area": 100.0})
    marks = [assign(f"_entry_{i}_{j}", e) for i, row in enumerate(rows) for j, e in row.items()]
    statements = [*body, *marks]
    for missing in loads_of(statements) - set(values):
        values[missing] = 1.0
    try:
        run(statements, values, {"table": lambda i: 1.0})
        return {i: {j: float(values[f"_entry_{i}_{j}"]) for j in row} for i, row in enumerate(rows)}
    except (ArithmeticError, ValueError, TypeError):
        return None
