"""Bodies of a mechanism for engines of single precision: what is float32, what float64.

What runs once or once an event is computed in float64 and rounded where it is stored: INITIAL,
`derive`, NET_RECEIVE. So is what a rounding would ruin: a conductance that is the difference of two
evaluations of a current, an iteration to a tolerance (a `while`). Such a kernel is `wide`; its body
stays as it is, but for the names of the functions.

All else runs at every step in float32, but for times. A *time* is t, what is so much later or
earlier than a time, the larger or smaller of two times, and a variable that any kernel sets to a
time; the identity and sequence of a random stream count as such, as they have 34 bits. Times are
float64, and where they are stored they take three slots of float32 (`kernels.precision.split`). The
difference of two float64 is rounded, and so is the value of a function of a float64.

In a body made here every literal and every conversion is written out: `to_single(x)`,
`to_double(x)`; a bare literal is a float64; `NAME__double` is a function in float64.
"""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from kernels.intrinsics import INTRINSICS
from kernels.mechanism import Kernel, Mechanism
from kernels.storage import ion_variables

#: Kernels that run once, or once an event.
SELDOM = ("init", "derive", "receive", "receive_init", "before_initial", "after_initial")
#: Functions that give a time when they are given one.
KEEPING = frozenset(("floor", "ceil", "fabs", "fmod", "min", "max"))
DRAWS = ("philox", "philox_uniform")
#: Times are found from times found before: that many rounds at most.
ROUNDS = 10
#: A uniform number of float64 may round to 1, which is excluded.
BELOW_ONE = 0.9999999403953552
#: A state that decays is 0 before it or a product of it is too small to be normal.
NOTHING = 1e-30


def type_mechanism(
    mechanism: Mechanism, pointed: frozenset[str] = frozenset()
) -> tuple[Mechanism, frozenset[str]]:
    """A specialised mechanism with types written out, and its stored times.

    Args:
        mechanism: constants folded, fixed work hoisted.
        pointed: variables that POINTERs stand for or are: these are float32.
    """
    kernels = mechanism.kernels()
    wide = {name for name, kernel in kernels.items() if _is_wide(mechanism, name, kernel)}
    narrow = _narrow(mechanism, pointed)
    times = _find_times(mechanism, narrow)
    fixed = narrow | set(mechanism.variables())
    made: dict[str, Any] = {}
    for name, kernel in kernels.items():
        body = _widened(kernel) if name in wide else _narrowed(kernel, times, fixed)
        if name == "state":
            settled = [n for n in kernel.stores if n in mechanism.states and n not in times]
            body = (*body, *(_settle(n, name in wide) for n in settled))
        made[name] = dataclasses.replace(kernel, body=body, wide=name in wide)
    return dataclasses.replace(mechanism, **made), frozenset(times)


def _is_wide(mechanism: Mechanism, name: str, kernel: Kernel) -> bool:
    if name in SELDOM or (name == "current" and not mechanism.affine):
        return True
    return any(isinstance(n, ast.While) for s in kernel.body for n in ast.walk(s))


def _settle(name: str, wide: bool) -> ast.stmt:
    zero, least = ("0.0", f"{NOTHING!r}") if wide else ("to_single(0.0)", f"to_single({NOTHING!r})")
    size = f"fabs__double({name})" if wide else f"fabs({name})"
    return ast.parse(f"{name} = {zero} if {size} < {least} else {name}").body[0]


# --- times ---


@dataclass
class _Types:
    """What is known of names: stored times, and temporaries of one kernel."""

    times: set[str]
    doubles: set[str] = field(default_factory=set)  # temporaries in float64
    moments: set[str] = field(default_factory=set)  # those of them that are times


def _narrow(mechanism: Mechanism, pointed: frozenset[str]) -> set[str]:
    """Names that are float32 whatever they are set to."""
    names = {*pointed, *mechanism.memory, *mechanism.pointers, *ion_variables(mechanism)}
    return names | {current.name for current in mechanism.currents} | {"_i", "_g", "v"}


def _find_times(mechanism: Mechanism, narrow: set[str]) -> set[str]:
    """Stored variables that are times."""
    parts = ("id1", "id2", "id3", "sequence")
    times = {f"{stream}__{part}" for stream in mechanism.streams for part in parts}
    if mechanism.streams:
        times.add("random__key")
    stored = set(mechanism.variables())
    always = times & stored
    times = set(always)
    for _ in range(ROUNDS):
        before, times = times, set(always)
        for kernel in mechanism.kernels().values():
            types = _temporaries(kernel, before, narrow | stored)
            times |= _moments(kernel, types) & (stored - narrow)
        if times == before:
            return times
    return times | before


def _assigned(kernel: Kernel) -> list[tuple[str, ast.expr]]:
    """Names and what they are set to."""
    return [
        (node.targets[0].id, node.value)
        for statement in kernel.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]


def _moments(kernel: Kernel, types: _Types) -> set[str]:
    """Names that are set to a time."""
    typing = _Typing(types)
    return {name for name, node in _assigned(kernel) if typing.value(node).moment}


def _temporaries(kernel: Kernel, times: set[str], fixed: set[str]) -> _Types:
    """Types of a kernel's temporaries: names that are not `fixed`."""
    types = _Types(times)
    free = [(name, node) for name, node in _assigned(kernel) if name not in fixed]
    while True:
        before = len(types.doubles) + len(types.moments)
        for name, node in free:
            value = _Typing(types).value(node)
            types.doubles |= {name} if value.kind == DOUBLE else set()
            types.moments |= {name} if value.moment else set()
        if before == len(types.doubles) + len(types.moments):
            return types


# --- bodies in float64 ---


def _widened(kernel: Kernel) -> tuple[ast.stmt, ...]:
    return tuple(_Doubled().visit(_copy(statement)) for statement in kernel.body)


class _Doubled(ast.NodeTransformer):
    """Functions by their names in float64."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in ("table", "element"):
            return _call("to_double", node)
        if name in INTRINSICS and name not in DRAWS:
            return _call(f"{name}__double", *node.args)
        return node


# --- bodies in float32 ---

WEAK, SINGLE, DOUBLE, TRUTH = "weak", "single", "double", "truth"


@dataclass(frozen=True)
class _Value:
    """An expression, its type (`WEAK`: literals alone), and whether it is a time."""

    node: ast.expr
    kind: str
    moment: bool = False

    def to(self, kind: str) -> ast.expr:
        """The expression as a number of this kind."""
        if self.kind == WEAK:
            return _literals(self.node, kind)
        if self.kind == kind or self.kind == TRUTH:
            return self.node
        return _call(f"to_{kind}", self.node)


def _narrowed(kernel: Kernel, times: set[str], fixed: set[str]) -> tuple[ast.stmt, ...]:
    typing = _Typing(_temporaries(kernel, times, fixed))
    return tuple(typing.statement(_copy(statement)) for statement in kernel.body)


def _together(values: list[_Value], same: bool = False) -> tuple[list[ast.expr], str]:
    """Expressions, their literals typed like the others, and the type of what joins them.

    `same` converts them too; else both languages convert float32 beside float64.
    """
    kind = DOUBLE if any(v.kind == DOUBLE for v in values) else SINGLE
    return [v.to(kind) if same or v.kind == WEAK else v.node for v in values], kind


class _Typing:
    """Writes types out."""

    def __init__(self, types: _Types):
        self.types = types

    def statement(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            assert isinstance(target, ast.Name)
            is_double = target.id in self.types.times | self.types.doubles
            node.value = self.value(node.value).to(DOUBLE if is_double else SINGLE)
        elif isinstance(node, ast.If | ast.While):
            node.test = self.test(node.test)
            node.body = [self.statement(s) for s in node.body]
            node.orelse = [self.statement(s) for s in node.orelse]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            last = SINGLE if _name(node.value) == "set_element" else DOUBLE
            values = [self.value(argument) for argument in node.value.args]
            node.value.args = [v.to(DOUBLE) if v.kind == WEAK else v.node for v in values[:-1]]
            node.value.args += [v.to(last) for v in values[-1:]]
        return ast.fix_missing_locations(node)

    def test(self, node: ast.expr) -> ast.expr:
        """A condition."""
        return self.value(node).to(SINGLE)

    def value(self, node: ast.expr) -> _Value:
        """An expression with its types."""
        if isinstance(node, ast.Constant):
            return _Value(node, TRUTH if isinstance(node.value, bool) else WEAK)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Compare):
            (left, right), _ = _together([self.value(n) for n in (node.left, *node.comparators)])
            return _Value(ast.Compare(left, node.ops, [right]), TRUTH)
        if isinstance(node, ast.BoolOp):
            return _Value(ast.BoolOp(node.op, [self.test(v) for v in node.values]), TRUTH)
        if isinstance(node, ast.IfExp):
            values = [self.value(n) for n in (node.body, node.orelse)]
            (yes, no), kind = _together(values, same=True)
            made = ast.IfExp(self.test(node.test), yes, no)
            return _Value(made, kind, any(v.moment for v in values))
        assert isinstance(node, ast.Call), ast.unparse(node)
        return self._call(node)

    def _name(self, node: ast.Name) -> _Value:
        types = self.types
        if node.id == "t" or node.id in types.times:
            return _Value(node, DOUBLE, True)
        kind = DOUBLE if node.id in types.doubles else SINGLE
        return _Value(node, kind, node.id in types.moments)

    def _unary(self, node: ast.UnaryOp) -> _Value:
        if isinstance(node.op, ast.Not):
            return _Value(ast.UnaryOp(node.op, self.test(node.operand)), TRUTH)
        inner = self.value(node.operand)
        return _Value(ast.UnaryOp(node.op, inner.node), inner.kind)

    def _binary(self, node: ast.BinOp) -> _Value:
        one, two = self.value(node.left), self.value(node.right)
        if one.kind == two.kind == WEAK:
            return _Value(ast.BinOp(one.node, node.op, two.node), WEAK)
        (left, right), kind = _together([one, two])
        made = ast.BinOp(left, node.op, right)
        if isinstance(node.op, ast.Sub) and one.kind == two.kind == DOUBLE:
            return _Value(_call("to_single", made), SINGLE)  # an interval
        later = isinstance(node.op, ast.Add) and (one.moment or two.moment)
        earlier = isinstance(node.op, ast.Sub) and one.moment
        return _Value(made, kind, later or earlier)

    def _call(self, node: ast.Call) -> _Value:
        name = _name(node)
        if name == "philox_uniform":
            drawn = _call("to_single", self._plain(node))
            return _Value(_call("min", drawn, _literals(ast.Constant(BELOW_ONE), SINGLE)), SINGLE)
        if name in ("philox", "row", "train", "netcon"):
            return _Value(self._plain(node), DOUBLE, name != "netcon")
        values = [self.value(argument) for argument in node.args]
        if name in ("table", "element"):
            (place,) = (v.to(DOUBLE) if v.kind == WEAK else v.node for v in values)
            return _Value(_call(name, place), SINGLE)
        arguments, kind = _together(values, same=True)
        if kind == SINGLE:
            return _Value(_call(name, *arguments), SINGLE)
        made = _call(f"{name}__double", *arguments)
        if name in KEEPING:
            return _Value(made, DOUBLE, any(v.moment for v in values))
        return _Value(_call("to_single", made), SINGLE)

    def _plain(self, node: ast.Call) -> ast.expr:
        """A call whose arguments are whole numbers."""
        return _call(_name(node), *(self.value(argument).to(DOUBLE) for argument in node.args))


def _literals(node: ast.expr, kind: str) -> ast.expr:
    """Every literal of an expression in this format."""
    if kind == DOUBLE:
        return node

    class Typed(ast.NodeTransformer):
        def visit_Constant(self, constant: ast.Constant) -> ast.expr:
            return _call("to_single", constant)

    return Typed().visit(_copy(ast.Expr(node)).value)


def _copy(statement: ast.stmt) -> Any:
    return ast.parse(ast.unparse(ast.fix_missing_locations(statement))).body[0]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _name(node: ast.Call) -> str:
    assert isinstance(node.func, ast.Name)
    return node.func.id
