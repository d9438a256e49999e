"""Variables that C declares: static ones, arrays, and those of a whole file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl.c_parser import C, CParser
from kernels.nmodl.c_scanner import CToken
from kernels.nmodl.c_scope import Kept, Scope

if TYPE_CHECKING:
    from kernels.nmodl.c_scope import Out
    from kernels.nmodl.c_translate import CTranslator

ARRAYS = ("reals", "wholes")
MAX_LENGTH = 1000
_SET = r"\b{0}\s*\[[^\]]*\]\s*(?:[-+*/]?=(?!=|\s*\{{)|\+\+|--)|(?:\+\+|--)\s*{0}\s*\["


def keep(translator: CTranslator, variable: C, scope: Scope) -> tree.Declaration:
    """A static variable: a variable of the instance.

    Raises:
        NmodlError: it begins with what is no number.
    """
    value = 0.0
    if len(variable.parts) > 1:
        first = _constant(variable.parts[1])
        if first is None:
            raise translator.error(variable.at, "a static variable begins with a number")
        value = first
    kept = Kept(_kept_name(variable, scope), variable.parts[0].kind == "whole")
    scope.forget(variable.text)
    scope.statics[variable.text] = kept
    return tree.Declaration(variable.at, kept.name, value)


def _kept_name(variable: C, scope: Scope) -> str:
    return f"{scope.function or f'kept{variable.at.line}'}_{variable.text}"


def declare_array(
    translator: CTranslator, variable: C, is_static: bool, scope: Scope, out: Out
) -> None:
    """An array: LOCAL, of the instance where it is static and set, constant where nobody sets it.

    Raises:
        NmodlError: its length is not known, or it is static, set, and begins with other than zeros.
    """
    at, name = variable.at, variable.text
    kind, *given = variable.parts
    values = tuple(translator.number(part, scope, out).node for part in given)
    length = _length(translator, kind, len(values), scope)
    scope.forget(name)
    if is_static and values and not re.search(_SET.format(name), translator.facts.text):
        zeros = (tree.Number(at, 0.0),) * (length - len(values))
        scope.lists[name] = (*values, *zeros)
        return
    whole = kind.kind == "wholes"
    if is_static:
        if any(v != tree.Number(v.at, 0.0) for v in values):
            raise translator.error(at, "a static array that is set begins with zeros")
        scope.arrays[name] = Kept(_kept_name(variable, scope), whole)
        made = tree.Declaration(at, scope.arrays[name].name, None, "", length)
        translator.statics.append(made)
        return
    scope.arrays[name] = Kept(name, whole)
    out.append(tree.Local(at, ((name, length),)))
    for k in range(length if values else 0):
        value = values[k] if k < len(values) else tree.Number(at, 0.0)
        out.append(tree.Assign(at, tree.Name(at, name, tree.Number(at, float(k))), value))


def _length(translator: CTranslator, kind: C, n_value: int, scope: Scope) -> int:
    found = translator.number(kind.parts[0], scope, []).node if kind.parts else None
    length = n_value if found is None else found.value if isinstance(found, tree.Number) else 0
    if not max(1, n_value) <= length <= MAX_LENGTH or length != int(length):
        allowed = f"a number from 1 to {MAX_LENGTH} known when compiling"
        raise translator.error(kind.at, f"the length of an array must be {allowed}")
    return int(length)


def file_variables(tokens: Sequence[CToken]) -> list[C]:
    """Declarations outside of functions; those that are not understood are left out."""
    found: list[C] = []
    start = depth = 0
    for i, token in enumerate(tokens):
        depth += (token.text in "{(") - (token.text in "})") if token.kind == "sign" else 0
        if depth == 0 and token.text in (";", "}"):
            piece = tokens[start : i + 1]
            is_list = token.text == "}" and any(t.text == "=" for t in piece)
            if token.text == ";":
                found += _declared(piece)
            if not is_list:
                start = i + 1
    return found


def _declared(tokens: Sequence[CToken]) -> list[C]:
    if not tokens or tokens[0].text in ("typedef", "extern", "struct", "union", "enum"):
        return []
    try:
        made = CParser(tokens, tokens[0].at).statements()
    except NmodlError:
        return []
    return [replace(n, text=f"static {n.text}") for n in made if _is_variable(n)]


def _is_variable(node: C) -> bool:
    """Is it no number that never changes? Those are constants of the file."""
    is_array = any(v.parts[0].kind in ARRAYS for v in node.parts if v.parts)
    return node.kind == "declare" and (is_array or "const" not in node.text.split())


def _constant(node: C) -> float | None:
    if node.kind == "unary" and node.text in "+-":
        value = _constant(node.parts[0])
        return value if value is None or node.text == "+" else -value
    try:
        return float(node.text.rstrip("uUlLfF")) if node.kind == "number" else None
    except ValueError:
        return None
