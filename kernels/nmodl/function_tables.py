"""FUNCTION_TABLE name(x): the user's table, linear between its rows, constant outside of them.

A table of two arguments is linear in both; of more, it gives the element below, as in NEURON.
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


def arguments_of(file: tree.File) -> dict[str, int]:
    """The FUNCTION_TABLEs of a file, in order, and how many arguments each has."""
    return {r.name: len(r.args) for r in file.routines if r.keyword == "FUNCTION_TABLE"}


def look_up(
    translator: Translator, routine: tree.Routine, args: list[ast.expr], at: Position, out: Body
) -> ast.expr:
    """The value of a call.

    Raises:
        NmodlError: the call has another number of arguments than the table.
    """
    n_args = len(routine.args)
    if not n_args or len(args) != n_args:
        found = f"FUNCTION_TABLE {routine.name} has {n_args} arguments, its call {len(args)}"
        raise translator.error(at, found)
    if n_args > 1:
        return _look_up_many(translator, routine, args, out)
    x, begin, n, low, high, middle, value = (
        translator.fresh(stem) for stem in ("x", "begin", "n", "low", "high", "middle", "value")
    )
    header = 2.0 * list(arguments_of(translator.file)).index(routine.name)
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


def _look_up_many(
    translator: Translator, routine: tree.Routine, args: list[ast.expr], out: Body
) -> ast.expr:
    """The value of a table of several arguments."""
    header = 2.0 * list(arguments_of(translator.file)).index(routine.name)
    begin, start, place, value = (
        translator.fresh(stem) for stem in ("begin", "start", "place", "value")
    )
    out += [
        assign(begin, call("table", num(header))),
        assign(start, add(name(begin), num(float(len(args))))),
        assign(place, num(0.0)),
    ]
    sizes, shares = [], []
    for i, arg in enumerate(args):
        size = translator.fresh("size")
        out.append(assign(size, call("table", add(name(begin), num(float(i))))))
        low, share = _find(translator, arg, start, size, out)
        out.append(assign(start, add(name(start), name(size))))
        row = binary(ast.Mult(), name(place), name(size))
        out.append(assign(place, add(row, name(low))))
        sizes.append(size)
        shares.append(share)
    out.append(assign(place, add(name(start), name(place))))
    if len(args) > 2:
        return call("table", name(place))
    below = _between(translator, name(place), shares[1], out)
    out.append(assign(value, below))
    inside: Body = []
    above = _between(translator, add(name(place), name(sizes[1])), shares[1], inside)
    inside.append(assign(value, _mixed(shares[0], name(value), above)))
    out.append(ast.If(compare(name(shares[0]), ast.Gt(), num(0.0)), inside, []))
    return name(value)


def _find(
    translator: Translator, arg: ast.expr, start: str, size: str, out: Body
) -> tuple[str, str]:
    """The row below an argument, and how far the argument is on the way to the next."""
    x, low, high, middle, share = (
        translator.fresh(stem) for stem in ("x", "low", "high", "middle", "share")
    )

    def of(row: str) -> ast.expr:
        return call("table", add(name(start), name(row)))

    halves = call("floor", binary(ast.Mult(), num(0.5), add(name(low), name(high))))
    search: Body = [
        assign(middle, halves),
        ast.If(
            compare(of(middle), ast.LtE(), name(x)),
            [assign(low, name(middle))],
            [assign(high, name(middle))],
        ),
    ]
    wide = compare(binary(ast.Sub(), name(high), name(low)), ast.Gt(), num(1.5))
    way = binary(ast.Sub(), name(x), of(low))
    inside: Body = [
        ast.While(wide, search, []),
        assign(share, binary(ast.Div(), way, binary(ast.Sub(), of(high), of(low)))),
    ]
    beyond = ast.If(compare(name(x), ast.GtE(), of(high)), [assign(low, name(high))], inside)
    out += [
        assign(x, arg),
        assign(low, num(0.0)),
        assign(high, binary(ast.Sub(), name(size), num(1.0))),
        assign(share, num(0.0)),
        ast.If(compare(name(x), ast.Gt(), of(low)), [beyond], []),
    ]
    return low, share


def _between(translator: Translator, place: ast.expr, share: str, out: Body) -> ast.expr:
    """Between the element at a place and the next."""
    value = translator.fresh("value")
    out.append(assign(value, call("table", place)))
    following = call("table", add(place, num(1.0)))
    inside: Body = [assign(value, _mixed(share, name(value), following))]
    out.append(ast.If(compare(name(share), ast.Gt(), num(0.0)), inside, []))
    return name(value)


def _mixed(share: str, first: ast.expr, second: ast.expr) -> ast.expr:
    rest = binary(ast.Sub(), num(1.0), name(share))
    return add(binary(ast.Mult(), rest, first), binary(ast.Mult(), name(share), second))
