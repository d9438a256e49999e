"""Loops of C: while, for, do, and break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernels.nmodl import tree
from kernels.nmodl.c_parser import C
from kernels.nmodl.scanner import Position

if TYPE_CHECKING:
    from kernels.nmodl.c_translate import CTranslator
    from kernels.nmodl.c_values import Out, Scope

LOOPS = ("while", "for", "repeat")


def lower_loop(translator: CTranslator, node: C, scope: Scope, out: Out) -> None:
    """Put a loop into `out`; a break sets a variable that its condition reads."""
    at, inner = node.at, scope.inner()
    parts = node.parts
    test_node, body = (parts[1], parts[3]) if node.kind == "for" else (parts[0], parts[1])
    step = [parts[2]] if node.kind == "for" else []
    if node.kind == "for":
        translator.statement(parts[0], inner, out)
    nodes: Sequence[C] = [body, *step]
    go = f"go{at.line}_{at.column}"
    if _breaks(body):
        inner.variables[go] = "real"
        nodes = _guarded(nodes, go)
    condition: Out = []
    test = translator.condition(test_node, inner, condition)
    if node.kind == "repeat":
        _repeat(translator, at, test_node, nodes, go, inner, out)
        return
    if isinstance(test, bool) and not test:
        return
    if condition or isinstance(test, bool):
        raise translator.error(at, "this condition of a loop is not supported")
    lowered = translator.block(at, nodes, inner)
    if not lowered.statements:  # what the condition does is all
        idle = tree.Name(at, f"idle{at.line}_{at.column}")
        out.append(tree.Local(at, ((idle.id, 0),)))
        lowered = tree.Block(at, (tree.Assign(at, idle, tree.Number(at, 0.0)),))
    if go in inner.variables:
        out += _start(at, go)
        test = tree.Binary(at, "&&", tree.Name(at, go), test)
    out.append(tree.While(at, test, lowered))


def _start(at: Position, go: str) -> list[tree.Statement]:
    first = tree.Assign(at, tree.Name(at, go), tree.Number(at, 1.0))
    return [tree.Local(at, ((go, 0),)), first]


def _repeat(
    translator: CTranslator,
    at: Position,
    test: C,
    nodes: Sequence[C],
    go: str,
    scope: Scope,
    out: Out,
) -> None:
    """do ... while: whether to go on is a variable, true at first."""
    scope.variables[go] = "real"
    again = C("do", at, "", (C("assign", at, "=", (C("name", at, go), test)),))
    out += _start(at, go)
    if any(map(_breaks, nodes)):
        again = C("if", at, "", (C("name", at, go), again))
    out.append(tree.While(at, tree.Name(at, go), translator.block(at, [*nodes, again], scope)))


def _breaks(node: C) -> bool:
    """Does a break of this loop stand in a statement?"""
    if node.kind == "jump":
        return node.text == "break"
    return node.kind not in LOOPS and any(map(_breaks, node.parts))


def _guarded(nodes: Sequence[C], go: str) -> list[C]:
    """The statements, those after a possible break only if there was none."""
    out: list[C] = []
    for k, node in enumerate(nodes):
        out.append(_without_breaks(node, go))
        if _breaks(node) and k + 1 < len(nodes):
            rest = C("block", node.at, "", tuple(_guarded(nodes[k + 1 :], go)))
            out.append(C("if", node.at, "", (C("name", node.at, go), rest)))
            break
    return out


def _without_breaks(node: C, go: str) -> C:
    if not _breaks(node):
        return node
    if node.kind == "jump":
        zero = C("number", node.at, "0")
        return C("do", node.at, "", (C("assign", node.at, "=", (C("name", node.at, go), zero)),))
    if node.kind == "block":
        return C("block", node.at, "", tuple(_guarded(node.parts, go)))
    return C(node.kind, node.at, node.text, tuple(_without_breaks(p, go) for p in node.parts))
