"""Scalar Python, expression by expression, as CUDA C++.

The subset is that of `kernels.mechanism` and `kernels.intrinsics`: assignments to names, if, while,
break, return; arithmetic, comparisons, conditional expressions, calls. Every operation of the
Python text becomes one operation of the C++ text, in the same order, so that with contraction
switched off both give the same bits. Integers are 64 bits wide and wrap.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

import numpy as np

from kernels.errors import KernelsError

REAL, SINGLE, INTEGER, TRUTH = "double", "float", "long long", "bool"

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "&&",
    ast.Or: "||",
}

_NUMBER = re.compile(r"NUMBER\(([^()]*)\)")

#: Prints a call: function name, printed arguments -> text and type, or None if it is not known.
Caller = Callable[[str, list[str]], "tuple[str, str] | None"]


def variable(name: str) -> str:
    """A Python variable's name in the C++ text: no other name there ends in an underscore."""
    return f"{name}_"


def literal(value: float, kind: str = REAL) -> str:
    """A number so that it is read back exactly, rounded to float32 where it is one.

    `NUMBER(x)` becomes an entry of a table: see `place_numbers`.
    """
    if kind == SINGLE:
        with np.errstate(over="ignore"):
            value = float(np.float32(value))
    if math.isnan(value):
        text = "from_bits(0x7ff8000000000000LL)"
    elif math.isinf(value):
        text = "from_bits(0x7ff0000000000000LL)"
    else:
        text = repr(abs(value))
    if "from_bits" in text:
        text = f"(float){text}" if kind == SINGLE else text
    elif kind == SINGLE:
        text = f"{text}f"
    elif struct.unpack("<Q", struct.pack("<d", value))[0] & 0xFFFFFFFF:
        text = f"NUMBER({text})"
    return f"(-{text})" if math.copysign(1.0, value) < 0.0 and value == value else text


def place_numbers(text: str, crowded: bool = False) -> str:
    """Put the numbers of a text into a table in front of it, which lies in constant memory.

    An instruction takes a number from there; one of float64 that stands in the text itself takes
    two instructions more if it has more than 20 digits of its mantissa, but no register for long:
    where those are scarce (crowded), the numbers stay in the text.
    """
    numbers = list(dict.fromkeys(_NUMBER.findall(text)))
    if not numbers:
        return text
    place = {number: k for k, number in enumerate(numbers)}
    if crowded:
        return "#define NUMBER(value) value\n" + text
    text = _NUMBER.sub(lambda m: f"NUMBER({place[m[1]]}, {m[1]})", text)
    rows = ["    " + ", ".join(numbers[k : k + 4]) for k in range(0, len(numbers), 4)]
    head = ["#define NUMBER(k, value) number[k]", "__constant__ double number[] = {"]
    return "\n".join([*head, ",\n".join(rows), "};", text])


def _is_quotient(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


class BodyPrinter:
    """Prints statements; knows the type of every name met so far.

    Args:
        call: prints calls.
        constants: values of names.
        real: type of literals, of constants and of names that are not known.
        known: types of names that come from outside.
    """

    def __init__(
        self,
        call: Caller,
        constants: Mapping[str, float] | None = None,
        real: str = REAL,
        known: Mapping[str, str] | None = None,
    ):
        self.call, self.constants, self.real = call, constants or {}, real
        self.known = known or {}
        self.types: dict[str, str] = {}  # names that the statements assign

    def statements(self, body: Sequence[ast.stmt], depth: int = 0) -> list[str]:
        """The lines of a body."""
        return [line for statement in body for line in self._statement(statement, depth)]

    def declarations(self, known: set[str]) -> list[str]:
        """Declarations of all assigned names that are not known already."""
        return [
            f"{kind} {variable(name)} = 0;"
            for name, kind in self.types.items()
            if name not in known
        ]

    def _statement(self, node: ast.stmt, depth: int) -> list[str]:
        pad = "    " * depth
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text, kind = self.expression(node.value)
            self._assign(node.targets[0].id, kind)
            return [f"{pad}{variable(node.targets[0].id)} = {text};"]
        if isinstance(node, ast.If):
            return self._if(node, depth)
        if isinstance(node, ast.While):
            test = self.expression(node.test)[0]
            return [f"{pad}while ({test}) {{", *self.statements(node.body, depth + 1), f"{pad}}}"]
        if isinstance(node, ast.Break):
            return [f"{pad}break;"]
        if isinstance(node, ast.Pass):
            return []
        if isinstance(node, ast.Return) and node.value is not None:
            return [f"{pad}return {self.expression(node.value)[0]};"]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return [f"{pad}{self.expression(node.value)[0]};"]
        raise KernelsError(f"the statement `{ast.unparse(node)}` has no form in CUDA C++")

    def _if(self, node: ast.If, depth: int) -> list[str]:
        pad = "    " * depth
        lines = [f"{pad}if ({self.expression(node.test)[0]}) {{"]
        lines += self.statements(node.body, depth + 1)
        if node.orelse:
            lines += [f"{pad}}} else {{", *self.statements(node.orelse, depth + 1)]
        return [*lines, f"{pad}}}"]

    def _assign(self, name: str, kind: str) -> None:
        self.types.setdefault(name, kind)
        if (before := self.known.get(name, self.types[name])) != kind:
            raise KernelsError(f"{name} is {before} and {kind} in one body")

    def expression(self, node: ast.expr) -> tuple[str, str]:
        """Text and type of an expression."""
        if isinstance(node, ast.Constant):
            return self._constant(node.value)
        if isinstance(node, ast.Name):
            if node.id in self.constants and node.id not in self.types:
                return literal(self.constants[node.id], self.real), self.real
            kind = self.types.get(node.id) or self.known.get(node.id, self.real)
            return variable(node.id), kind
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = self.expression(node.left)[0], self.expression(node.comparators[0])[0]
            return f"({left} {_OPERATORS[type(node.ops[0])]} {right})", TRUTH
        if isinstance(node, ast.BoolOp):
            joint = f" {_OPERATORS[type(node.op)]} "
            return f"({joint.join(self._truth(v) for v in node.values)})", TRUTH
        if isinstance(node, ast.IfExp):
            test, (yes, kind) = self._truth(node.test), self.expression(node.body)
            return f"({test} ? {yes} : {self.expression(node.orelse)[0]})", kind
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node, node.func.id)
        raise KernelsError(f"the expression `{ast.unparse(node)}` has no form in CUDA C++")

    def _constant(self, value: object) -> tuple[str, str]:
        if isinstance(value, bool):
            return ("true" if value else "false"), TRUTH
        if isinstance(value, int):
            return f"{value}LL", INTEGER
        if isinstance(value, float):
            return literal(value, self.real), self.real
        raise KernelsError(f"the constant {value!r} has no form in CUDA C++")

    def _truth(self, node: ast.expr) -> str:
        text, kind = self.expression(node)
        return text if kind == TRUTH else f"({text} != 0)"

    def _binary(self, node: ast.BinOp) -> tuple[str, str]:
        (left, one), (right, two) = self.expression(node.left), self.expression(node.right)
        sign = _OPERATORS[type(node.op)]
        if one == two == INTEGER and sign != "/":
            if sign == ">>":
                return f"({left} >> {right})", INTEGER
            wrap = "unsigned long long"
            return f"(long long)(({wrap}){left} {sign} ({wrap}){right})", INTEGER
        both = {one, two} - {INTEGER}
        return f"({left} {sign} {right})", both.pop() if len(both) == 1 else REAL

    def _unary(self, node: ast.UnaryOp) -> tuple[str, str]:
        if isinstance(node.op, ast.Not):
            return f"(!{self._truth(node.operand)})", TRUTH
        inner = node.operand
        if isinstance(node.op, ast.USub) and _is_quotient(inner):
            # -(a / b) is (-a) / b: what reads a value can negate it at no cost.
            return self._binary(
                ast.BinOp(ast.UnaryOp(ast.USub(), inner.left), inner.op, inner.right)
            )
        text, kind = self.expression(node.operand)
        if isinstance(node.op, ast.USub):
            return f"(-{text})", kind
        if isinstance(node.op, ast.UAdd):
            return text, kind
        raise KernelsError(f"the expression `{ast.unparse(node)}` has no form in CUDA C++")

    def _call(self, node: ast.Call, name: str) -> tuple[str, str]:
        if name == "to_single" and isinstance(node.args[0], ast.Constant):
            return literal(float(node.args[0].value), SINGLE), SINGLE  # type: ignore[arg-type]
        arguments = [self.expression(argument)[0] for argument in node.args]
        found = self.call(name, arguments)
        if found is None:
            raise KernelsError(f"the call `{ast.unparse(node)}` has no form in CUDA C++")
        return found
