"""Loops of C: while, for, do, switch, break and continue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl.c_parser import C
from kernels.nmodl.scanner import Position

if TYPE_CHECKING:
    from kernels.nmodl.c_scope import Out, Scope
    from kernels.nmodl.c_translate import CTranslator

LOOPS = ("while", "for", "repeat")


def lower_loop(translator: CTranslator, node: C, scope: Scope, out: Out) -> None:
    """Put a loop into `out`.

    A break sets a variable that its condition reads; after a break or continue another variable
    skips what is left of the round.
    """
    at, inner = node.at, scope.inner()
    parts = node.parts
    test_node, body = (parts[1], parts[3]) if node.kind == "for" else (parts[0], parts[1])
    step: list[C] = [parts[2]] if node.kind == "for" else []
    if node.kind == "for":
        translator.statement(parts[0], inner, out)
    go = f"go{at.line}_{at.column}"
    nodes = _round(at, body, step, go, inner)
    condition: Out = []
    test = translator.condition(test_node, inner, condition)
    if node.kind == "repeat":
        _repeat(translator, at, test_node, nodes, go, inner, out)
        return
    if isinstance(test, bool) and not test:
        return
    if condition:  # what it needs is computed at the beginning of each round
        inner.variables[go] = "real"
        stop = C("jump", at, "break")
        leave = C("if", at, "", (C("unary", at, "!", (test_node,)), stop))
        rest = C("block", at, "", tuple(nodes))
        nodes = _guarded([leave, rest], go, go)
        test = True
    elif isinstance(test, bool) and go not in inner.variables:
        if not _returns(body):
            raise translator.error(at, "this condition of a loop is not supported")
        inner.variables[go] = "real"
    if go in inner.variables:
        out += _start(at, go)
    lowered = translator.block(at, nodes, inner)
    if not lowered.statements:  # what the condition does is all
        idle = tree.Name(at, f"idle{at.line}_{at.column}")
        out.append(tree.Local(at, ((idle.id, 0),)))
        lowered = tree.Block(at, (tree.Assign(at, idle, tree.Number(at, 0.0)),))
    until: tree.Expression = tree.Name(at, go)
    if not isinstance(test, bool):
        until = tree.Binary(at, "&&", until, test) if go in inner.variables else test
    out.append(tree.While(at, until, lowered))


def _round(at: Position, body: C, step: list[C], go: str, scope: Scope) -> list[C]:
    """The statements of a round, with variables in the place of break and continue."""
    if not _jumps(body, ("break", "continue")):
        return [body, *step]
    on = f"on{at.line}_{at.column}"
    for variable in (go, on):
        scope.variables[variable] = "real"
    declared = C("variable", at, on, (C("real", at), C("number", at, "1")))
    nodes = [C("declare", at, "double", (declared,)), *_guarded([body], go, on)]
    if step and _jumps(body, ("break",)):
        step = [C("if", at, "", (C("name", at, go), *step))]
    return [*nodes, *step]


def lower_switch(translator: CTranslator, node: C, scope: Scope, out: Out) -> None:
    """A case runs where its value is met or the case before fell through; break skips the rest."""
    at = node.at
    chosen, on, met = (f"{stem}{at.line}_{at.column}" for stem in ("value", "on", "met"))
    real = C("real", at)
    first = (node.parts[0], C("number", at, "1"), C("number", at, "0"))
    declared = [
        C("variable", at, name, (real, value))
        for name, value in zip((chosen, on, met), first, strict=True)
    ]
    nodes = [C("declare", at, "double", tuple(declared))]
    labels = [label for case in node.parts[1:] for label in case.parts[1:]]
    equal = [
        C("binary", at, "==", (C("name", at, chosen), label))
        for label in labels
        if label.kind != "default"
    ]
    for case in node.parts[1:]:
        tests = [C("name", at, met)]
        for label in case.parts[1:]:
            if label.kind == "default":
                tests.append(C("unary", at, "!", (_any(at, equal),)) if equal else _one(at))
            else:
                tests.append(C("binary", at, "==", (C("name", at, chosen), label)))
        here = C("binary", at, "&&", (C("name", at, on), _any(at, tests)))
        body = _guarded([_assigned(at, met, "1"), case.parts[0]], on, on)
        nodes.append(C("if", at, "", (here, C("block", at, "", tuple(body)))))
    inner = scope.inner()
    out += translator.block(at, nodes, inner).statements


def _any(at: Position, tests: Sequence[C]) -> C:
    made = tests[0]
    for test in tests[1:]:
        made = C("binary", at, "||", (made, test))
    return made


def _one(at: Position) -> C:
    return C("number", at, "1")


def _assigned(at: Position, name: str, value: str) -> C:
    return C("do", at, "", (C("assign", at, "=", (C("name", at, name), C("number", at, value))),))


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
    is_left = go in scope.variables
    scope.variables[go] = "real"
    again = C("do", at, "", (C("assign", at, "=", (C("name", at, go), test)),))
    out += _start(at, go)
    if is_left:
        again = C("if", at, "", (C("name", at, go), again))
    out.append(tree.While(at, tree.Name(at, go), translator.block(at, [*nodes, again], scope)))


def _jumps(node: C, words: tuple[str, ...]) -> bool:
    """Does a break or continue of this loop stand in a statement?"""
    if node.kind == "jump":
        return node.text in words
    if node.kind in LOOPS:
        return False
    if node.kind == "switch":
        words = tuple(w for w in words if w != "break")
    return any(_jumps(part, words) for part in node.parts)


def _returns(node: C) -> bool:
    return node.kind == "return" or any(map(_returns, node.parts))


_BOTH = ("break", "continue")


def _guarded(nodes: Sequence[C], go: str, on: str) -> list[C]:
    """The statements, those after a possible break or continue only if there was none."""
    out: list[C] = []
    for k, node in enumerate(nodes):
        out.append(_without_jumps(node, go, on))
        if _jumps(node, _BOTH) and k + 1 < len(nodes):
            rest = C("block", node.at, "", tuple(_guarded(nodes[k + 1 :], go, on)))
            out.append(C("if", node.at, "", (C("name", node.at, on), rest)))
            break
    return out


def _without_jumps(node: C, go: str, on: str) -> C:
    if not _jumps(node, _BOTH):
        return node
    if node.kind == "jump":
        at = node.at
        stop = [_assigned(at, on, "0")]
        if node.text == "break" and go != on:
            stop.append(_assigned(at, go, "0"))
        return C("block", at, "", tuple(stop))
    if node.kind == "block":
        return C("block", node.at, "", tuple(_guarded(node.parts, go, on)))
    if node.kind == "switch":
        raise NmodlError(
            node.at.file, node.at.line, node.at.column,
            "VERBATIM: continue inside a switch is not supported",
        )  # fmt: skip
    return C(node.kind, node.at, node.text, tuple(_without_jumps(p, go, on) for p in node.parts))
