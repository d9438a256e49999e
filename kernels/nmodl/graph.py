"""Values of a body as a graph in which equal values are one node.

Nodes are made by `Graph.make` and its relatives, which simplify: constants are computed, divisions
by constants and by quotients become products, signs move outwards. A result may differ from the
text's in its last bits; it does so alike on every engine, since all start from this form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: Functions that are not computed when compiling: what they give is known to the engine only.
UNKNOWN = frozenset({"table", "train", "row", "net_send", "net_event", "net_move"})
COMPARISONS = frozenset({"Lt", "Gt", "LtE", "GtE", "Eq", "NotEq"})
MAX_POWER = 12


@dataclass(frozen=True, eq=False)
class Value:
    """One value: op is const, name, add, sub, mul, div, neg, call, and, or, not or a comparison."""

    number: int  # of creation: arguments have smaller ones
    op: str
    args: tuple[Value, ...]
    text: str = ""  # of a name or function
    constant: float = 0.0

    def is_constant(self, value: float) -> bool:
        return self.op == "const" and self.constant == value


class Graph:
    """Makes values, each once."""

    def __init__(self, functions: dict[str, Callable[..., float]]):
        self.functions = functions
        self.values: dict[tuple, Value] = {}

    def make(self, op: str, args: tuple[Value, ...] = (), text: str = "") -> Value:
        key = (op, text, *(a.number for a in args))
        if key not in self.values and op in ("add", "mul") and len(args) == 2:
            turned = (op, text, args[1].number, args[0].number)
            if turned in self.values:
                return self.values[turned]
        if key not in self.values:
            self.values[key] = Value(len(self.values), op, args, text)
        return self.values[key]

    def _computed(self, value: float, op: str, args: tuple[Value, ...], text: str = "") -> Value:
        """A constant; what is not finite is left to the engine."""
        return self.const(value) if math.isfinite(value) else self.make(op, args, text)

    def const(self, value: float) -> Value:
        key = ("const", float(value).hex())
        if key not in self.values:
            self.values[key] = Value(len(self.values), "const", (), "", float(value))
        return self.values[key]

    def name(self, text: str) -> Value:
        return self.make("name", (), text)

    # ---- arithmetic ---------------------------------------------------------------------------

    def neg(self, x: Value) -> Value:
        if x.op == "const":
            return self.const(-x.constant)
        if x.op == "neg":
            return x.args[0]
        if x.op == "sub":
            return self.make("sub", (x.args[1], x.args[0]))
        return self.make("neg", (x,))

    def add(self, x: Value, y: Value) -> Value:
        if x.op == "const" and y.op == "const":
            return self._computed(x.constant + y.constant, "add", (x, y))
        if x.is_constant(0.0):
            return y
        if y.is_constant(0.0):
            return x
        if y.op == "neg":
            return self.sub(x, y.args[0])
        if x.op == "neg":
            return self.sub(y, x.args[0])
        return self.make("add", (x, y))

    def sub(self, x: Value, y: Value) -> Value:
        if x.op == "const" and y.op == "const":
            return self._computed(x.constant - y.constant, "sub", (x, y))
        if y.is_constant(0.0):
            return x
        if x.is_constant(0.0):
            return self.neg(y)
        if y.op == "neg":
            return self.add(x, y.args[0])
        if y.op == "const" and y.constant < 0:
            return self.make("add", (x, self.const(-y.constant)))
        return self.make("sub", (x, y))

    def mul(self, x: Value, y: Value) -> Value:
        if y.op == "const":
            x, y = y, x
        if x.op == "const":
            return self._scaled(x.constant, y)
        if x.op == "neg":
            return self.neg(self.mul(x.args[0], y))
        if y.op == "neg":
            return self.neg(self.mul(x, y.args[0]))
        for one, other in ((x, y), (y, x)):
            if one.op == "mul" and one.args[0].op == "const":  # constants to the front
                return self._scaled(one.args[0].constant, self.mul(one.args[1], other))
        return self.make("mul", (x, y))

    def _scaled(self, factor: float, x: Value) -> Value:
        if x.op == "const":
            return self._computed(factor * x.constant, "mul", (self.const(factor), x))
        if factor == 1.0:
            return x
        if factor == 0.0:
            return self.const(0.0)
        if factor < 0.0:
            return self.neg(self._scaled(-factor, x))
        if x.op == "neg":
            return self.neg(self._scaled(factor, x.args[0]))
        if x.op == "mul" and x.args[0].op == "const":
            product = factor * x.args[0].constant
            if math.isfinite(product):
                return self._scaled(product, x.args[1])
        if x.op == "div" and x.args[0].op == "const":
            return self.div(self.const(factor * x.args[0].constant), x.args[1])
        return self.make("mul", (self.const(factor), x))

    def div(self, x: Value, y: Value) -> Value:
        if y.op == "const" and y.constant != 0.0 and math.isfinite(1.0 / y.constant):
            if x.op == "const":
                return self._computed(x.constant / y.constant, "div", (x, y))
            return self.mul(self.const(1.0 / y.constant), x)
        if x.op == "neg":
            return self.neg(self.div(x.args[0], y))
        if y.op == "neg":
            return self.neg(self.div(x, y.args[0]))
        factor, over, under = self._fraction(y)
        if under is not None:  # x / (c over / under)
            top = self.mul(self.mul(self.const(1.0 / factor), x), under)
            return top if over is None else self.div(top, over)
        if factor != 1.0 and over is not None:
            return self.div(self.mul(self.const(1.0 / factor), x), over)
        return self.make("div", (x, y))

    def _fraction(self, y: Value) -> tuple[float, Value | None, Value | None]:
        """y as factor * over / under, as far as it is written so."""
        factor = 1.0
        if y.op == "mul" and y.args[0].op == "const":
            factor, y = y.args[0].constant, y.args[1]
        if factor == 0.0 or not math.isfinite(1.0 / factor):
            return 1.0, y, None
        if y.op != "div":
            return factor, y, None
        top, under = y.args
        if top.op == "const" and top.constant != 0.0 and math.isfinite(1.0 / top.constant):
            return factor * top.constant, None, under
        return factor, top, under

    # ---- functions and conditions -------------------------------------------------------------

    def call(self, function: str, args: tuple[Value, ...]) -> Value:
        known = function in self.functions and function not in UNKNOWN
        if known and all(a.op == "const" for a in args):
            value = self.functions[function](*(a.constant for a in args))
            return self._computed(value, "call", args, function)
        if function == "pow" and args[1].op == "const":
            exponent = args[1].constant
            if 0 < abs(exponent) <= MAX_POWER and exponent == int(exponent):
                power = self.power(args[0], int(abs(exponent)))
                return power if exponent > 0 else self.div(self.const(1.0), power)
        if function == "fabs" and args[0].op == "neg":
            return self.call("fabs", args[0].args)
        return self.make("call", args, function)

    def power(self, x: Value, n: int) -> Value:
        """x ** n by squaring from the lowest bit of n."""
        result: Value | None = None
        while True:
            if n & 1:
                result = x if result is None else self.mul(result, x)
            n >>= 1
            if not n:
                assert result is not None
                return result
            x = self.mul(x, x)

    def compare(self, op: str, x: Value, y: Value) -> Value:
        if x.op == "const" and y.op == "const":
            return self.truth(_COMPARE[op](x.constant, y.constant))
        return self.make(op, (x, y))

    def truth(self, value: bool) -> Value:
        return self.make("true" if value else "false")

    def both(self, op: str, x: Value, y: Value) -> Value:
        """op is "and" or "or"."""
        absorbing, neutral = ("false", "true") if op == "and" else ("true", "false")
        for one, other in ((x, y), (y, x)):
            if one.op == absorbing:
                return one
            if one.op == neutral:
                return other
        return self.make(op, (x, y))

    def negate(self, x: Value) -> Value:
        if x.op in ("true", "false"):
            return self.truth(x.op == "false")
        return x.args[0] if x.op == "not" else self.make("not", (x,))


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "Lt": lambda a, b: a < b, "Gt": lambda a, b: a > b, "LtE": lambda a, b: a <= b,
    "GtE": lambda a, b: a >= b, "Eq": lambda a, b: a == b, "NotEq": lambda a, b: a != b,
}  # fmt: skip
