"""LONGITUDINAL_DIFFUSION: what a .mod file says of the states that diffuse along the cable.

NEURON evaluates volumes and diffusion constants outside of the KINETIC block, after the states of
all mechanisms, so its LOCALs are not seen by them.
"""

from __future__ import annotations

from kernels.mechanism import Diffusing, Kernel, Variable
from kernels.nmodl import tree
from kernels.nmodl.build import assign
from kernels.nmodl.dataflow import loads_of, zero_unset
from kernels.nmodl.optimise import optimise
from kernels.nmodl.translate import Body, Environment, Translator

Stated = dict[str, tuple[tree.Compartment, int]]  # state -> statement that names it, its element


def lower_diffusion(translator: Translator) -> tuple[Kernel, tuple[Diffusing, ...]]:
    """The kernel that sets volumes and flows of the states that diffuse, and those states.

    Raises:
        NmodlError: a state diffuses that has no COMPARTMENT.
    """
    volumes, flows = (_stated(translator, k) for k in ("COMPARTMENT", "LONGITUDINAL_DIFFUSION"))
    symbols = translator.symbols
    body: Body = []
    made: list[Diffusing] = []
    for state, (statement, i) in flows.items():
        if state not in symbols.states and state not in symbols.ion_states:
            continue
        if state not in volumes:
            problem = f"{state} diffuses, so a COMPARTMENT must give its volume"
            raise translator.error(statement.at, problem)
        one = Diffusing(state, *(_own(translator, f"{n}_of_{state}") for n in ("volume", "flow")))
        made.append(one)
        for name, (given, element) in ((one.volume, volumes[state]), (one.flow, (statement, i))):
            env: Environment = {given.index: float(element)} if given.index else {}
            body.append(assign(name, translator.expression(given.volume, env, body)))
    stores = tuple(name for one in made for name in (one.volume, one.flow))
    statements = optimise(zero_unset(body), stores)
    return Kernel(statements, tuple(sorted(loads_of(statements))), stores), tuple(made)


def _stated(translator: Translator, keyword: str) -> Stated:
    """States in the order of their statements; the last of several counts."""
    found: Stated = {}
    for routine in translator.file.routines:
        for node in tree.walk(routine.body) if routine.keyword == "KINETIC" else ():
            if isinstance(node, tree.Compartment) and node.keyword == keyword:
                for listed in node.names:
                    states = translator.symbols.scalars(listed)
                    found |= {state: (node, i) for i, state in enumerate(states)}
    return found


def _own(translator: Translator, name: str) -> str:
    """A new variable of the instance."""
    while translator.symbols.knows(name):
        name += "_"
    translator.symbols.assigned[name] = Variable(name)
    return name
