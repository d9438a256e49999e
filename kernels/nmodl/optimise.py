"""Simplify a lowered body: constants computed, equal values once, fewer divisions, fewer exps.

What a body stores at its end stays the same to a few units in the last place; temporaries, the
order of the statements and what nobody reads do not. For every final value `x = e` of a variable
see `kernels.nmodl.graph` (what is simplified) and `kernels.nmodl.share` (what is shared).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kernels.nmodl.build import num, walk_assigned
from kernels.nmodl.emit import Writer
from kernels.nmodl.graph import Graph
from kernels.nmodl.regions import Reader, State, names_of, prune
from kernels.nmodl.share import share

#: Temporaries that a current kernel hands over.
RESULTS = ("_i", "_g")


def fold(body: Sequence[ast.stmt], constants: Mapping[str, float]) -> tuple[ast.stmt, ...]:
    """Put constants in the place of variables and simplify what follows from them.

    Args:
        body: statements of a kernel.
        constants: name -> value; calls of functions on constants are computed by
            `kernels.intrinsics.INTRINSICS`, so with the engines' own bits.
    """
    return optimise(body, constants=constants)


def optimise(
    body: Sequence[ast.stmt],
    outputs: Collection[str] | None = None,
    constants: Mapping[str, float] | None = None,
) -> tuple[ast.stmt, ...]:
    """Simplify a body.

    Args:
        body: statements of the lowered form.
        outputs: variables whose final values matter; default all but temporaries, and `_i`, `_g`.
        constants: variables whose value is known.
    """
    graph = Graph(_functions())
    reader = Reader(graph)
    state: State = {n: graph.const(x) for n, x in (constants or {}).items()}
    effects = reader.statements(body, state)
    assigned = list(dict.fromkeys(walk_assigned(body)))
    if outputs is None:
        outputs = [n for n in assigned if not n.startswith("_") or n in RESULTS]
    stores = {n: state[n] for n in assigned if n in outputs and n in state}
    effects, _ = prune(effects, names_of(list(stores.values())))
    effects, stores = share(graph, effects, stores)
    statements = Writer(effects, stores).write()
    return tuple(ast.fix_missing_locations(s) for s in statements)


def fold_expression(node: ast.expr) -> ast.expr:
    """An expression; its value where that is a constant."""
    value = Reader(Graph(_functions())).value(node, {})
    return num(value.constant) if value.op == "const" else node


def _functions() -> dict[str, Callable[..., Any]]:
    from kernels.intrinsics import INTRINSICS

    return dict(INTRINSICS)
