"""FOR_NETCONS: a loop over all connections onto an instance.

``train(j)`` is the place of the arguments of connection j in the memory of connections, negative
past the last; ``row()`` is that of the connection whose event is delivered. ``x = netcon(place)``
and ``set_netcon(place, value)`` reach that memory.
"""

from __future__ import annotations

import ast

from kernels.nmodl import tree
from kernels.nmodl.build import add, assign, call, compare, name, num
from kernels.nmodl.dataflow import stores_of
from kernels.nmodl.translate import Body, Environment, Translator


def lower_for_netcons(
    translator: Translator,
    statement: tree.ForNetcons,
    args: tuple[str, ...],
    env: Environment,
    out: Body,
) -> None:
    """Put the loop into `out`.

    Args:
        translator: of the file.
        statement: the loop.
        args: variables of NET_RECEIVE's arguments; what they are is put into memory before the
            loop and taken from there after it.
        env: names around it.
        out: where statements go.
    """
    if len(statement.args) > len(args):
        found = f"FOR_NETCONS has {len(statement.args)} arguments, NET_RECEIVE {len(args)}"
        raise translator.error(statement.at, found)
    fresh = translator.fresh
    j, place = fresh("connection"), fresh("place")
    own = [add(call("row"), num(float(k))) for k in range(len(args))]
    out += [ast.Expr(call("set_netcon", p, name(a))) for p, a in zip(own, args, strict=True)]
    out += [assign(j, num(0.0)), assign(place, call("train", num(0.0)))]
    places = [add(name(place), num(float(k))) for k in range(len(statement.args))]
    values = [fresh(a.name) for a in statement.args]
    body: Body = [assign(v, call("netcon", p)) for v, p in zip(values, places, strict=True)]
    inside: Body = []
    inner = {a.name: value for a, value in zip(statement.args, values, strict=True)}
    translator.block(statement.body, {**env, **inner}, inside)
    changed = stores_of(inside)
    body += inside
    body += [
        ast.Expr(call("set_netcon", p, name(v)))
        for v, p in zip(values, places, strict=True)
        if v in changed
    ]
    body += [
        assign(j, ast.BinOp(name(j), ast.Add(), num(1.0))),
        assign(place, call("train", name(j))),
    ]
    out.append(ast.While(compare(name(place), ast.GtE(), num(0.0)), body, []))
    out += [assign(a, call("netcon", p)) for a, p in zip(args, own, strict=True)]
