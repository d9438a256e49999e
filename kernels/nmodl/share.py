"""Share what is dear: exponentials of one variable, and divisions by one value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernels.nmodl.graph import Graph, Value
from kernels.nmodl.regions import Branch, CallEffect, Effect, Loop, reach, roots_of

MAX_RATIO = 8  # of slopes: an exponential is at most this power of another
MAX_OFFSET = 30.0  # of exponents: keeps the factor between them far from overflow
MAX_DIVISOR = 4

Program = tuple[tuple[Effect, ...], dict[str, Value]]


def share(graph: Graph, effects: tuple[Effect, ...], stores: dict[str, Value]) -> Program:
    """The same effects and final values, with fewer exponentials and divisions."""
    effects, stores = _share_exponentials(graph, effects, stores)
    return _share_reciprocals(graph, effects, stores)


def _all_values(effects: Sequence[Effect], stores: dict[str, Value]) -> list[Value]:
    roots = [r for e in effects for r in roots_of(e)] + list(stores.values())
    return sorted(reach(roots), key=lambda v: v.number)


# ---- divisions --------------------------------------------------------------------------------


def _share_reciprocals(
    graph: Graph, effects: tuple[Effect, ...], stores: dict[str, Value]
) -> Program:
    """Several a / b, c / b become a * r, c * r with r = 1 / b."""
    values = _all_values(effects, stores)
    counts = Counter(v.args[1] for v in values if v.op == "div")

    def change(value: Value, args: tuple[Value, ...]) -> Value | None:
        if value.op != "div" or counts[value.args[1]] < 2:
            return None
        return graph.make("mul", (args[0], graph.make("div", (graph.const(1.0), args[1]))))

    def keep_one(value: Value, args: tuple[Value, ...]) -> Value | None:
        changed = change(value, args)
        return changed.args[1] if changed is not None and args[0].is_constant(1.0) else changed

    return _transform(graph, values, effects, stores, keep_one)


# ---- exponentials -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Affine:
    """slope * base + offset."""

    base: Value | None
    slope: float
    offset: float


def affine(value: Value) -> _Affine:
    """A value as slope * base + offset, base the value itself at the worst."""
    if value.op == "const":
        return _Affine(None, 0.0, value.constant)
    if value.op == "neg":
        inner = affine(value.args[0])
        return _Affine(inner.base, -inner.slope, -inner.offset)
    if value.op == "mul" and value.args[0].op == "const":
        factor, inner = value.args[0].constant, affine(value.args[1])
        return _Affine(inner.base, factor * inner.slope, factor * inner.offset)
    if value.op in ("add", "sub"):
        left, right = (affine(a) for a in value.args)
        sign = 1.0 if value.op == "add" else -1.0
        offset = left.offset + sign * right.offset
        if left.base is None or right.base is None or left.base is right.base:
            return _Affine(left.base or right.base, left.slope + sign * right.slope, offset)
    return _Affine(value, 1.0, 0.0)


@dataclass(frozen=True)
class _Member:
    exponential: Value
    ratio: int  # of its slope to the slope of the group


def _share_exponentials(
    graph: Graph, effects: tuple[Effect, ...], stores: dict[str, Value]
) -> Program:
    """exp(k s x + c) = exp(s x + d) ** k * exp(c - k d), for small whole k."""
    values = _all_values(effects, stores)
    found: dict[tuple[Value, bool], list[tuple[Value, _Affine]]] = {}
    for value in values:
        if value.op == "call" and value.text == "exp":
            form = affine(value.args[0])
            if form.base is not None and form.slope != 0.0:
                found.setdefault((form.base, form.slope > 0), []).append((value, form))
    replaced: dict[Value, Value] = {}
    for (base, _), members in found.items():
        while len(members) > 1:
            slope, group = _best_group(members)
            if len(group) < 2:
                break
            _replace_group(graph, base, slope, group, dict(members), replaced)
            taken = {m.exponential for m in group}
            members = [m for m in members if m[0] not in taken]
    return _transform(graph, values, effects, stores, lambda value, args: replaced.get(value))


def _best_group(members: list[tuple[Value, _Affine]]) -> tuple[float, list[_Member]]:
    """The slope of which most exponentials are a small power; ties go to the smaller powers."""
    best: tuple[float, list[_Member]] = (0.0, [])
    best_score = (0, 0.0)
    for _, form in members:
        for divisor in range(1, MAX_DIVISOR + 1):
            slope = form.slope / divisor
            group = []
            for exponential, other in members:
                ratio = other.slope / slope
                if not 0.5 < ratio < MAX_RATIO + 0.5:  # not a number, too
                    continue
                near = round(ratio)
                if 1 <= near <= MAX_RATIO and math.isclose(ratio, near, rel_tol=1e-14):
                    group.append(_Member(exponential, near))
            score = (len(group) - 1, -float(sum(m.ratio for m in group)))
            if score > best_score:
                best, best_score = (slope, group), score
    return best


def _replace_group(
    graph: Graph,
    base: Value,
    slope: float,
    group: list[_Member],
    forms: dict[Value, _Affine],
    replaced: dict[Value, Value],
) -> None:
    """Put powers of one exponential in the place of all of a group."""
    lowest = min(group, key=lambda m: (m.ratio, m.exponential.number))
    offset = forms[lowest.exponential].offset / lowest.ratio
    group = [m for m in group if abs(forms[m.exponential].offset - m.ratio * offset) <= MAX_OFFSET]
    if len(group) < 2:
        return
    if lowest.ratio == 1:
        shared = lowest.exponential
    else:
        argument = graph.add(graph.mul(graph.const(slope), base), graph.const(offset))
        shared = graph.call("exp", (argument,))
    for member in group:
        if member.exponential is shared:
            continue
        rest = forms[member.exponential].offset - member.ratio * offset
        factor = graph.const(graph.functions["exp"](rest))
        replaced[member.exponential] = graph.mul(factor, graph.power(shared, member.ratio))


# ---- rebuilding -------------------------------------------------------------------------------


def _transform(
    graph: Graph,
    values: list[Value],
    effects: tuple[Effect, ...],
    stores: dict[str, Value],
    change: Callable[[Value, tuple[Value, ...]], Value | None],
) -> Program:
    """Rebuild all values from their arguments on, with some changed."""
    new: dict[Value, Value] = {}
    for value in values:
        args = tuple(new[a] for a in value.args)
        changed = change(value, args)
        if changed is None:
            changed = value if args == value.args else graph.make(value.op, args, value.text)
        new[value] = changed

    def of(effect: Effect) -> Effect:
        if isinstance(effect, CallEffect):
            args = tuple(new[a] for a in effect.args)
            return CallEffect(effect.function, args, effect.result)
        body = tuple(of(e) for e in effect.body)
        if isinstance(effect, Branch):
            orelse = tuple(of(e) for e in effect.orelse)
            joins = tuple((n, new[one], new[other]) for n, one, other in effect.joins)
            return Branch(new[effect.test], body, orelse, joins)
        carried = tuple((n, new[b], new[e], r) for n, b, e, r in effect.carried)
        return Loop(new[effect.test], body, carried)

    return tuple(of(e) for e in effects), {n: new[v] for n, v in stores.items()}
