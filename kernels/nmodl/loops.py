"""WHILE and FROM: loops, unrolled where the rounds are known and few."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kernels.nmodl import tree
from kernels.nmodl.build import add, assign, binary, call, compare, name, num, value_of
from kernels.nmodl.optimise import fold_expression

if TYPE_CHECKING:
    from kernels.nmodl.translate import Body, Environment, Translator

MAX_UNROLLED = 1000
FEW = 32  # rounds of a loop over an array in memory
#: Statements that solvers collect: their loops are written out.
COLLECTED = ("reaction", "equation", "derivative", "conserve")


def lower_while(translator: Translator, statement: tree.While, env: Environment, out: Body) -> None:
    """Put a WHILE loop into `out`."""
    if not statement.body.statements:
        raise translator.error(statement.at, "a WHILE loop needs statements")
    _loop(translator, statement.condition, statement.body, [], env, out)


def lower_from(translator: Translator, statement: tree.From, env: Environment, out: Body) -> None:
    """Put a FROM loop into `out`."""
    step = 1 if statement.step is None else translator.integer(statement.step, env)
    if step == 0:
        raise translator.error(statement.at, "the step of a FROM loop is not 0")
    first = _known(translator, statement.first, env)
    last = _known(translator, statement.last, env)
    if first is None or last is None or _is_better_run(translator, statement, last - first):
        _run(translator, statement, step, env, out)
        return
    if abs(last - first) > MAX_UNROLLED * abs(step):
        raise translator.error(
            statement.at, f"a FROM loop that is written out has at most {MAX_UNROLLED} rounds"
        )
    for i in range(int(first), int(last) + (1 if step > 0 else -1), step):
        translator.block(statement.body, {**env, statement.index: float(i)}, out)


def _known(translator: Translator, node: tree.Expression, env: Environment) -> float | None:
    return value_of(fold_expression(translator.expression(node, env, [])))


def _is_better_run(translator: Translator, statement: tree.From, rounds: float) -> bool:
    """Many rounds that no solver needs written out, over arrays in memory or none at all."""
    if rounds <= FEW or any(word in translator.hooks for word in COLLECTED):
        return False
    used = _names(statement.body)
    in_memory = bool(used & translator.symbols.memory)
    return in_memory or not used & set(translator.symbols.arrays)


def _names(node: object) -> set[str]:
    """Every name below a node of the tree."""
    if isinstance(node, tree.Name):
        return {node.id} | _names(node.index)
    if isinstance(node, tuple | list):
        return set().union(*(map(_names, node)), set())
    if isinstance(node, tree.Node):
        return set().union(*(_names(value) for value in vars(node).values()), set())
    return set()


def _run(
    translator: Translator, statement: tree.From, step: int, env: Environment, out: Body
) -> None:
    """A loop that runs; as in C its last value is computed anew before every round."""
    index = translator.fresh(statement.index)
    first = translator.expression(statement.first, env, out)
    out.append(assign(index, _whole(first)))
    inner = {**env, statement.index: index}
    here = tree.Name(statement.at, statement.index)
    op = "<=" if step > 0 else ">="
    condition = tree.Binary(statement.at, op, here, statement.last)
    advance = assign(index, add(name(index), num(float(step))))
    _loop(translator, condition, statement.body, [advance], inner, out)


def _whole(node: ast.expr) -> ast.expr:
    """Cut to a whole number, towards zero: floor(x) above zero, ceil(x) below."""
    above = call("max", call("floor", node), num(0.0))
    below = call("min", call("ceil", node), num(0.0))
    return fold_expression(binary(ast.Add(), above, below))


def _loop(
    translator: Translator,
    condition: tree.Expression,
    block: tree.Block,
    tail: Body,
    env: Environment,
    out: Body,
) -> None:
    """While the condition holds, the block and then `tail`."""
    test = translator.condition(condition, env, out)
    body: Body = []
    translator.block(block, env, body)
    body += tail
    if not body:
        return
    again: Body = []
    condition_again = translator.condition(condition, env, again)
    if again:  # the condition needs statements: compute it before the loop and at its end
        flag = translator.fresh("while")
        out.append(assign(flag, num(0.0)))
        out.append(ast.If(test, [assign(flag, num(1.0))], []))
        body += [
            *again,
            assign(flag, num(0.0)),
            ast.If(condition_again, [assign(flag, num(1.0))], []),
        ]
        test = compare(name(flag), ast.NotEq(), num(0.0))
    out.append(ast.While(test, body, []))
