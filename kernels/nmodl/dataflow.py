"""Which variables a body reads before it sets them, and which it may set."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from kernels.nmodl.build import assign, names_in, num, target_of, walk_assigned


def loads_of(body: Sequence[ast.stmt]) -> set[str]:
    """Names that may be read before `body` has surely set them."""
    loads: set[str] = set()
    _visit(body, set(), loads)
    return loads


def stores_of(body: Sequence[ast.stmt]) -> set[str]:
    """Names that `body` may set."""
    return set(walk_assigned(body))


def half_set(body: Sequence[ast.stmt]) -> set[str]:
    """Names that are set on some paths only, so that the old value must be kept on the others."""
    surely = _visit(body, set(), set())
    return stores_of(body) - surely


def _visit(body: Iterable[ast.stmt], known: set[str], loads: set[str]) -> set[str]:
    """Names surely set after `body`, given those before it; adds to `loads`."""
    known = set(known)
    for statement in body:
        if isinstance(statement, ast.If):
            loads |= names_in(statement.test) - known
            known = _visit(statement.body, known, loads) & _visit(statement.orelse, known, loads)
        elif isinstance(statement, ast.While):
            loads |= names_in(statement.test) - known
            _visit(statement.body, known, loads)
        else:
            target = target_of(statement)
            value = getattr(statement, "value", None)
            loads |= (names_in(value) if value is not None else set()) - known
            if target is not None:
                known.add(target)
    return known


def zero_unset(body: list[ast.stmt], *given: str) -> list[ast.stmt]:
    """Give temporaries that may be read before they are set the value 0 first."""
    missing = sorted(n for n in loads_of(body) if n.startswith("_") and n not in given)
    return [assign(n, num(0.0)) for n in missing] + body
