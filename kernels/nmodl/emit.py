"""Values and effects back to statements: what is used more than once gets a temporary."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from kernels.nmodl.build import assign, branch, call, name, num
from kernels.nmodl.graph import COMPARISONS, Value
from kernels.nmodl.regions import Branch, CallEffect, Effect, Loop, reach, roots_of

_OPERATORS: dict[str, type[ast.operator]] = {
    "add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div,
}  # fmt: skip
MAX_DEPTH = 25  # of an expression


class Writer:
    """Writes statements for effects and for the final values of variables."""

    def __init__(self, effects: Sequence[Effect], stores: dict[str, Value]):
        self.effects, self.stores = effects, stores
        self.n_temporaries = 0
        roots = [r for e in effects for r in roots_of(e)] + list(stores.values())
        everything = reach(roots)
        self.uses = Counter(roots)
        self.uses.update(a for value in everything for a in value.args)
        loaded = {v.text for v in everything if v.op == "name"}
        #: values that may be computed straight into the variable that they end in
        self.direct: dict[Value, str] = {}
        for variable, value in stores.items():
            if variable not in loaded and value.op not in ("name", "const"):
                self.direct.setdefault(value, variable)
        self.depth: dict[Value, int] = {}

    def write(self) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        known: dict[Value, ast.expr] = {}
        self._effects(self.effects, list(self.stores.values()), known, out, True)
        self._stores(known, out)
        return out

    # ---- effects ------------------------------------------------------------------------------

    def _effects(
        self,
        effects: Sequence[Effect],
        later: list[Value],
        known: dict[Value, ast.expr],
        out: list[ast.stmt],
        top: bool,
    ) -> None:
        for i, effect in enumerate(effects):
            after = [r for e in effects[i + 1 :] for r in roots_of(e)] + later
            if isinstance(effect, CallEffect):
                args = [self._expression(a, known, out, top) for a in effect.args]
                made = call(effect.function, *args)
                out.append(assign(effect.result, made) if effect.result else ast.Expr(made))
            elif isinstance(effect, Branch):
                self._branch(effect, after, known, out, top)
            else:
                self._loop(effect, known, out, top)

    def _branch(
        self,
        effect: Branch,
        after: list[Value],
        known: dict[Value, ast.expr],
        out: list[ast.stmt],
        top: bool,
    ) -> None:
        sides = [
            (effect.body, [(n, value) for n, value, _ in effect.joins]),
            (effect.orelse, [(n, value) for n, _, value in effect.joins]),
        ]
        regions = [
            [r for e in inner for r in roots_of(e)] + [v for _, v in joins]
            for inner, joins in sides
        ]
        self._hoist([*regions, after], known, out, top)
        test = self._expression(effect.test, known, out, top)
        written: list[list[ast.stmt]] = []
        for inner, joins in sides:
            body: list[ast.stmt] = []
            scope = dict(known)
            self._effects(inner, [v for _, v in joins], scope, body, False)
            body += [assign(n, self._expression(v, scope, body, False)) for n, v in joins]
            written.append(body)
        out += branch(test, *written)

    def _hoist(
        self,
        regions: list[list[Value]],
        known: dict[Value, ast.expr],
        out: list[ast.stmt],
        top: bool,
    ) -> None:
        """Compute before a branch what more than one of its sides, or one and the rest, need."""
        counts = Counter(v for roots in regions for v in reach(roots))
        for value in sorted((v for v, n in counts.items() if n > 1), key=lambda v: v.number):
            if value.op in ("call", "div", "mul", "add", "sub") and value not in known:
                self._temporary(value, known, out, top)

    def _loop(
        self, effect: Loop, known: dict[Value, ast.expr], out: list[ast.stmt], top: bool
    ) -> None:
        for inside, before, _, _ in effect.carried:
            out.append(assign(inside, self._expression(before, known, out, top)))
        scope = dict(known)
        test = self._inline(effect.test, scope)
        body: list[ast.stmt] = []
        values = [c[2] for c in effect.carried]
        self._effects(effect.body, values, scope, body, False)
        moved = [(c[0], self._atom(c[2], scope, body)) for c in effect.carried]
        for inside, value in moved:
            if not (isinstance(value, ast.Name) and value.id == inside):
                body.append(assign(inside, value))
        out.append(ast.While(test, body, []))
        for inside, _, _, after in effect.carried:
            out.append(assign(after, name(inside)))

    # ---- values -------------------------------------------------------------------------------

    def _stores(self, known: dict[Value, ast.expr], out: list[ast.stmt]) -> None:
        items = list(self.stores.items())
        for i, (variable, value) in enumerate(items):
            if value.op == "name" and value.text == variable:
                continue
            expression = self._expression(value, known, out, True)
            if isinstance(expression, ast.Name) and expression.id == variable:
                continue
            for load in reach([v for _, v in items[i + 1 :]]):
                if load.op == "name" and load.text == variable and load not in known:
                    old = self._new_name()
                    out.append(assign(old, name(variable)))
                    known[load] = name(old)
            out.append(assign(variable, expression))

    def _expression(
        self, value: Value, known: dict[Value, ast.expr], out: list[ast.stmt], top: bool
    ) -> ast.expr:
        """The value as an expression; statements for shared parts go to `out` first."""
        for part in self._shared_parts(value, known):
            self._temporary(part, known, out, top)
        return self._inline(value, known)

    def _shared_parts(self, value: Value, known: dict[Value, ast.expr]) -> list[Value]:
        """Parts of a value, itself perhaps, that want a temporary, arguments first."""
        found: list[Value] = []
        seen: set[Value] = set()

        def visit(v: Value) -> int:
            if v in known or (not v.args and v.op != "call") or v in seen:
                return 0
            seen.add(v)
            depth = 1 + max((visit(a) for a in v.args), default=0)
            if (self._is_shared(v) or depth > MAX_DEPTH) and not _is_condition(v):
                found.append(v)
                return 0
            return depth

        visit(value)
        return found

    def _is_shared(self, value: Value) -> bool:
        return self.uses[value] > 1 and (value.op != "neg")

    def _temporary(
        self, value: Value, known: dict[Value, ast.expr], out: list[ast.stmt], top: bool
    ) -> None:
        if value in known:
            return
        expression = self._expression_of_args(value, known, out, top)
        target = self.direct[value] if top and value in self.direct else self._new_name()
        out.append(assign(target, expression))
        known[value] = name(target)

    def _expression_of_args(
        self, value: Value, known: dict[Value, ast.expr], out: list[ast.stmt], top: bool
    ) -> ast.expr:
        for argument in value.args:
            for part in self._shared_parts(argument, known):
                self._temporary(part, known, out, top)
        return self._operation(value, known)

    def _atom(self, value: Value, known: dict[Value, ast.expr], out: list[ast.stmt]) -> ast.expr:
        if value.op == "const":
            return num(value.constant)
        if value.op == "name" and value not in known and not value.text.startswith("_w"):
            return name(value.text)
        target = self._new_name()
        out.append(assign(target, self._expression(value, known, out, False)))
        return name(target)

    def _inline(self, value: Value, known: dict[Value, ast.expr]) -> ast.expr:
        return known[value] if value in known else self._operation(value, known)

    def _operation(self, value: Value, known: dict[Value, ast.expr]) -> ast.expr:
        args = [self._inline(a, known) for a in value.args]
        if value.op == "const":
            return num(value.constant)
        if value.op == "name":
            return name(value.text)
        if value.op == "neg":
            return ast.UnaryOp(ast.USub(), args[0])
        if value.op == "not":
            return ast.UnaryOp(ast.Not(), args[0])
        if value.op in ("and", "or"):
            return ast.BoolOp(ast.And() if value.op == "and" else ast.Or(), args)
        if value.op in ("true", "false"):
            return ast.Compare(num(0.0 if value.op == "true" else 1.0), [ast.Eq()], [num(0.0)])
        if value.op in COMPARISONS:
            return ast.Compare(args[0], [getattr(ast, value.op)()], [args[1]])
        if value.op == "call":
            return call(value.text, *args)
        return ast.BinOp(args[0], _OPERATORS[value.op](), args[1])

    def _new_name(self) -> str:
        self.n_temporaries += 1
        return f"_t{self.n_temporaries}"


def _is_condition(value: Value) -> bool:
    return value.op in COMPARISONS or value.op in ("and", "or", "not", "true", "false")
