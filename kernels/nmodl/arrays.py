"""Elements of arrays whose index is known only at run time.

Arrays of ASSIGNED, PARAMETER and LOCAL outside of blocks go into the memory of the instance: its
elements are `Mechanism.memory`, read by ``x = element(place)`` and set by
``set_element(place, value)``, constant indices too. An array that a solver or a block's own LOCAL
needs as variables stays so; its elements are chosen by comparing the index with each of them. As in
C, an index is cut to a whole number; one outside of the array means its first or last element.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kernels.nmodl import tree
from kernels.nmodl.build import assign, binary, call, compare, name, num, value_of
from kernels.nmodl.optimise import fold_expression

if TYPE_CHECKING:
    from kernels.nmodl.translate import Body, Environment, Translator

MAX_CHOICES = 128


class NeedsMemory(Exception):
    """An array must lie in memory; the file is lowered again with that known."""

    def __init__(self, array: str):
        self.array = array
        super().__init__(array)


def place_memory(translator: Translator) -> tuple[str, ...]:
    """The variables of `Mechanism.memory`: elements of all arrays that lie there."""
    symbols = translator.symbols
    return tuple(s for n in symbols.arrays if n in symbols.memory for s in symbols.scalars(n))


def is_dynamic(translator: Translator, node: tree.Name, env: Environment) -> bool:
    """Is an element to be read and set by `read_element` and `set_element`?"""
    found = env.get(node.id)
    if found is None and node.id in translator.symbols.memory:
        return True
    if node.index is None:
        return False
    is_array = isinstance(found, list) or (found is None and node.id in translator.symbols.arrays)
    if not is_array:
        return False
    index = fold_expression(translator.expression(node.index, env, []))
    if value_of(index) is not None:
        return False
    if found is None and node.id not in {d.name for d in translator.file.states}:
        raise NeedsMemory(node.id)
    return True


def read_element(translator: Translator, node: tree.Name, env: Environment, out: Body) -> ast.expr:
    """The value of an element."""
    value = translator.fresh(node.id)
    if env.get(node.id) is None and node.id in translator.symbols.memory:
        out.append(assign(value, call("element", _place(translator, node, env, out))))
        return name(value)
    elements, index = _choices(translator, node, env, out)
    out.append(assign(value, name(elements[0])))
    for i, one in enumerate(elements[1:], 1):
        out.append(ast.If(_is(index, i), [assign(value, name(one))], []))
    return name(value)


def set_element(
    translator: Translator, node: tree.Name, value: ast.expr, env: Environment, out: Body
) -> None:
    """Give an element a value."""
    if env.get(node.id) is None and node.id in translator.symbols.memory:
        place = _place(translator, node, env, out)
        out.append(ast.Expr(call("set_element", place, value)))
        return
    new = translator.fresh(node.id)
    out.append(assign(new, value))
    elements, index = _choices(translator, node, env, out)
    for i, one in enumerate(elements):
        out.append(ast.If(_is(index, i), [assign(one, name(new))], []))


def _is(index: str, i: int) -> ast.expr:
    return compare(name(index), ast.Eq(), num(float(i)))


def _place(translator: Translator, node: tree.Name, env: Environment, out: Body) -> ast.expr:
    symbols = translator.symbols
    first = place_memory(translator).index(symbols.scalars(node.id)[0])
    index = _index(translator, node, symbols.arrays[node.id], env, out)
    return fold_expression(binary(ast.Add(), num(float(first)), index))


def _index(
    translator: Translator, node: tree.Name, length: int, env: Environment, out: Body
) -> ast.expr:
    """The index, whole and inside of the array."""
    if node.index is None:
        return num(0.0)
    index = fold_expression(translator.expression(node.index, env, out))
    value = value_of(index)
    if value is not None:
        if not 0 <= int(value) < length:
            found = f"{node.id} has elements 0 to {length - 1}, found {value:g}"
            raise translator.error(node.at, found)
        return num(float(int(value)))
    last = num(float(length - 1))
    return call("min", call("max", call("floor", index), num(0.0)), last)


def _choices(
    translator: Translator, node: tree.Name, env: Environment, out: Body
) -> tuple[list[str], str]:
    """The variables of an array, and the one that holds the index."""
    elements = env.get(node.id) or translator.symbols.scalars(node.id)
    if len(elements) > MAX_CHOICES:
        found = f"an index that is known only at run time chooses of up to {MAX_CHOICES} elements"
        raise translator.error(node.at, f"{node.id} has {len(elements)}; {found}")
    index = translator.fresh("index")
    out.append(assign(index, _index(translator, node, len(elements), env, out)))
    return elements, index
