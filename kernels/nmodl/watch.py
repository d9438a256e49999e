"""WATCH: conditions that a NET_RECEIVE block activates, compared after every step.

Condition k is the variable ``watch__k`` of the instance: 0 not active, 1 active and false, 2 active
and true. The kernel `Mechanism.watch` sends the instance an event where one becomes true; its flag
is FIRST_FLAG - k, from which `deliver` finds that of the condition. As in NEURON the first WATCH
that a delivery comes to ends all conditions before, and takes back those of their events that are
under way: ``watch__due{k}`` says whether there is one.
"""

from __future__ import annotations

import ast

from kernels.mechanism import Variable
from kernels.nmodl import tree
from kernels.nmodl.build import assign, call, compare, name, num
from kernels.nmodl.translate import Body, Environment, Translator

EPSILON = 1e-11  # a value above minus this counts as true when the condition is activated
_STARTED = "_watching"
FIRST_FLAG = -1e6
_FLAG = "_watched_flag"


class Watches:
    """The conditions of one file."""

    def __init__(self, translator: Translator, routine: tree.Routine):
        self.translator = translator
        self.conditions: dict[object, int] = {}
        self.kernel: Body = []  # of `Mechanism.watch`
        for statement in _watches_in(routine.body):
            for condition, flag in statement.conditions:
                self._declare(condition, flag)

    def _declare(self, condition: tree.Expression, flag: tree.Expression) -> None:
        k = len(self.conditions)
        self.conditions[condition.at] = k
        for variable in (f"watch__{k}", f"watch__flag{k}", f"watch__due{k}"):
            self.translator.symbols.assigned[variable] = Variable(variable)
        inner: Body = []
        value = self._value(condition, inner)
        state = f"watch__{k}"
        fire = [
            assign(state, num(2.0)),
            assign(f"watch__due{k}", num(1.0)),
            ast.Expr(call("net_send", num(0.0), num(FIRST_FLAG - k))),
        ]
        below = compare(name(state), ast.Lt(), num(1.5))
        inner.append(
            ast.If(
                compare(value, ast.Gt(), num(0.0)),
                [ast.If(below, fire, [])],
                [assign(state, num(1.0))],
            )
        )
        self.kernel.append(ast.If(compare(name(state), ast.Gt(), num(0.5)), inner, []))

    def _value(self, condition: tree.Expression, out: Body) -> ast.expr:
        """What is above zero where the condition holds."""
        if not isinstance(condition, tree.Binary) or condition.op not in ("<", ">"):
            raise self.translator.error(condition.at, "WATCH needs a condition a > b or a < b")
        left = self.translator.expression(condition.left, {}, out)
        right = self.translator.expression(condition.right, {}, out)
        sides = (left, right) if condition.op == ">" else (right, left)
        return ast.BinOp(sides[0], ast.Sub(), sides[1])

    @property
    def flag(self) -> str:
        """The variable that holds the flag of a delivery."""
        return _FLAG if self.conditions else "flag"

    def deliver(self, body: Body) -> Body:
        """NET_RECEIVE with the flags of conditions; an event that was taken back does nothing."""
        if not self.conditions:
            return body
        taken = self.translator.fresh("taken")
        out: Body = [assign(_FLAG, name("flag")), assign(taken, num(0.0))]
        for k in self.conditions.values():
            due = f"watch__due{k}"
            gone = ast.If(compare(name(due), ast.Lt(), num(0.5)), [assign(taken, num(1.0))], [])
            found = [gone, assign(due, num(0.0)), assign(_FLAG, name(f"watch__flag{k}"))]
            out.append(ast.If(compare(name("flag"), ast.Eq(), num(FIRST_FLAG - k)), found, []))
        return [*out, ast.If(compare(name(taken), ast.Lt(), num(0.5)), body, [])]

    def activate(self, statement: tree.Watch, env: Environment, out: Body) -> None:
        """The hook for a WATCH statement."""
        ended: Body = [
            assign(f"watch__{part}{k}", num(0.0))
            for k in self.conditions.values()
            for part in ("", "due")
        ]
        out.append(ast.If(compare(name(_STARTED), ast.Eq(), num(0.0)), ended, []))
        out.append(assign(_STARTED, num(1.0)))
        for condition, flag in statement.conditions:
            k = self.conditions[condition.at]
            out.append(assign(f"watch__flag{k}", self.translator.expression(flag, env, out)))
            true = compare(self._value(condition, out), ast.GtE(), num(-EPSILON))
            state = f"watch__{k}"
            out.append(ast.If(true, [assign(state, num(2.0))], [assign(state, num(1.0))]))


def _watches_in(block: tree.Block) -> list[tree.Watch]:
    found: list[tree.Watch] = []
    for statement in block.statements:
        if isinstance(statement, tree.Watch):
            found.append(statement)
        for inner in ("body", "orelse"):
            nested = getattr(statement, inner, None)
            if isinstance(nested, tree.Block):
                found += _watches_in(nested)
    return found
