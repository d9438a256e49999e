"""TABLE: rows made once, and the interpolation that replaces a call.

As NEURON has it: rows at start + i * (stop - start) / n, that step added up; linear between rows;
the first and last row outside.
"""

from __future__ import annotations

import ast

from kernels.mechanism import SPECIAL, Table
from kernels.nmodl import tree
from kernels.nmodl.build import assign, binary, call, name, num, value_of
from kernels.nmodl.dataflow import loads_of, stores_of, zero_unset
from kernels.nmodl.function_tables import arguments_of
from kernels.nmodl.optimise import optimise
from kernels.nmodl.translate import Body, Translator

MAX_INTERVALS = 100_000


class Tables:
    """The tables of one file, made when first used; `look_up` is `Translator.table`."""

    def __init__(self, translator: Translator):
        self.translator = translator
        self.made: dict[str, Table] = {}
        self.size = 2 * len(arguments_of(translator.file))  # heads of FUNCTION_TABLEs come first
        self._making = False
        #: statements that set, before INITIAL, what making the tables leaves behind
        self.side_effects: Body = []

    def look_up(self, routine: tree.Routine, argument: ast.expr, out: Body) -> ast.expr | None:
        """Replace a call by interpolation.

        Returns:
            the value of a FUNCTION, 0 for a PROCEDURE, None where the routine has no TABLE.
        """
        statement = table_statement(routine)
        if statement is None or self._making:
            return None
        if routine.name not in self.made:
            self.made[routine.name] = self._make(routine, statement)
        return self._interpolate(routine, self.made[routine.name], argument, out)

    def _make(self, routine: tree.Routine, statement: tree.TableStatement) -> Table:
        translator = self.translator
        n = translator.integer(statement.n, {})
        if not 1 <= n <= MAX_INTERVALS:
            found = f"TABLE has 1 to {MAX_INTERVALS} intervals, found {n}"
            raise translator.error(statement.at, found)
        start, stop = self._bound(statement.first), self._bound(statement.last)
        if not stop > start:
            raise translator.error(statement.at, f"TABLE from {start:g} to {stop:g} is empty")
        self._making = True
        body: Body = []
        argument = translator.fresh(f"argument_{routine.name}")
        try:
            result = translator.inline(routine, [name(argument)], routine.at, body)
        finally:
            self._making = False
        if routine.keyword == "FUNCTION":
            assert result is not None
            outputs: tuple[str, ...] = (translator.fresh(f"value_{routine.name}"),)
            body.append(assign(outputs[0], result))
        else:
            outputs = self._outputs(statement)
        self._keep_side_effects(body, argument, stop, outputs)
        statements = optimise(zero_unset(body, argument), outputs)
        self._check_known(routine, statement, loads_of(statements))
        table = Table(argument, start, stop, n, outputs, self.size, statements)
        self.size += (n + 1) * len(outputs)
        return table

    def _outputs(self, statement: tree.TableStatement) -> tuple[str, ...]:
        """The variables of a PROCEDURE's table; of an array all elements."""
        translator, symbols = self.translator, self.translator.symbols
        for output in statement.names:
            translator.target(tree.Name(statement.at, output), {})
        return tuple(s for output in statement.names for s in symbols.scalars(output))

    def _keep_side_effects(
        self, body: Body, argument: str, stop: float, outputs: tuple[str, ...]
    ) -> None:
        """Remember what else making the last row sets: other code may count on it, in NEURON."""
        others = stores_of(body) & self.translator.symbols.storable() - set(outputs)
        if others:
            self.side_effects += [assign(argument, num(stop)), *body]

    def _check_known(
        self, routine: tree.Routine, statement: tree.TableStatement, used: set[str]
    ) -> None:
        """Rows are made before the run: what one moment or one place has cannot be in them."""
        symbols = self.translator.symbols
        moving = {*SPECIAL, *symbols.ion_variables, *symbols.pointers} - {"celsius", "dt"}
        for found in sorted(used & moving):
            text = f"the TABLE of {routine.name} holds values of its argument, found {found}"
            raise self.translator.error(statement.at, text)

    def _bound(self, node: tree.Expression) -> float:
        """An end of the table, from constants and default values."""
        translator = self.translator
        out: Body = []
        out.append(assign("_bound", translator.expression(node, {}, out)))
        symbols = translator.symbols
        defaults = {**symbols.globals, **symbols.parameters}
        known = {n: v.default for n, v in defaults.items()}
        last = optimise(out, ["_bound"], known)[-1]
        value = value_of(last.value) if isinstance(last, ast.Assign) else None
        if value is None:
            raise translator.error(node.at, "expected a bound known when compiling")
        return value

    def _interpolate(
        self, routine: tree.Routine, table: Table, argument: ast.expr, out: Body
    ) -> ast.expr:
        fresh = self.translator.fresh
        place, row, after, part = (fresh(s) for s in ("place", "row", "after", "part"))
        last = num(float(table.n))
        per = 1.0 / ((table.stop - table.start) / table.n)
        shifted = binary(ast.Sub(), argument, num(table.start))
        scaled = binary(ast.Mult(), num(per), shifted)
        out.append(assign(place, call("min", call("max", scaled, num(0.0)), last)))
        out.append(assign(row, call("floor", name(place))))
        out.append(assign(after, call("min", binary(ast.Add(), name(row), num(1.0)), last)))
        out.append(assign(part, binary(ast.Sub(), name(place), name(row))))
        value: ast.expr = num(0.0)
        for i, output in enumerate(table.outputs):
            start = num(float(table.offset + (table.n + 1) * i))
            low, high = (call("table", binary(ast.Add(), name(r), start)) for r in (row, after))
            low_value = fresh("low")
            target = fresh(output) if routine.keyword == "FUNCTION" else output
            out.append(assign(low_value, low))
            slope = binary(ast.Sub(), high, name(low_value))
            step = binary(ast.Mult(), name(part), slope)
            out.append(assign(target, binary(ast.Add(), name(low_value), step)))
            if routine.keyword == "FUNCTION":
                value = name(target)
        return value


def table_statement(routine: tree.Routine) -> tree.TableStatement | None:
    """The TABLE of a routine."""
    for statement in routine.body.statements:
        if isinstance(statement, tree.TableStatement):
            return statement
    return None
