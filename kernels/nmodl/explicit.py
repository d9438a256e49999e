"""Explicit steps of DERIVATIVE and KINETIC blocks: METHOD euler and runge.

As in NEURON, the block is computed once more at the end, so that what it sets beside the states
belongs to them; CONSERVE is not looked at.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

from kernels.nmodl import tree
from kernels.nmodl.build import add, assign, div, mul, name, num
from kernels.nmodl.dataflow import stores_of
from kernels.nmodl.kinetic import make_rates
from kernels.nmodl.translate import Body, Environment, Translator


@dataclass(frozen=True)
class Rates:
    """The derivatives of some states, each as often as an equation names it."""

    body: Body  # what they need
    states: tuple[str, ...]
    rates: tuple[ast.expr, ...]  # of each state, where the body has been computed


def _rates_of(translator: Translator, routine: tree.Routine) -> Rates:
    body: Body = []
    if routine.keyword == "KINETIC":
        states, rates = make_rates(translator, routine, body)
        return Rates(body, tuple(states), tuple(rates))
    made: dict[str, str] = {}
    listed: list[str] = []

    def collect(statement: tree.Assign, env: Environment, out: Body) -> None:
        named = tree.Name(statement.at, statement.target.id, statement.target.index)
        state = translator.target(named, env)
        value = translator.expression(statement.value, env, out)
        listed.append(state)
        rate = made.setdefault(state, translator.fresh(f"rate_{state}"))
        out.append(assign(rate, value))

    with translator.hooked(derivative=collect):
        translator.block(routine.body, {}, body)
    return Rates(body, tuple(listed), tuple(name(made[state]) for state in listed))


def evaluate(translator: Translator, routine: tree.Routine, env: Environment, out: Body) -> None:
    """METHOD after_cvode of a DERIVATIVE block: it is computed, its states stay."""
    out += _rates_of(translator, routine).body


def solve_euler(translator: Translator, routine: tree.Routine, env: Environment, out: Body) -> None:
    """x += dt f(x), all f at the old states; as in NEURON once for each equation of x in the text,
    so that one in either branch of an if takes two such steps.
    """
    made = _rates_of(translator, routine)
    out += made.body
    kept = [translator.fresh(f"change_{s}") for s in made.states]
    out += [assign(k, mul(name("dt"), r)) for k, r in zip(kept, made.rates, strict=True)]
    out += [assign(s, add(name(s), name(k))) for s, k in zip(made.states, kept, strict=True)]
    _again(made, out)


def solve_runge(translator: Translator, routine: tree.Routine, env: Environment, out: Body) -> None:
    """The classical Runge-Kutta method of order 4; `t` is that of each stage."""
    made = _rates_of(translator, routine)
    if len(set(made.states)) < len(made.states):
        found = "METHOD runge needs one equation a state, not one in each branch of an if"
        raise translator.error(routine.at, found)
    fresh = translator.fresh
    start = {s: fresh(f"start_{s}") for s in made.states}
    total = {s: fresh(f"total_{s}") for s in made.states}
    out += [assign(start[s], name(s)) for s in made.states]
    half = translator.fresh("half")
    out.append(assign(half, div(name("dt"), num(2.0))))
    third = num(3.0)
    stages = (  # step, how far it goes, its share of the solution, how far t goes
        (name(half), num(1.0), third, name(half)),
        (name("dt"), num(0.5), third, None),
        (name("dt"), num(1.0), third, name(half)),
        (name("dt"), None, num(6.0), None),
    )
    later = fresh("t")
    out.append(assign(later, name("t")))
    for k, (step, reach, share, onward) in enumerate(stages):
        at_stage = _AtTime(later)
        out += [at_stage.visit(statement) for statement in copy.deepcopy(made.body)]
        changes = [fresh(f"change_{s}") for s in made.states]
        rates = [at_stage.visit(rate) for rate in copy.deepcopy(made.rates)]
        out += [assign(c, mul(step, r)) for c, r in zip(changes, rates, strict=True)]
        for state, change in zip(made.states, changes, strict=True):
            before = name(start[state] if k == 0 else total[state])
            out.append(assign(total[state], add(before, div(name(change), share))))
            if reach is None:
                out.append(assign(state, name(total[state])))
            else:
                out.append(assign(state, add(name(start[state]), mul(reach, name(change)))))
        if onward is not None:
            out.append(assign(later, add(name(later), onward)))
    _again(made, out)


def _again(made: Rates, out: Body) -> None:
    """The block at the new states, where it sets more than the rates."""
    if any(not n.startswith("_") for n in stores_of(made.body)):
        out += made.body


class _AtTime(ast.NodeTransformer):
    """`t` of a stage."""

    def __init__(self, time: str):
        self.time = time

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.time, node.ctx) if node.id == "t" else node
