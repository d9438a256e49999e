"""Statements and expressions of the tree to the lowered form, with every routine inlined.

Names of LOCALs, arguments and results become temporaries; a call inside an expression becomes
statements before it. What an equation, a reaction or a SOLVE means is decided by the solver that
put itself into `Translator.hooks`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kernels.errors import NmodlError
from kernels.mechanism import SPECIAL
from kernels.nmodl import tree
from kernels.nmodl.arrays import is_dynamic, read_element, set_element
from kernels.nmodl.build import (
    Fresh,
    assign,
    branch,
    call,
    compare,
    div,
    integer_power,
    mangle,
    name,
    neg,
    num,
    value_of,
)  # fmt: skip
from kernels.nmodl.function_tables import look_up
from kernels.nmodl.functions import (
    EVENT_CALLS,
    FUNCTIONS,
    IGNORED,
    RENAMED,
    unknown_function,
)
from kernels.nmodl.loops import lower_from, lower_while
from kernels.nmodl.optimise import fold_expression
from kernels.nmodl.problems import together
from kernels.nmodl.random import call_random, is_random
from kernels.nmodl.returns import without_returns
from kernels.nmodl.scanner import Position
from kernels.nmodl.symbols import Symbols, element

_OPERATORS: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(),
}  # fmt: skip
_COMPARISONS: dict[str, ast.cmpop] = {
    "<": ast.Lt(), ">": ast.Gt(), "<=": ast.LtE(), ">=": ast.GtE(),
    "==": ast.Eq(), "!=": ast.NotEq(),
}  # fmt: skip
MAX_INLINE = 30
MAX_STATEMENTS = 20_000
MAX_UNKNOWNS = 40
MAX_WHOLE = 1_000_000
MAX_POWER = 12

Environment = dict[str, Any]  # name -> its variable (str), value (float) or elements (list[str])
Body = list[ast.stmt]
Hook = Callable[[Any, Environment, Body], None]


class Translator:
    """Lowers the blocks of one file."""

    def __init__(self, file: tree.File, symbols: Symbols):
        self.file, self.symbols = file, symbols
        self.fresh = Fresh()
        self.stack: list[str] = []
        self.n_statements = 0
        #: kind of statement -> what to do with it; see `hooked`
        self.hooks: dict[str, Hook] = {}
        #: replaces a call of a routine with a TABLE: (routine, argument, out) -> value, or None
        self.table: Callable[[tree.Routine, ast.expr, Body], ast.expr | None] | None = None

    def error(self, at: Position, message: str) -> NmodlError:
        return NmodlError(at.file, at.line, at.column, message)

    @contextmanager
    def hooked(self, **hooks: Hook) -> Iterator[None]:
        """Within it, statements of these kinds (derivative, solve, reaction, ...) go to `hooks`."""
        before, self.hooks = self.hooks, {**self.hooks, **hooks}
        try:
            yield
        finally:
            self.hooks = before

    # ---- statements ---------------------------------------------------------------------------

    def block(self, block: tree.Block, env: Environment, out: Body) -> None:
        """Lower a block into `out`; its LOCALs are not seen outside."""
        env = dict(env)
        problems: list[NmodlError] = []
        for statement in without_returns(block).statements:
            self.n_statements += 1
            if self.n_statements > MAX_STATEMENTS:
                raise self.error(statement.at, "the inlined code is too large to compile")
            try:
                self._statement(statement, env, out)
            except NmodlError as problem:
                problems.append(problem)
        if problems:
            raise together(problems)

    def _statement(self, statement: tree.Statement, env: Environment, out: Body) -> None:
        match statement:
            case tree.Assign():
                self._assignment(statement, env, out)
            case tree.CallStatement():
                self._call_statement(statement.call, env, out)
            case tree.If():
                condition = self.condition(statement.condition, env, out)
                body, orelse = (
                    self._branch(statement.body, env),
                    self._branch(statement.orelse, env),
                )
                out += branch(condition, body, orelse)
            case tree.While():
                lower_while(self, statement, env, out)
            case tree.From():
                lower_from(self, statement, env, out)
            case tree.Local():
                for local, length in statement.names:
                    names = [self.fresh(local) for _ in range(max(1, length))]
                    env[local] = names if length else names[0]
            case tree.Verbatim():
                raise self.error(
                    statement.at, "VERBATIM is not supported here; only `return;` alone in it is"
                )
            case tree.TableStatement():
                pass
            case tree.Other(keyword="CONDUCTANCE"):
                pass
            case _:
                self._hooked_statement(statement, env, out)

    def _hooked_statement(self, statement: tree.Statement, env: Environment, out: Body) -> None:
        kind = type(statement).__name__.lower()
        if kind not in self.hooks:
            raise self.error(statement.at, f"{tree.describe(statement)} is not supported here")
        self.hooks[kind](statement, env, out)

    def _branch(self, block: tree.Block, env: Environment) -> Body:
        out: Body = []
        self.block(block, env, out)
        return out

    def _assignment(self, statement: tree.Assign, env: Environment, out: Body) -> None:
        if statement.target.order:
            if "derivative" not in self.hooks:
                raise self.error(
                    statement.at, "a differential equation stands in a DERIVATIVE block"
                )
            self.hooks["derivative"](statement, env, out)
            return
        value = self.expression(statement.value, env, out)
        if is_dynamic(self, statement.target, env):
            set_element(self, statement.target, value, env, out)
        else:
            out.append(assign(self.target(statement.target, env), value))

    def target(self, target: tree.Name, env: Environment) -> str:
        """The variable that an assignment sets."""
        found = self.resolve(target, env)
        if not isinstance(found, ast.Name):
            raise self.error(target.at, f"{target.id} is a constant and cannot be set")
        if found.id in self.symbols.globals and target.id not in env:
            raise self.error(target.at, f"{target.id} cannot be set")
        return found.id

    def integer(self, node: tree.Expression, env: Environment) -> int:
        """The value of an expression that must be a whole number known now."""
        value = value_of(fold_expression(self.expression(node, env, [])))
        if value is None or abs(value) > MAX_WHOLE or value != int(value):
            raise self.error(node.at, "expected a whole number known when compiling")
        return int(value)

    def _call_statement(self, node: tree.Call, env: Environment, out: Body) -> None:
        if node.id in EVENT_CALLS:
            if "event" not in self.hooks:
                raise self.error(node.at, f"{node.id} can only stand in NET_RECEIVE or INITIAL")
            self.hooks["event"](node, env, out)
        elif node.id == "state_discontinuity":
            self._check_args(node, 2)
            if not isinstance(node.args[0], tree.Name):
                raise self.error(node.at, "state_discontinuity(state, value) needs a state")
            value = self.expression(node.args[1], env, out)
            out.append(assign(self.target(node.args[0], env), value))
        elif node.id not in IGNORED:
            self._call(node, env, out)

    def send(self, node: tree.Call, env: Environment, out: Body) -> None:
        """The hook for net_send, net_event and net_move where they are allowed."""
        self._check_args(node, EVENT_CALLS[node.id])
        args = [self.expression(a, env, out) for a in node.args]
        out.append(ast.Expr(call(node.id, *args)))

    # ---- expressions --------------------------------------------------------------------------

    def expression(self, node: tree.Expression, env: Environment, out: Body) -> ast.expr:
        """Lower an expression; statements that it needs first go to `out`."""
        match node:
            case tree.Number():
                return num(node.value)
            case tree.Name():
                if is_dynamic(self, node, env):
                    return read_element(self, node, env, out)
                return self.resolve(node, env)
            case tree.Call():
                value = self._call(node, env, out)
                if value is None:
                    raise self.error(node.at, f"PROCEDURE {node.id} has no value")
                return value
            case tree.Unary(op="-"):
                return neg(self.expression(node.operand, env, out))
            case tree.Binary(op="^"):
                return self._power(node, env, out)
            case tree.Binary() if node.op in _OPERATORS:
                left = self.expression(node.left, env, out)
                right = self.expression(node.right, env, out)
                return ast.BinOp(left, _OPERATORS[node.op], right)
            case tree.Unary() | tree.Binary():
                return self._truth(node, env, out)
        raise self.error(node.at, "a text can only be printed")

    def _truth(self, node: tree.Expression, env: Environment, out: Body) -> ast.expr:
        """A condition used as a number: 1 or 0."""
        test = self.condition(node, env, out)
        truth = self.fresh("truth")
        out.append(ast.If(test, [assign(truth, num(1.0))], [assign(truth, num(0.0))]))
        return name(truth)

    def condition(self, node: tree.Expression, env: Environment, out: Body) -> ast.expr:
        """Lower an expression of which only the truth matters."""
        if isinstance(node, tree.Unary) and node.op == "!":
            return ast.UnaryOp(ast.Not(), self.condition(node.operand, env, out))
        if isinstance(node, tree.Binary) and node.op in ("&&", "||"):
            op = ast.And() if node.op == "&&" else ast.Or()
            sides = [self.condition(n, env, out) for n in (node.left, node.right)]
            return ast.BoolOp(op, sides)
        if isinstance(node, tree.Binary) and node.op in _COMPARISONS:
            left = self.expression(node.left, env, out)
            right = self.expression(node.right, env, out)
            return compare(left, _COMPARISONS[node.op], right)
        return compare(self.expression(node, env, out), ast.NotEq(), num(0.0))

    def resolve(self, node: tree.Name, env: Environment) -> ast.expr:
        """What a name stands for: a variable or a constant."""
        found: Any = env.get(node.id)
        if node.delay:
            raise self.error(node.at, f"a delayed value ({node.id}@{node.delay}) is not supported")
        if found is None:
            found = self._declared(node, env)
        elif isinstance(found, list):
            i = self.integer(node.index, env) if node.index is not None else 0
            self._check_index(node, i, len(found))
            found = found[i]
        return num(found) if isinstance(found, float) else name(found)

    def _declared(self, node: tree.Name, env: Environment) -> str | float:
        symbols, identifier = self.symbols, mangle(node.id)
        if node.id in symbols.arrays:
            i = self.integer(node.index, env) if node.index is not None else 0
            self._check_index(node, i, symbols.arrays[node.id])
            return element(node.id, i)
        if node.index is not None:
            raise self.error(node.at, f"{node.id} is not an array")
        if identifier in symbols.constants:
            return symbols.constants[identifier]
        if identifier in symbols.refused:
            raise self.error(node.at, f"{symbols.refused[identifier]} {node.id} is not supported")
        if identifier in SPECIAL or symbols.knows(identifier):
            return identifier
        raise self.error(node.at, f"{node.id} is not declared; expected a variable of this file")

    def _check_index(self, node: tree.Name, i: int, length: int) -> None:
        if not 0 <= i < length:
            raise self.error(node.at, f"{node.id} has elements 0 to {length - 1}, found {i}")

    def _power(self, node: tree.Binary, env: Environment, out: Body) -> ast.expr:
        base = self.expression(node.left, env, out)
        exponent = self.expression(node.right, env, out)
        return self.power(base, exponent, out)

    def power(self, base: ast.expr, exponent: ast.expr, out: Body) -> ast.expr:
        """base ^ exponent: a product for a whole constant exponent, otherwise a call of pow."""
        value = value_of(exponent)
        if (
            value is None
            or value != int(value)
            or abs(value) > MAX_POWER
            or value_of(base) is not None
        ):
            return call("pow", base, exponent)
        if value == 0:
            return num(1.0)
        if not isinstance(base, ast.Name):
            factor = self.fresh("base")
            out.append(assign(factor, base))
            base = name(factor)
        product = integer_power(base, abs(int(value)), self.fresh, out)
        return product if value > 0 else div(num(1.0), product)

    # ---- calls --------------------------------------------------------------------------------

    def _check_args(self, node: tree.Call, n: int) -> None:
        if len(node.args) != n:
            found = f"{node.id} takes {n} argument{'s' * (n != 1)}, found {len(node.args)}"
            raise self.error(node.at, found)

    def _call(self, node: tree.Call, env: Environment, out: Body) -> ast.expr | None:
        routine = self.symbols.routines.get(node.id)
        if routine is not None:
            args = [self.expression(a, env, out) for a in node.args]
            return self.inline(routine, args, node.at, out)
        if node.id == "at_time":
            return self._at_time(node, env, out)
        if is_random(node.id):
            return call_random(self, node, env, out)
        if node.id not in FUNCTIONS:
            raise self.error(node.at, unknown_function(node.id))
        self._check_args(node, FUNCTIONS[node.id])
        args = [self.expression(a, env, out) for a in node.args]
        if node.id == "pow":
            return self.power(args[0], args[1], out)
        return call(RENAMED.get(node.id, node.id), *args)

    def _at_time(self, node: tree.Call, env: Environment, out: Body) -> ast.expr:
        """1 in the step that reaches the time, as NEURON's fixed step has it."""
        self._check_args(node, 1)
        due = self.fresh("due")
        late = ast.BinOp(self.expression(node.args[0], env, out), ast.Sub(), num(1e-11))
        out.append(assign(due, late))
        before = ast.BinOp(name("t"), ast.Sub(), name("dt"))
        test = ast.BoolOp(
            ast.And(),
            [compare(name(due), ast.LtE(), name("t")), compare(name(due), ast.Gt(), before)],
        )
        truth = self.fresh("truth")
        out.append(ast.If(test, [assign(truth, num(1.0))], [assign(truth, num(0.0))]))
        return name(truth)

    def inline(
        self, routine: tree.Routine, args: list[ast.expr], at: Position, out: Body
    ) -> ast.expr | None:
        """Put the body of a FUNCTION or PROCEDURE into `out`; the value of a FUNCTION."""
        if routine.keyword == "DERIVATIVE" and "advance" in self.hooks:
            self.hooks["advance"](routine, {}, out)  # its name is that of the step, as in NEURON
            return None
        if routine.keyword == "FUNCTION_TABLE":
            return look_up(self, routine, args, at, out)
        if routine.keyword not in ("FUNCTION", "PROCEDURE"):
            raise self.error(at, f"{routine.keyword} {routine.name} cannot be called here")
        if routine.name in self.stack or len(self.stack) > MAX_INLINE:
            raise self.error(at, f"{routine.keyword} {routine.name} calls itself")
        if len(args) != len(routine.args):
            n = len(routine.args)
            raise self.error(
                at, f"{routine.name} takes {n} argument{'s' * (n != 1)}, found {len(args)}"
            )
        if self.table is not None and len(args) == 1:
            found = self.table(routine, args[0], out)
            if found is not None:
                return found
        env: Environment = {}
        for argument, value in zip(routine.args, args, strict=True):
            env[argument.name] = self.fresh(argument.name)
            out.append(assign(env[argument.name], value))
        is_function = routine.keyword == "FUNCTION"
        if is_function:
            env[routine.name] = self.fresh(routine.name)
        self.stack.append(routine.name)
        try:
            self.block(routine.body, env, out)
        finally:
            self.stack.pop()
        return name(env[routine.name]) if is_function else None


def check_size(
    translator: Translator, routine: tree.Routine, n: int, most: int = MAX_UNKNOWNS
) -> None:
    """A system is solved by statements written out, so not with any number of unknowns.

    Raises:
        NmodlError: too many.
    """
    if n > most:
        raise translator.error(
            routine.at, f"{routine.name} has {n} states; up to {most} are supported"
        )
