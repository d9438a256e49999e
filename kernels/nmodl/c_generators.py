"""Random generators of C that name no stream: they draw from the instance's own.

drand48, rand and their kin share one state in C; here each instance has a stream. What a call of
mcell_ran4 gives is decided by its index, which the call raises by one: the stream restarts there.
A seed that a clock gives is none: a run is what `Settings.seed` makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernels.nmodl import tree
from kernels.nmodl.c_parser import C
from kernels.nmodl.c_scope import Known
from kernels.nmodl.scanner import Position

if TYPE_CHECKING:
    from kernels.nmodl.c_scope import Number, Out, Scope
    from kernels.nmodl.c_translate import CTranslator

#: Draws without arguments: what a number between 0 and 1 is multiplied by, 0 where it is not whole.
DRAWS = {"drand48": 0.0, "rand": 2.0**31, "random": 2.0**31, "lrand48": 2.0**31}
SEEDS = ("srand", "srandom", "srand48")
INDEXED = ("mcell_ran4", "nrnRan4dbl", "nrnRan4int")
_CLOCKS = ("time", "clock", "getpid")
_WORD = 2.0**32


def is_generator(function: str) -> bool:
    """Is it a function of this module?"""
    return function in DRAWS or function in SEEDS or function in INDEXED


def lower_generator(
    translator: CTranslator, function: str, given: Sequence[C], at: Position, scope: Scope, out: Out
) -> tuple[tree.Expression, bool]:
    """A call of a generator; its value, and whether that is whole.

    Raises:
        NmodlError: the arguments are others than those that are understood.
    """
    if function in SEEDS:
        zero = tree.Number(at, 0.0)
        if len(given) != 1:
            raise translator.error(at, f"{function} takes 1 argument, found {len(given)}")
        if not _asks_clock(given[0]):
            seed = translator.number(given[0], scope, out).node
            out.append(tree.CallStatement(at, tree.Call(at, "set_seed", (seed,))))
        return zero, True
    if function in DRAWS:
        drawn: tree.Expression = tree.Call(at, "scop_random", ())
        if DRAWS[function]:
            drawn = tree.Binary(at, "*", drawn, tree.Number(at, DRAWS[function]))
            drawn = tree.Call(at, "floor", (drawn,))
        return drawn, bool(DRAWS[function])
    return _indexed(translator, function, given, at, scope, out)


def begin_stream(translator: CTranslator, left: C, right: C, scope: Scope, out: Out) -> None:
    """stream = nrnran123_newstream(id1, id2): the stream begins anew with this identity.

    Raises:
        NmodlError: what it is given to stands for no stream.
    """
    while right.kind == "cast":
        right = right.parts[0]
    at, stream = right.at, translator.value(left, scope, out)
    if not (isinstance(stream, Known) and stream.kind == "stream"):
        raise translator.error(at, f"what {right.text} gives must be kept by a POINTER")
    zero = tree.Number(at, 0.0)
    ids = [translator.cut(translator.number(p, scope, out)).node for p in right.parts[:3]]
    ids += [zero] * (3 - len(ids))
    place = tree.Name(at, stream.name)
    for function, args in (("random_setids", ids), ("random_setseq", [zero])):
        out.append(tree.CallStatement(at, tree.Call(at, function, (place, *args))))


def _asks_clock(node: C) -> bool:
    return (node.kind == "call" and node.text in _CLOCKS) or any(map(_asks_clock, node.parts))


def _indexed(
    translator: CTranslator, function: str, given: Sequence[C], at: Position, scope: Scope, out: Out
) -> tuple[tree.Expression, bool]:
    """mcell_ran4(&index, &x, 1, range), nrnRan4int(&index, low) and nrnRan4dbl."""
    count = 4 if function == "mcell_ran4" else 2
    places = given[: count // 2]
    if len(given) != count or any(p.kind != "unary" or p.text != "&" for p in places):
        form = "(&index, &x, 1, range)" if count == 4 else "(&index, low)"
        raise translator.error(at, f"expected {function}{form} with variables")
    index = places[0].parts[0]
    seed = translator.number(index, scope, out).node
    scale: Number | None = None
    if count == 4:
        if translator.number(given[2], scope, out).node != tree.Number(given[2].at, 1.0):
            raise translator.error(at, f"{function} draws 1 number, not several")
        scale = translator.number(given[3], scope, out)
    elif function == "nrnRan4int":
        seed = tree.Binary(at, "+", seed, translator.number(given[1], scope, out).node)
    out.append(tree.CallStatement(at, tree.Call(at, "set_seed", (seed,))))
    value: tree.Expression = tree.Call(at, "scop_random", (scale.node,) if scale else ())
    whole = function == "nrnRan4int"
    if whole:
        value = tree.Binary(at, "*", value, tree.Number(at, _WORD))
        value = tree.Call(at, "floor", (value,))
    drawn = f"drawn{at.line}_{at.column}"
    scope.variables[drawn] = "whole" if whole else "real"
    out += [tree.Local(at, ((drawn, 0),)), tree.Assign(at, tree.Name(at, drawn), value)]
    translator.statement(C("do", at, "", (C("step", at, "++", (index,)),)), scope, out)
    if count == 4:
        target = C("assign", at, "=", (places[1].parts[0], C("name", at, drawn)))
        translator.statement(C("do", at, "", (target,)), scope, out)
    return tree.Name(at, drawn), whole
