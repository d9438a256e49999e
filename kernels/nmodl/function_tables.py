"""FUNCTION_TABLE name(x): the user's table, linear between its rows, constant outside of them.

Where the table lies is known at run time only; see `kernels.function_table`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kernels.nmodl import tree
from kernels.nmodl.build import add, assign, binary, call, compare, name, num

if TYPE_CHECKING:
    from kernels.nmodl.scanner import Position
    from kernels.nmodl.translate import Body, Translator


def names_of(file: tree.File) -> tuple[str, ...]:
    """The FUNCTION_TABLEs of a file, in order."""
    return tuple(r.name for r in file.routines if r.keyword == "FUNCTION_TABLE")


def look_up(
    translator: Translator, routine: tree.Routine, args: list[ast.expr], at: Position, out: Body
) -> ast.expr:
    """The value of a call.

    Raises:
        NmodlError: the table is not one of a single argument.
    """
    if len(routine.args) != 1 or len(args) != 1:
        found = f"FUNCTION_TABLE {routine.name} has {len(routine.args)} arguments, its call"
        raise translator.error(at, f"{found} {len(args)}; tables of 1 argument are supported")
    x, begin, n, low, high, middle, value = (
        translator.fresh(stem) for stem in ("x", "begin", "n", "low", "high", "middle", "value")
    )
    header = 2.0 * names_of(translator.file).index(routine.name)
    out += [
        assign(x, args[0]),
        assign(begin, call("table", num(header))),
        assign(n, call("table", num(header + 1.0))),
        assign(low, num(0.0)),
        assign(high, binary(ast.Sub(), name(n), num(1.0))),
    ]

    def argument(row: str) -> ast.expr:
        return call("table", add(name(begin), name(row)))

    def of_row(row: str) -> ast.expr:
        return call("table", add(add(name(begin), name(n)), name(row)))

    halves = call("floor", binary(ast.Mult(), num(0.5), add(name(low), name(high))))
    search: Body = [
        assign(middle, halves),
        ast.If(
            compare(argument(middle), ast.LtE(), name(x)),
            [assign(low, name(middle))],
            [assign(high, name(middle))],
        ),
    ]
    wide = compare(binary(ast.Sub(), name(high), name(low)), ast.Gt(), num(1.5))
    share = binary(
        ast.Div(),
        binary(ast.Sub(), name(x), argument(low)),
        binary(ast.Sub(), argument(high), argument(low)),
    )
    rise = binary(ast.Sub(), of_row(high), of_row(low))
    between = add(of_row(low), binary(ast.Mult(), share, rise))
    inside: Body = [ast.While(wide, search, []), assign(value, between)]
    beyond = ast.If(
        compare(name(x), ast.GtE(), argument(high)), [assign(value, of_row(high))], inside
    )
    out.append(
        ast.If(compare(name(x), ast.LtE(), argument(low)), [assign(value, of_row(low))], [beyond])
    )
    return name(value)
