"""Random streams: RANDOM variables of NEURON 9, and the generators of older files.

A stream is a pure function of its identity and of how many numbers were drawn (`philox`), both
float64 variables of the instance, so all engines draw the same numbers in any order of instances:

    NAME__id1, NAME__id2, NAME__id3   identity, whole numbers below 2**32: parameters
    NAME__sequence                    numbers drawn so far
    random__key                       NEURON's global index: a parameter

scop_random, exprand, normrand, poisrand and set_seed, which share one generator in NEURON, draw
from a stream of the instance's own that is called `random`; set_seed(x) restarts it at draw x.
Uniform numbers are NEURON's digit for digit; the others apply NEURON's formulas to them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from kernels.mechanism import Variable
from kernels.nmodl import tree
from kernels.nmodl.build import assign, call, compare, div, mangle, name, neg, num, value_of

if TYPE_CHECKING:
    from kernels.nmodl.symbols import Symbols
    from kernels.nmodl.translate import Body, Environment, Translator

OWN = "random"  # the stream of functions that name none
KEY = "random__key"
IDENTITY = ("id1", "id2", "id3")
LONGEST = 17179869184.0  # 2**34 draws, then NEURON's sequence begins anew

#: Functions of a stream: how many arguments may follow the stream.
OF_STREAM: dict[str, tuple[int, ...]] = {
    "random_uniform": (0, 2),
    "random_negexp": (0, 1),
    "random_normal": (0, 2),
    "random_ipick": (0,),
    "random_dpick": (0,),
    "random_setseq": (1,),
    "random_setids": (3,),
}
#: Functions of the instance's own stream: how many arguments they may have.
OF_OWN: dict[str, tuple[int, ...]] = {
    "scop_random": (0, 1),
    "exprand": (1,),
    "normrand": (2,),
    "poisrand": (1,),
    "set_seed": (1,),
}


def declare_streams(file: tree.File, symbols: Symbols) -> None:
    """Add the variables of every stream of a file to its symbols."""
    streams = [mangle(n.id) for n in file.neuron.names.get("RANDOM", ())]
    if OF_OWN.keys() & tree.calls_in(file.routines) - {r.name for r in file.routines}:
        streams.append(OWN)
    symbols.streams = tuple(dict.fromkeys(streams))
    for stream in symbols.streams:
        for part in IDENTITY:
            variable = f"{stream}__{part}"
            symbols.parameters[variable] = Variable(variable)
        symbols.assigned[f"{stream}__sequence"] = Variable(f"{stream}__sequence")
    if streams:
        symbols.parameters[KEY] = Variable(KEY)


def is_random(function: str) -> bool:
    """Is it a function of this module?"""
    return function in OF_STREAM or function in OF_OWN


class Stream:
    """Writes draws from one stream."""

    def __init__(self, translator: Translator, stream: str, out: Body):
        self.stream, self.out, self.fresh = stream, out, translator.fresh
        self.sequence = f"{stream}__sequence"

    def draw(self, function: str) -> ast.expr:
        """The next number of the stream."""
        ids = [name(f"{self.stream}__{part}") for part in IDENTITY]
        drawn = self.fresh("draw")
        self.out.append(assign(drawn, call(function, *ids, name(KEY), name(self.sequence))))
        self.set_sequence(ast.BinOp(name(self.sequence), ast.Add(), num(1.0)))
        return name(drawn)

    def pick(self) -> ast.expr:
        """A whole number from 0 to 2**32 - 1."""
        return self.draw("philox")

    def uniform(self) -> ast.expr:
        """Between 0 and 1, both excluded."""
        return self.draw("philox_uniform")

    def negexp(self) -> ast.expr:
        """Exponentially distributed, mean 1."""
        return neg(call("log", self.uniform()))

    def normal(self) -> ast.expr:
        """Normally distributed, by the polar method; its second number is not kept."""
        size, first = self.fresh("size"), self.fresh("first")
        self.out += [assign(size, num(2.0)), assign(first, num(0.0))]
        outer, self.out = self.out, []
        for target in (first, self.fresh("second")):
            doubled = ast.BinOp(num(2.0), ast.Mult(), self.uniform())
            self.out.append(assign(target, ast.BinOp(doubled, ast.Sub(), num(1.0))))
        squares = [ast.BinOp(name(x), ast.Mult(), name(x)) for x in (first, target)]
        self.out.append(assign(size, ast.BinOp(squares[0], ast.Add(), squares[1])))
        outer.append(ast.While(compare(name(size), ast.Gt(), num(1.0)), self.out, []))
        self.out = outer
        logarithm = ast.BinOp(num(-2.0), ast.Mult(), call("log", name(size)))
        return ast.BinOp(name(first), ast.Mult(), call("sqrt", div(logarithm, name(size))))

    def poisson(self, mean: ast.expr) -> ast.expr:
        """A count with this mean: uniform numbers whose product stays above exp(-mean)."""
        count, product, least = (self.fresh(x) for x in ("count", "product", "least"))
        self.out.append(assign(least, call("exp", neg(mean))))
        self.out += [assign(count, num(0.0)), assign(product, self.uniform())]
        outer, self.out = self.out, []
        longer = ast.BinOp(name(product), ast.Mult(), self.uniform())
        self.out += [
            assign(product, longer),
            assign(count, ast.BinOp(name(count), ast.Add(), num(1.0))),
        ]
        outer.append(ast.While(compare(name(product), ast.Gt(), name(least)), self.out, []))
        self.out = outer
        return name(count)

    def set_sequence(self, value: ast.expr) -> None:
        self.out.append(assign(self.sequence, value))

    def restart(self, sequence: ast.expr) -> None:
        """Go to a draw: a whole number below 2**34."""
        if value_of(sequence) != 0.0:
            whole = call("floor", call("max", sequence, num(0.0)))
            sequence = call("fmod", whole, num(LONGEST))
        self.set_sequence(sequence)

    def identify(self, ids: list[ast.expr]) -> None:
        """Give the stream another identity."""
        for part, value in zip(IDENTITY, ids, strict=True):
            self.out.append(assign(f"{self.stream}__{part}", call("floor", value)))


def _scaled(value: ast.expr, args: list[ast.expr]) -> ast.expr:
    return ast.BinOp(value, ast.Mult(), args[0]) if args else value


def _between(value: ast.expr, args: list[ast.expr]) -> ast.expr:
    if not args:
        return value
    width = ast.BinOp(args[1], ast.Sub(), args[0])
    return ast.BinOp(args[0], ast.Add(), ast.BinOp(value, ast.Mult(), width))


def _around(value: ast.expr, args: list[ast.expr]) -> ast.expr:
    if not args:
        return value
    return ast.BinOp(args[0], ast.Add(), ast.BinOp(value, ast.Mult(), args[1]))


_DRAWS: dict[str, Callable[[Stream, list[ast.expr]], ast.expr]] = {
    "random_uniform": lambda s, args: _between(s.uniform(), args),
    "random_negexp": lambda s, args: _scaled(s.negexp(), args),
    "random_normal": lambda s, args: _around(s.normal(), args),
    "random_ipick": lambda s, args: s.pick(),
    "random_dpick": lambda s, args: s.uniform(),
    "scop_random": lambda s, args: _scaled(s.uniform(), args),
    "exprand": lambda s, args: _scaled(s.negexp(), args),
    "normrand": lambda s, args: _around(s.normal(), args),
    "poisrand": lambda s, args: s.poisson(args[0]),
}


def call_random(
    translator: Translator, node: tree.Call, env: Environment, out: Body
) -> ast.expr | None:
    """Lower a call of a function of this module; the value drawn, or None where it sets.

    Raises:
        NmodlError: its first argument is no stream, or the number of arguments is wrong.
    """
    given = list(node.args)
    stream = OWN
    counts = OF_OWN.get(node.id, ())
    if node.id in OF_STREAM:
        counts = OF_STREAM[node.id]
        first = given.pop(0) if given else None
        if not isinstance(first, tree.Name) or mangle(first.id) not in translator.symbols.streams:
            raise translator.error(node.at, f"{node.id} needs a RANDOM variable first")
        stream = mangle(first.id)
    if len(given) not in counts:
        allowed = " or ".join(map(str, counts))
        found = f"{node.id} takes {allowed} numbers, found {len(given)}"
        raise translator.error(node.at, found)
    args = [translator.expression(a, env, out) for a in given]
    source = Stream(translator, stream, out)
    if node.id == "random_setids":
        source.identify(args)
    elif node.id in ("random_setseq", "set_seed"):
        source.restart(args[0])
    else:
        return _DRAWS[node.id](source, args)
    return None
