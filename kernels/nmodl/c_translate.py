"""C of VERBATIM blocks to statements of NMODL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kernels.nmodl import tree
from kernels.nmodl import verbatim as table
from kernels.nmodl.c_declare import ARRAYS, declare_array, keep
from kernels.nmodl.c_generators import begin_stream, is_generator, lower_generator
from kernels.nmodl.c_loops import lower_loop, lower_switch
from kernels.nmodl.c_parser import C
from kernels.nmodl.c_scope import FileFacts, Known, Number, Out, Scope, Value
from kernels.nmodl.c_values import CHANGES, CValues
from kernels.nmodl.scanner import Position


class CTranslator(CValues):
    """Translates the C of one routine; `hole(k, scope)` gives the k-th NMODL statement."""

    def __init__(self, facts: FileFacts, hole: Callable[[int, Scope], Sequence[tree.Statement]]):
        super().__init__(facts)
        self.hole = hole
        #: variables that C keeps between calls: here one value an instance
        self.statics: list[tree.Declaration] = []

    def call(self, node: C, scope: Scope, out: Out) -> Value:
        """The value of a call."""
        if is_generator(node.text) and node.text not in self.facts.routines:
            return Number(*lower_generator(self, node.text, node.parts, node.at, scope, out))
        return super().call(node, scope, out)

    # ---- statements ---------------------------------------------------------------------------

    def statements(self, nodes: Sequence[C], scope: Scope, out: Out) -> None:
        """Translate statements into `out`."""
        for node in nodes:
            self.statement(node, scope, out)

    def block(self, at: Position, nodes: Sequence[C], scope: Scope) -> tree.Block:
        """Statements as a block of their own."""
        out: Out = []
        self.statements(nodes, scope.inner(), out)
        return tree.Block(at, tuple(out))

    def statement(self, node: C, scope: Scope, out: Out) -> None:
        """Translate one statement into `out`."""
        match node.kind:
            case "hole":
                out += self.hole(int(node.text), scope)
            case "block":
                # what C declares in it may hide names only inside; NMODL sees them to the end
                known = dict(scope.known)
                self.statements(node.parts, scope, out)
                scope.known = {**scope.known, **known}
            case "declare":
                self._declare(node, scope, out)
            case "if":
                self._if(node, scope, out)
            case "while" | "for" | "repeat":
                lower_loop(self, node, scope, out)
            case "switch":
                lower_switch(self, node, scope, out)
            case "return":
                if node.parts and scope.function:
                    value = self.number(node.parts[0], scope, out).node
                    out.append(tree.Assign(node.at, tree.Name(node.at, scope.function), value))
                out.append(tree.Verbatim(node.at, "return;"))
            case "foreign":
                pass  # a prototype; who uses it is refused
            case "jump":
                raise self.error(node.at, f"{node.text} is not supported")
            case _:
                self._effect(node.parts[0], scope, out)

    def _declare(self, node: C, scope: Scope, out: Out) -> None:
        is_static = "static" in node.text.split()
        for variable in node.parts:
            kind = variable.parts[0].kind
            if kind in ARRAYS:
                declare_array(self, variable, is_static, scope, out)
            elif is_static and kind != "pointer":
                self.statics.append(keep(self, variable, scope))
            else:
                self._declare_one(variable, kind, scope, out)

    def _declare_one(self, variable: C, kind: str, scope: Scope, out: Out) -> None:
        scope.forget(variable.text)
        scope.variables[variable.text] = kind
        if kind != "pointer":
            out.append(tree.Local(variable.at, ((variable.text, 0),)))
        if len(variable.parts) > 1:
            self._set(variable.text, variable.parts[1], variable.at, scope, out)

    def _if(self, node: C, scope: Scope, out: Out) -> None:
        test = self.condition(node.parts[0], scope, out)
        if isinstance(test, bool):
            taken = node.parts[1:2] if test else node.parts[2:3]
            self.statements(taken, scope, out)
            return
        body = self.block(node.at, node.parts[1:2], scope)
        orelse = self.block(node.at, node.parts[2:3], scope)
        if body.statements or orelse.statements:
            out.append(tree.If(node.at, test, body, orelse))

    def _effect(self, node: C, scope: Scope, out: Out) -> None:
        """An expression that stands alone."""
        if node.kind == "assign":
            self._assign(node, scope, out)
        elif node.kind in ("step", "later"):
            one = C("number", node.at, "1")
            self._assign(C("assign", node.at, f"{node.text[0]}=", (node.parts[0], one)), scope, out)
        elif node.kind == "call":
            if node.text in table.DROPPED:
                return
            value = self.call(node, scope, out)
            if isinstance(value, Number) and isinstance(value.node, tree.Call):
                out.append(tree.CallStatement(node.at, value.node))
        elif node.kind == "cast":
            self._effect(node.parts[0], scope, out)
        else:
            self.value(node, scope, out)

    def value(self, node: C, scope: Scope, out: Out) -> Value:
        """The value of an expression; what it changes goes to `out`."""
        if node.kind not in CHANGES:
            return super().value(node, scope, out)
        if node.kind == "later":
            before = self.number(node.parts[0], scope, out)
            kept = tree.Name(node.at, f"before{node.at.line}_{node.at.column}")
            out += [tree.Local(node.at, ((kept.id, 0),)), tree.Assign(node.at, kept, before.node)]
            self._effect(node, scope, out)
            return Number(kept, before.whole)
        self._effect(node, scope, out)
        return self.value(node.parts[0], scope, out)

    def _assign(self, node: C, scope: Scope, out: Out) -> None:
        left, right = node.parts
        if right.kind == "assign":
            self._assign(right, scope, out)
            right = right.parts[0]
        if node.text != "=":
            right = C("binary", node.at, node.text[:-1], (left, right))
        if self._is_new_stream(right):
            begin_stream(self, left, right, scope, out)
            return
        if left.kind == "name" and left.text in scope.variables:
            self._set(left.text, right, node.at, scope, out)
            return
        place, value = self.number(left, scope, out), self.number(right, scope, out)
        target = place.node
        if not isinstance(target, tree.Name) or target.id in scope.elements:
            raise self.error(node.at, "this assignment is not supported")
        value = self.cut(value) if place.whole else value
        out.append(tree.Assign(node.at, target, value.node))

    @staticmethod
    def _is_new_stream(node: C) -> bool:
        while node.kind == "cast":
            node = node.parts[0]
        return node.kind == "call" and node.text in table.NEW_STREAM

    def _set(self, name: str, value: C, at: Position, scope: Scope, out: Out) -> None:
        """Give a variable of C a value, now or when the model runs."""
        found = self.value(value, scope, out)
        kind = scope.variables[name]
        if isinstance(found, Known):
            scope.known[name] = found
            return
        if kind == "pointer":
            raise self.error(at, f"what the pointer {name} gets is not supported")
        scope.known.pop(name, None)
        node = self.cut(found).node if kind == "whole" else found.node
        out.append(tree.Assign(at, tree.Name(at, name), node))
