"""Values of C in VERBATIM blocks: expressions of NMODL, or what is known when compiling.

Pointers to random streams and to hoc Vectors are known when compiling, and conditions on them are
decided: `if (_p_rng)` holds. Element i of the Vector of an artificial cell is time i of the train
that it plays, and `i < vector_capacity(x)` asks whether that time exists.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl import verbatim as table
from kernels.nmodl.c_parser import C
from kernels.nmodl.c_scope import NULL, FileFacts, Known, Number, Out, Scope, Value
from kernels.nmodl.functions import FUNCTIONS
from kernels.nmodl.library import LIBRARY
from kernels.nmodl.random import is_random
from kernels.nmodl.scanner import Position

_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ION = "_ion_"


CHANGES = ("assign", "step", "later")


def changes(node: C) -> bool:
    """Does an expression set a variable?"""
    return node.kind in CHANGES or any(map(changes, node.parts))


class CValues:
    """Translates the expressions of one routine."""

    def __init__(self, facts: FileFacts):
        self.facts = facts

    def error(self, at: Position, message: str) -> NmodlError:
        """An error at a place in C."""
        return NmodlError(at.file, at.line, at.column, f"VERBATIM: {message}")

    # ---- conditions ---------------------------------------------------------------------------

    def condition(self, node: C, scope: Scope, out: Out) -> bool | tree.Expression:
        """A condition, decided where it can be."""
        if node.kind == "unary" and node.text == "!":
            inner = self.condition(node.parts[0], scope, out)
            return not inner if isinstance(inner, bool) else tree.Unary(node.at, "!", inner)
        if node.kind == "binary" and node.text in ("&&", "||"):
            absorbing = node.text == "||"
            left = self.condition(node.parts[0], scope, out)
            if left is absorbing:
                return left
            if not isinstance(left, bool) and changes(node.parts[1]):
                raise self.error(node.at, f"a change behind {node.text} is not supported")
            right = self.condition(node.parts[1], scope, out)
            if isinstance(left, bool) or right is absorbing:
                return right
            return left if isinstance(right, bool) else tree.Binary(node.at, node.text, left, right)
        value = self.value(node, scope, out)
        if isinstance(value, Known):
            return value.truth
        return bool(value.node.value) if isinstance(value.node, tree.Number) else value.node

    # ---- values -------------------------------------------------------------------------------

    def number(self, node: C, scope: Scope, out: Out) -> Number:
        """A value of the model."""
        value = self.value(node, scope, out)
        if isinstance(value, Known):
            raise self.error(node.at, "a pointer is not supported here")
        return value

    def value(self, node: C, scope: Scope, out: Out) -> Value:
        """The value of an expression."""
        match node.kind:
            case "number":
                return self._constant(node)
            case "name":
                return self._name(node, scope)
            case "call":
                return self.call(node, scope, out)
            case "cast":
                inner = self.value(node.parts[0], scope, out)
                is_cut = node.text == "whole" and isinstance(inner, Number)
                return self.cut(inner) if is_cut and isinstance(inner, Number) else inner
            case "unary":
                return self._unary(node, scope, out)
            case "binary":
                return self._binary(node, scope, out)
            case "index":
                return self._index(node, scope, out)
            case "choose":
                return self._choose(node, scope, out)
            case "member" if node.parts[0].text == "_nt" and node.text in ("_t", "_dt"):
                return Number(tree.Name(node.at, node.text[1:]))
            case "text":
                return Known("text")
        raise self.error(node.at, f"this use of {node.text or node.kind} in C is not supported")

    def _constant(self, node: C) -> Number:
        if node.text[:2].lower() == "0x":
            return Number(tree.Number(node.at, float(int(node.text.rstrip("uUlL"), 16))), True)
        text = node.text.rstrip("uUlLfF")
        return Number(tree.Number(node.at, float(text)), text.isdigit())

    def _name(self, node: C, scope: Scope) -> Value:
        text, at = node.text, node.at
        if text in scope.variables:
            if text in scope.known:
                return scope.known[text]
            if scope.variables[text] == "pointer":
                return NULL
            return Number(tree.Name(at, text), scope.variables[text] == "whole")
        if text in scope.statics:
            return Number(tree.Name(at, scope.statics[text].name), scope.statics[text].whole)
        if text in self.facts.pointers:
            return self.facts.pointers[text]
        if text in table.THREADS and text not in self.facts.names:
            return Known("thread")
        if text in table.NULLS:
            return NULL
        if text in table.CONSTANTS and text not in self.facts.names:
            return Number(tree.Number(at, table.CONSTANTS[text]))
        if text.startswith("_l") and text[2:] in scope.locals | {scope.function, "flag"}:
            return Number(tree.Name(at, text[2:]))
        if text.startswith("_z") and text[2:] in self.facts.names:
            text = text[2:]  # a LOCAL outside of blocks
        if text.startswith(_ION):
            text = text[len(_ION) :]
        if text.startswith("_p_") and text[3:] in self.facts.plain_pointers:
            return Known("place", text[3:])
        if text in self.facts.names or text in scope.locals or text in ("v", "t", "dt"):
            return Number(tree.Name(at, text))
        raise self.error(at, f"{text} is not declared; expected a variable of this file or of C")

    def _unary(self, node: C, scope: Scope, out: Out) -> Value:
        if node.text == "!":
            test = self.condition(node, scope, out)
            if isinstance(test, bool):
                return Number(tree.Number(node.at, float(test)), True)
            return Number(test, True)
        if node.text == "&":
            inner = node.parts[0]
            if inner.kind == "name" and inner.text in self.facts.pointers:
                return self.facts.pointers[inner.text]
            if inner.kind == "name":
                of = self._name(inner, scope)
                if isinstance(of, Number) and isinstance(of.node, tree.Name):
                    return Known("place", of.node.id)
            raise self.error(node.at, "the address of a variable is not supported")
        value = self.value(node.parts[0], scope, out)
        if isinstance(value, Known):
            if node.text == "*" and value.kind == "place":
                return Number(tree.Name(node.at, value.name))
            if node.text == "*" and value.kind in ("stream", "vector", "null"):
                return value  # of a pointer to the pointer
            raise self.error(node.at, f"{node.text} of a pointer is not supported")
        if node.text == "*":
            raise self.error(node.at, "this pointer is not supported")
        if node.text == "~":
            less = tree.Number(node.at, 1.0)
            return Number(
                tree.Binary(node.at, "-", tree.Unary(node.at, "-", value.node), less), True
            )
        if node.text == "+":
            return value
        return Number(tree.Unary(node.at, "-", value.node), value.whole)

    def _binary(self, node: C, scope: Scope, out: Out) -> Value:
        at, op = node.at, node.text
        if op in ("&&", "||"):
            test = self.condition(node, scope, out)
            number = tree.Number(at, float(test)) if isinstance(test, bool) else test
            return Number(number, True)
        left, right = (self.value(part, scope, out) for part in node.parts)
        if isinstance(left, Known) or isinstance(right, Known):
            return self._compare_known(at, op, left, right)
        if op in table.BITS:
            args = (self.cut(left).node, self.cut(right).node)
            return Number(tree.Call(at, table.BITS[op], args), True)
        whole = left.whole and right.whole
        if op == "%":
            return Number(tree.Call(at, "fmod", (left.node, right.node)), True)
        decided = self._decide(op, left.node, right.node)
        if decided is not None:
            return Number(tree.Number(at, float(decided)), True)
        made = Number(tree.Binary(at, op, left.node, right.node), whole)
        return self.cut(Number(made.node)) if op == "/" and whole else made

    @staticmethod
    def _decide(op: str, left: tree.Expression, right: tree.Expression) -> bool | None:
        """A comparison of two constants."""
        if op not in _COMPARE or not isinstance(left, tree.Number):
            return None
        return _COMPARE[op](left.value, right.value) if isinstance(right, tree.Number) else None

    def _compare_known(self, at: Position, op: str, left: Value, right: Value) -> Value:
        """A pointer compared with another, or an index with the size of a vector."""
        if isinstance(right, Known) and right.kind == "size" and isinstance(left, Number):
            return self._compare_known(at, _SWAPPED.get(op, op), right, left)
        if isinstance(left, Known) and left.kind == "size" and isinstance(right, Number):
            zero, i = tree.Number(at, 0.0), right.node
            if not left.name:  # of a vector that is absent: nothing is below it
                is_above = op in ("<=", ">") and not isinstance(i, tree.Number)
                found = op == "<=" if is_above else self._decide(op, zero, i)
                if found is not None:
                    return Number(tree.Number(at, float(found)), True)
            if op in (">=", "<"):
                i = tree.Binary(at, "-", i, tree.Number(at, 1.0))
            if op in _SWAPPED:
                exists = ">=" if op in (">", ">=") else "<"
                time = tree.Call(at, "train", (i,))
                return Number(tree.Binary(at, exists, time, zero), True)
        if left == right == Known("thread"):  # C asks whether this is the first thread
            return Number(tree.Number(at, float(op == "==")), True)
        truths = [
            value.truth if isinstance(value, Known) else self._null(value)
            for value in (left, right)
        ]
        if op in ("==", "!=") and False in truths and None not in truths:
            return Number(tree.Number(at, float((truths[0] == truths[1]) == (op == "=="))), True)
        raise self.error(at, f"{op} of pointers is not supported")

    @staticmethod
    def _null(value: Number) -> bool | None:
        is_zero = isinstance(value.node, tree.Number) and value.node.value == 0.0
        return False if is_zero else None

    def _index(self, node: C, scope: Scope, out: Out) -> Value:
        base, place = node.parts
        i = self.number(place, scope, out).node
        if base.text == "_args" and isinstance(i, tree.Number) and i.value < len(scope.args):
            return Number(tree.Name(node.at, scope.args[int(i.value)]))
        if base.kind == "name" and base.text in scope.arrays:
            array, whole = scope.arrays[base.text]
            return Number(tree.Name(node.at, array, i), whole)
        if base.kind == "name" and base.text in scope.lists:
            element = self._select(node.at, scope.lists[base.text], i, out)
            scope.elements.add(element.id)
            return Number(element)
        if base.kind == "name" and base.text in self.facts.names | scope.locals:
            return Number(tree.Name(node.at, base.text, i))
        of = self.value(base, scope, out)
        if isinstance(of, Known) and of.kind == "elements":
            return Number(tree.Call(node.at, "train", (i,)))
        if isinstance(of, Known) and of.kind == "place" and self._null(Number(i)) is False:
            return Number(tree.Name(node.at, of.name))
        raise self.error(node.at, "an element of this is not supported")

    @staticmethod
    def _select(
        at: Position, values: Sequence[tree.Expression], i: tree.Expression, out: Out
    ) -> tree.Name:
        """An element of a constant array."""
        target = tree.Name(at, f"element{at.line}_{at.column}")
        out += [tree.Local(at, ((target.id, 0),)), tree.Assign(at, target, tree.Number(at, 0.0))]
        for k, value in enumerate(values):
            test = tree.Binary(at, "==", i, tree.Number(at, float(k)))
            body = tree.Block(at, (tree.Assign(at, target, value),))
            out.append(tree.If(at, test, body, tree.Block(at)))
        return target

    def _choose(self, node: C, scope: Scope, out: Out) -> Value:
        test = self.condition(node.parts[0], scope, out)
        if isinstance(test, bool):
            return self.value(node.parts[1 if test else 2], scope, out)
        name = f"chosen{node.at.line}_{node.at.column}"
        target = tree.Name(node.at, name)
        sides, whole = [], True
        for part in node.parts[1:]:
            side: Out = []
            value = self.number(part, scope, side)
            whole = whole and value.whole
            side.append(tree.Assign(node.at, target, value.node))
            sides.append(tree.Block(node.at, tuple(side)))
        out += [tree.Local(node.at, ((name, 0),)), tree.If(node.at, test, *sides)]
        return Number(target, whole)

    @staticmethod
    def cut(value: Number) -> Number:
        """Towards zero to a whole number: floor(x) above zero plus ceil(x) below."""
        if value.whole:
            return value
        at, x = value.node.at, value.node
        if isinstance(x, tree.Number):
            return Number(tree.Number(at, float(int(x.value))), True)
        zero = tree.Number(at, 0.0)
        above = tree.Call(at, "fmax", (tree.Call(at, "floor", (x,)), zero))
        below = tree.Call(at, "fmin", (tree.Call(at, "ceil", (x,)), zero))
        return Number(tree.Binary(at, "+", above, below), True)

    # ---- calls --------------------------------------------------------------------------------

    def call(self, node: C, scope: Scope, out: Out) -> Value:
        name, at = node.text, node.at
        given = [p for p in node.parts if not (p.kind == "name" and p.text in table.HANDED_ON)]
        if name in table.NO_ARGUMENTS:
            return Number(tree.Number(at, 0.0), True)
        if name in table.VECTOR_SIZE or name in table.VECTOR_ELEMENTS:
            vector = self.value(given[0], scope, out) if given else NULL
            if vector == NULL:
                return Known("size") if name in table.VECTOR_SIZE else NULL
            if not (isinstance(vector, Known) and vector.kind == "vector"):
                raise self.error(at, f"{name}: this Vector is not supported")
            return Known("size" if name in table.VECTOR_SIZE else "elements", vector.name)
        if name in table.VECTOR_BOTH and len(given) == 2:
            return self._vector(given, scope, out)
        known = (*table.DRAWS, *table.PICKS, *table.SET_SEQUENCE, *table.SET_IDENTITY)
        if name in known:
            return self._random(name, given, at, scope, out)
        if name in table.EVENTS and len(node.parts) == table.EVENTS[name][1]:
            call, _, first = table.EVENTS[name]
            due, *flag = (self.number(p, scope, out).node for p in node.parts[first:])
            wait = tree.Binary(at, "-", due, tree.Name(at, "t")) if flag else due
            return Number(tree.Call(at, call, (wait, *flag)))
        if name in table.ARGUMENTS and len(given) == 1:
            k = self.number(given[0], scope, out).node
            if isinstance(k, tree.Number) and 1 <= k.value <= len(scope.given):
                return Known("place", scope.given[int(k.value) - 1])
        args = tuple(self.number(p, scope, out).node for p in given)
        plain = name.removesuffix(f"_{self.facts.suffix}")
        if plain in self.facts.routines:
            return Number(tree.Call(at, plain, args))
        name = table.FUNCTIONS.get(name, name)
        if name in FUNCTIONS or name in LIBRARY or is_random(name):
            return Number(tree.Call(at, name, args))
        raise self.error(at, f"the function {name} is not supported")

    def _vector(self, given: list[C], scope: Scope, out: Out) -> Value:
        """vector_instance_px(vector, &elements): its size."""
        vector, place = (
            self.value(given[0], scope, out),
            given[1].parts[0] if given[1].parts else None,
        )
        if place is None or scope.variables.get(place.text) != "pointer":
            raise self.error(given[1].at, "expected the address of a pointer")
        is_played = isinstance(vector, Known) and vector.kind == "vector"
        name = vector.name if isinstance(vector, Known) and is_played else ""
        scope.known[place.text] = Known("elements", name) if is_played else NULL
        return Known("size", name)

    def _random(self, name: str, given: list[C], at: Position, scope: Scope, out: Out) -> Value:
        first = given[0] if given else C("name", at, "NULL")
        is_variable = first.kind == "name" and first.text in self.facts.names
        stream = None if is_variable else self.value(first, scope, out)
        if isinstance(stream, Known) and stream.kind == "stream":
            source = stream.name
        elif is_variable:
            source = first.text  # a RANDOM variable
        else:
            raise self.error(at, f"{name}: expected a random stream")
        args = [self.number(p, scope, out).node for p in given[1:]]
        if name in table.SET_SEQUENCE:
            name = "random_setseq"
            if len(args) == 2:
                four = tree.Binary(at, "*", tree.Number(at, 4.0), args[0])
                args = [tree.Binary(at, "+", four, args[1])]
        elif name in table.SET_IDENTITY:
            name = "random_setids"
        else:
            name = table.DRAWS.get(name) or table.distribution(scope.function)
        return Number(tree.Call(at, name, (tree.Name(at, source), *args)))
