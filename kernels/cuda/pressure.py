"""Which values of a body wait in memory, so that the others fit into registers.

What does not fit would be spilled by the assembler, into memory of every thread. Here it is done
before, with more knowledge: a parameter or a state that is needed much later is read again from its
own slot, which costs no store; other values get a slot of the instance for the time that they wait,
and slots are shared. The choice is Belady's: what is needed latest goes first. Nothing is computed
otherwise or in another order, so no bit changes.

A body is printed with two more calls: ``name = fetch(slot)`` and ``keep(slot, name)``. Where slots
hold float32, a value of float64 waits in two of them: ``fetch_wide``, ``keep_wide``.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernels.nmodl.build import assign, branch, call, names_in, num, target_of, walk_assigned
from kernels.nmodl.build import name as ast_name
from kernels.nmodl.dataflow import loads_of
from kernels.typed import DRAWS


@dataclass(frozen=True)
class Limits:
    """Registers at once for which a body is left alone; what it is brought down to otherwise."""

    enough: int
    budget: int


@dataclass(frozen=True)
class Format:
    """In registers of 32 bits: what a slot holds, and what values take."""

    slot: int
    value: int
    doubles: frozenset[str] = frozenset()  # float64 where other values are float32

    def size(self, name: str) -> int:
        """Registers of a variable."""
        return 2 if name in self.doubles else self.value

    def sizes(self, names: Iterable[str]) -> int:
        """Registers of several."""
        return sum(map(self.size, names))


#: float64 throughout; float64 beside slots of float32.
DOUBLES, WIDE = Format(2, 2), Format(1, 2)
#: Of what all threads of a cell do (in single precision the compiler converts besides), and of
#: events, which need the queue.
PARALLEL, SINGLE, SERIAL = Limits(40, 28), Limits(40, 24), Limits(24, 16)
#: Values that functions need while they compute: those that take few, exp, all others.
LIGHT = frozenset({"element", "fabs", "floor", "ceil", "min", "max", "netcon", "row", "table"})
LIGHT_CALL, EXP, CALL = 2, 6, 12
CONVERSIONS = frozenset({"to_single", "to_double"})
#: Statements that a value waits in a register for its next use.
PATIENCE = 12

Names = frozenset[str]


@dataclass
class _Values:
    """Where values are at one point of a body."""

    at_hand: set[str] = field(default_factory=set)  # in their variable
    stored: set[str] = field(default_factory=set)  # their slot holds the same
    slot: dict[str, int] = field(default_factory=dict)


def place_values(
    body: Sequence[ast.stmt],
    slots: Mapping[str, int],
    loads: Collection[str],
    given: Collection[str],
    wanted: Collection[str],
    first_free: int,
    limits: Limits,
    form: Format = DOUBLES,
) -> tuple[list[ast.stmt], int] | None:
    """A body whose values come and go, or None where all of them fit as they are.

    Args:
        body: statements of the lowered form.
        slots: slots of the variables that have one, to be loaded and stored by the body.
        loads: those of them that hold a value before.
        given: further variables that are set before.
        wanted: variables to be read after the body.
        first_free: the first slot that waiting values may have.
        limits: what fits.
        form: of the values. Where slots are smaller than values, the body changes none that has
            one.

    Returns:
        the statements, and how many slots they use for waiting values.
    """
    changed = frozenset(walk_assigned(body))
    stored = changed & frozenset(slots)
    after = frozenset(wanted) | stored
    if _pressure(body, after, form, frozenset(loads)) <= limits.enough:
        return None
    managed = changed | frozenset(loads) | frozenset(given)
    placer = _Placer(slots, managed, first_free, limits.budget, form)
    values = _Values(set(given), set(loads), {n: slots[n] for n in loads})
    out = placer.block(body, after, values)
    placer.settle(stored, values, out)
    placer.fetch(frozenset(wanted), values, out)
    return out, placer.n_slot


def _reads(node: ast.stmt) -> set[str]:
    """Variables that a statement reads, at its start or inside."""
    if isinstance(node, ast.Assign):
        return names_in(node.value)
    if isinstance(node, ast.Expr):
        return names_in(node.value)
    assert isinstance(node, ast.If | ast.While)
    inner = (_reads(s) for s in (*node.body, *node.orelse))
    return names_in(node.test).union(*inner)


def _lives(body: Sequence[ast.stmt], after: Names) -> tuple[Names, list[Names]]:
    """Variables whose value is needed: before a body, and after each of its statements."""
    live, found = after, []
    for statement in reversed(body):
        found.append(live)
        live = _live_before(statement, live)
    return live, found[::-1]


def _live_before(statement: ast.stmt, after: Names) -> Names:
    if isinstance(statement, ast.If):
        sides = [_lives(side, after)[0] for side in (statement.body, statement.orelse)]
        return sides[0] | sides[1] | names_in(statement.test)
    if isinstance(statement, ast.While):
        return _live_in_loop(statement, after)
    target = target_of(statement)
    return (after - {target} if target else after) | _reads(statement)


def _live_in_loop(loop: ast.While, after: Names) -> Names:
    """Variables whose value is needed at the beginning and at the end of a round."""
    return after | names_in(loop.test) | loads_of(loop.body)


def _sides(statement: ast.stmt, after: Names) -> list[tuple[list[ast.stmt], Names]]:
    """The bodies inside a statement, with what is needed after each."""
    if isinstance(statement, ast.If):
        return [(statement.body, after), (statement.orelse, after)]
    if isinstance(statement, ast.While):
        return [(statement.body, _live_in_loop(statement, after))]
    return []


def _pressure(
    body: Sequence[ast.stmt], after: Names, form: Format, ignored: Names = frozenset()
) -> int:
    """The most registers that are needed at once; `ignored` until they are read or set."""
    _, lives = _lives(body, after)
    most, met = 0, set[str]()
    for statement, live in zip(body, lives, strict=True):
        met |= _reads(statement) | set(walk_assigned([statement]))
        here = live - (ignored - met)
        most = max(most, form.sizes(here) + _work(statement, form))
        for side, needed in _sides(statement, live):
            most = max(most, _pressure(side, needed, form, ignored - met))
    return most


def _work(statement: ast.stmt, form: Format) -> int:
    """Registers that a statement needs besides its operands."""
    if isinstance(statement, ast.If | ast.While):
        return 0
    calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
    names = {n.func.id for n in calls if isinstance(n.func, ast.Name)} - CONVERSIONS
    wide = any(name.endswith("__double") or name in DRAWS for name in names)
    names = {name.removesuffix("__double") for name in names}
    n_value = LIGHT_CALL if names else 1
    if names - LIGHT:
        n_value = EXP if names - LIGHT == {"exp"} else CALL
    return n_value * (2 if wide else form.value)


class _Placer:
    """Walks through a body and decides."""

    def __init__(
        self,
        slots: Mapping[str, int],
        managed: Names,
        first_free: int,
        budget: int,
        form: Format,
    ):
        self.slots, self.managed, self.budget, self.form = slots, managed, budget, form
        self.first_free, self.n_slot = first_free, 0
        self.pinned: list[Names] = []  # variables whose slot must stay, by depth

    def block(self, body: Sequence[ast.stmt], after: Names, values: _Values) -> list[ast.stmt]:
        """The statements of a block; `values` becomes what holds after it."""
        out: list[ast.stmt] = []
        before, lives = _lives(body, after)
        uses = [_reads(s) for s in body]
        for k, (statement, live) in enumerate(zip(body, lives, strict=True)):
            if isinstance(statement, ast.Assign) and target_of(statement) not in live:
                continue
            if _sides(statement, live) and self._inside(statement, live) > self.budget:
                self._open(statement, before, live, values, out)
            else:
                self._whole(statement, before, live, uses[k + 1 :], values, out)
            self._forget(live, values)
            before = live
        return out

    # ---- statements ---------------------------------------------------------------------------

    def _inside(self, statement: ast.stmt, live: Names) -> int:
        """Registers that a statement needs at once, those of waiting values excluded."""
        own = (_reads(statement) | set(walk_assigned([statement]))) & self.managed
        most = self.form.sizes(own) + _work(statement, self.form)
        for side, needed in _sides(statement, live):
            most = max(most, _pressure(side, needed & own, self.form) + self.form.value)
        return most

    def _whole(
        self,
        statement: ast.stmt,
        before: Names,
        live: Names,
        following: Sequence[set[str]],
        values: _Values,
        out: list[ast.stmt],
    ) -> None:
        """A statement whose values are all at hand."""
        changed = frozenset(walk_assigned([statement]))
        own = (_reads(statement) | changed) & self.managed
        room = max(self.budget - self._inside(statement, live), 0)
        self._make_room(values.at_hand - own, room, following, values, out)
        missing = (own & before) - values.at_hand
        if isinstance(statement, ast.If | ast.While):
            self.fetch(missing, values, out)
        else:
            soon = set().union(*following[:PATIENCE])
            once = {n for n in missing - soon - changed if _count(statement, n) == 1}
            self.fetch(missing - once, values, out)
            statement = self._inlined(statement, once, values)
        out.append(statement)
        values.at_hand |= changed & self.managed
        values.stored -= changed

    def _open(
        self,
        statement: ast.stmt,
        before: Names,
        live: Names,
        values: _Values,
        out: list[ast.stmt],
    ) -> None:
        """A branch or loop that is itself too large: all values lie in their slots around it."""
        assert isinstance(statement, ast.If | ast.While)
        self.settle(before & self.managed, values, out)
        sides = _sides(statement, live)
        pinned = live.union(*(needed for _, needed in sides)) & self.managed
        for name in sorted(pinned):
            self._slot_of(name, values)
        self.pinned.append(pinned)
        test = self._inlined(statement.test, values.slot, values)
        written: list[list[ast.stmt]] = []
        for side, needed in sides:
            inner = _Values(set(), set(values.stored), dict(values.slot))
            made = self.block(side, needed, inner)
            self.settle(needed & self.managed, inner, made)
            written.append(made)
        self.pinned.pop()
        if isinstance(statement, ast.If):
            out += branch(test, *written)
        else:
            out.append(ast.While(test, written[0], []))
        values.at_hand.clear()
        values.stored = set(live & self.managed)

    # ---- values -------------------------------------------------------------------------------

    def _make_room(
        self,
        waiting: set[str],
        room: int,
        following: Sequence[set[str]],
        values: _Values,
        out: list[ast.stmt],
    ) -> None:
        """Put away what is needed latest."""
        excess = self.form.sizes(waiting) - room
        if excess <= 0:
            return
        distance = {
            n: next((k for k, used in enumerate(following) if n in used), len(following))
            for n in waiting
        }
        order = sorted(waiting, key=lambda n: (-distance[n], n not in values.stored, n))
        before = itertools.accumulate((self.form.size(n) for n in order), initial=0)
        latest = frozenset(n for n, size in zip(order, before, strict=False) if size < excess)
        self.settle(latest, values, out)
        values.at_hand -= latest

    def settle(self, names: Names, values: _Values, out: list[ast.stmt]) -> None:
        """Make sure that slots hold some values."""
        for name in sorted(names - values.stored):
            keep = "keep" if self._n_slot(name) == 1 else "keep_wide"
            kept = call(keep, num(float(self._slot_of(name, values))), ast_name(name))
            out.append(ast.Expr(kept))
            values.stored.add(name)

    def fetch(self, names: Iterable[str], values: _Values, out: list[ast.stmt]) -> None:
        """Bring values back into their variables."""
        for name in sorted(set(names) - values.at_hand):
            if name in values.slot:
                out.append(assign(name, self._fetched(name, values)))
            values.at_hand.add(name)

    def _slot_of(self, name: str, values: _Values) -> int:
        if name in self.slots:
            values.slot[name] = self.slots[name]
        elif name not in values.slot:
            n = self._n_slot(name)
            taken = {s + k for other, s in values.slot.items() for k in range(self._n_slot(other))}
            places = itertools.count(self.first_free)
            free = next(s for s in places if taken.isdisjoint(range(s, s + n)))
            self.n_slot = max(self.n_slot, free - self.first_free + n)
            values.slot[name] = free
        return values.slot[name]

    def _n_slot(self, name: str) -> int:
        """Slots that a value takes: one where it has its own."""
        return 1 if name in self.slots else self.form.size(name) // self.form.slot

    def _fetched(self, name: str, values: _Values) -> ast.Call:
        """The value of a variable from its slot."""
        place = num(float(values.slot[name]))
        if self._n_slot(name) > 1:
            return call("fetch_wide", place)
        fetched = call("fetch", place)
        return call("to_double", fetched) if self.form.size(name) > self.form.slot else fetched

    def _inlined(self, node: Any, names: Iterable[str], values: _Values) -> Any:
        """A statement or expression in which variables are read from their slots."""
        return _Inline({n: self._fetched(n, values) for n in names}).visit(_copied(node))

    def _forget(self, live: Names, values: _Values) -> None:
        """Drop what nobody reads any more."""
        values.at_hand &= live
        for name in set(values.slot) - live - set().union(*self.pinned):
            if name not in self.slots:
                del values.slot[name]
            values.stored.discard(name)


class _Inline(ast.NodeTransformer):
    """Puts expressions in the place of variables."""

    def __init__(self, given: Mapping[str, ast.expr]):
        self.given = given

    def visit_Call(self, node: ast.Call) -> ast.Call:
        return ast.Call(node.func, [self.visit(a) for a in node.args], [])

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _count(statement: ast.stmt, name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(statement))


def _copied(node: Any) -> Any:
    return copy.deepcopy(node)
