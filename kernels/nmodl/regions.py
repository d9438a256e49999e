"""A body as values and effects: calls, branches and loops, in order."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from kernels.nmodl.build import walk_assigned
from kernels.nmodl.effects import ORDERED, READS
from kernels.nmodl.graph import Graph, Value

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
State = dict[str, Value]  # variable -> its value now


@dataclass(frozen=True)
class CallEffect:
    """A call that keeps its place: net_send and its like, or one that gives `result`."""

    function: str
    args: tuple[Value, ...]
    result: str = ""


@dataclass(frozen=True)
class Branch:
    """An if; `joins` are the variables that differ after it: name, value if true, if false."""

    test: Value
    body: tuple[Effect, ...]
    orelse: tuple[Effect, ...]
    joins: tuple[tuple[str, Value, Value], ...]


@dataclass(frozen=True)
class Loop:
    """A while; `carried` are the variables that it changes: name in the loop, value before, value
    at the end of a round, name after the loop.
    """

    test: Value
    body: tuple[Effect, ...]
    carried: tuple[tuple[str, Value, Value, str], ...]


Effect = CallEffect | Branch | Loop


class Reader:
    """Reads statements into a graph."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.n_names = 0

    def fresh(self, stem: str) -> str:
        self.n_names += 1
        return f"_{stem}{self.n_names}"

    def statements(self, body: Sequence[ast.stmt], state: State) -> tuple[Effect, ...]:
        """Run through statements; `state` becomes what holds after them."""
        effects: list[Effect] = []
        for statement in body:
            if isinstance(statement, ast.Assign):
                target = statement.targets[0]
                assert isinstance(target, ast.Name)
                if _is_ordered(statement.value):
                    effect = self._call(statement.value, state, self.fresh("e"))
                    effects.append(effect)
                    state[target.id] = self.graph.name(effect.result)
                else:
                    state[target.id] = self.value(statement.value, state)
            elif isinstance(statement, ast.If):
                effects += self._branch(statement, state)
            elif isinstance(statement, ast.While):
                effects.append(self._loop(statement, state))
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                effects.append(self._call(statement.value, state))
            else:
                raise TypeError(f"no statement of the lowered form: {ast.dump(statement)}")
        return tuple(effects)

    def _call(self, node: ast.expr, state: State, result: str = "") -> CallEffect:
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return CallEffect(node.func.id, tuple(self.value(a, state) for a in node.args), result)

    def _branch(self, statement: ast.If, state: State) -> tuple[Effect, ...]:
        test = self.value(statement.test, state)
        if test.op in ("true", "false"):
            taken = statement.body if test.op == "true" else statement.orelse
            return self.statements(taken, state)
        inside, outside = dict(state), dict(state)
        body = self.statements(statement.body, inside)
        orelse = self.statements(statement.orelse, outside)
        joins = []
        for variable in dict.fromkeys(walk_assigned([statement])):
            one, other = self._read(variable, inside), self._read(variable, outside)
            if one is not other:
                joined = self.fresh("p")
                joins.append((joined, one, other))
                one = self.graph.name(joined)
            state[variable] = one
        return (Branch(test, body, orelse, tuple(joins)),)

    def _loop(self, statement: ast.While, state: State) -> Loop:
        changed = list(dict.fromkeys(walk_assigned(statement.body)))
        names = {variable: self.fresh("w") for variable in changed}
        before = {variable: self._read(variable, state) for variable in changed}
        inside = {**state, **{v: self.graph.name(n) for v, n in names.items()}}
        test = self.value(statement.test, inside)
        body = self.statements(statement.body, inside)
        carried = []
        for variable in changed:
            after = self.fresh("r")
            carried.append((names[variable], before[variable], inside[variable], after))
            state[variable] = self.graph.name(after)
        return Loop(test, body, tuple(carried))

    def _read(self, variable: str, state: State) -> Value:
        return state[variable] if variable in state else self.graph.name(variable)

    def value(self, node: ast.expr, state: State) -> Value:
        """The value of an expression."""
        graph = self.graph
        match node:
            case ast.Constant(value=float(number)):
                return graph.const(number)
            case ast.Constant(value=bool(truth)):
                return graph.truth(truth)
            case ast.Name(id=identifier):
                return self._read(identifier, state)
            case ast.UnaryOp(op=ast.USub()):
                return graph.neg(self.value(node.operand, state))
            case ast.UnaryOp(op=ast.Not()):
                return graph.negate(self.value(node.operand, state))
            case ast.BinOp():
                left, right = self.value(node.left, state), self.value(node.right, state)
                made: Value = getattr(graph, _BINARY[type(node.op)])(left, right)
                return made
            case ast.Call(func=ast.Name(id=function)):
                return graph.call(function, tuple(self.value(a, state) for a in node.args))
            case ast.Compare():
                left = self.value(node.left, state)
                right = self.value(node.comparators[0], state)
                return graph.compare(type(node.ops[0]).__name__, left, right)
            case ast.BoolOp():
                op = "and" if isinstance(node.op, ast.And) else "or"
                values = [self.value(v, state) for v in node.values]
                result = values[0]
                for value in values[1:]:
                    result = graph.both(op, result, value)
                return result
        raise TypeError(f"no expression of the lowered form: {ast.dump(node)}")


def roots_of(effect: Effect) -> tuple[Value, ...]:
    """Every value that an effect itself needs, those inside it included."""
    if isinstance(effect, CallEffect):
        return effect.args
    found = [effect.test]
    found += [r for inner in effect.body for r in roots_of(inner)]
    if isinstance(effect, Branch):
        found += [r for inner in effect.orelse for r in roots_of(inner)]
        found += [v for _, one, other in effect.joins for v in (one, other)]
    else:
        found += [v for _, before, after, _ in effect.carried for v in (before, after)]
    return tuple(found)


def reach(roots: Sequence[Value]) -> set[Value]:
    """All values that some depend on, themselves included."""
    found: set[Value] = set()
    stack = list(roots)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack += value.args
    return found


def names_of(roots: Sequence[Value]) -> set[str]:
    """The variables that some values read."""
    return {v.text for v in reach(roots) if v.op == "name"}


def prune(effects: Sequence[Effect], needed: set[str]) -> tuple[tuple[Effect, ...], set[str]]:
    """Drop what nobody reads.

    Args:
        effects: in order.
        needed: names read after them.

    Returns:
        the effects that remain, and the names read by them or after them.
    """
    kept: list[Effect] = []
    needed = set(needed)
    for effect in reversed(effects):
        if isinstance(effect, Branch):
            joins = tuple(j for j in effect.joins if j[0] in needed)
            body, in_body = prune(effect.body, names_of([j[1] for j in joins]))
            orelse, in_else = prune(effect.orelse, names_of([j[2] for j in joins]))
            if not (joins or body or orelse):
                continue
            needed |= in_body | in_else | names_of([effect.test])
            effect = Branch(effect.test, body, orelse, joins)
        elif isinstance(effect, Loop):
            if not _calls(effect) and not any(c[3] in needed for c in effect.carried):
                continue
            effect, inside = _prune_loop(effect, needed)
            needed |= inside | names_of([c[1] for c in effect.carried])
        else:
            if effect.function in READS and effect.result not in needed:
                continue
            needed |= names_of(effect.args)
        kept.append(effect)
    return tuple(reversed(kept)), needed


def _prune_loop(loop: Loop, needed: set[str]) -> tuple[Loop, set[str]]:
    """Carry only what a later round, the test or what follows reads."""
    wanted = names_of([loop.test]) | {c[0] for c in loop.carried if c[3] in needed}
    while True:
        carried = tuple(c for c in loop.carried if c[0] in wanted)
        body, inside = prune(loop.body, names_of([loop.test, *(c[2] for c in carried)]))
        if inside <= wanted:
            return Loop(loop.test, body, carried), wanted
        wanted |= inside


def _is_ordered(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (node.func.id in ORDERED)
    )


def _calls(effect: Effect) -> bool:
    if isinstance(effect, CallEffect):
        return effect.function not in READS
    inner = effect.body + (effect.orelse if isinstance(effect, Branch) else ())
    return any(_calls(e) for e in inner)
