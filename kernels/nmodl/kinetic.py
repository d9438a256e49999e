"""KINETIC blocks with METHOD sparse: mass action, backward Euler, CONSERVE.

    volume_s (x_s - x_s,old) = dt * sum of the fluxes into s

CONSERVE replaces the equation of the state that its text names last; what it sums are amounts,
volume times concentration. As in NEURON a scheme is linear where each reaction has one state on
either side, whatever its rates depend on: one solution. Others take Newton's corrections, after
each of which negative states are 0, until the corrections sum to 1e-6.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from kernels.nmodl import tree
from kernels.nmodl.build import (
    add,
    assign,
    binary,
    call,
    compare,
    div,
    mul,
    name,
    neg,
    num,
    sub,
    value_of,
)  # fmt: skip
from kernels.nmodl.dataflow import loads_of
from kernels.nmodl.elimination import Row, accumulate, eliminate
from kernels.nmodl.linear import split_linear
from kernels.nmodl.newton import System, correct, right_side
from kernels.nmodl.translate import Body, Environment, Translator, check_size

Terms = list[tuple[float, str]]  # count and state
CONVERGED, ROUNDS = 1e-6, 22  # sum of the corrections at the end; corrections at most
MAX_STATES = 250  # reactions couple few of them, so that elimination stays sparse
STEADY_ROUNDS, NEGATIVE = 7, -1e-6  # linear steps of STEADYSTATE; a state below starts again from 0


@dataclass(frozen=True)
class _Rate:
    """A rate; of a sum without parentheses, `head` is what stands before the last sign.

    NEURON writes the states behind the text of a rate, so that they multiply its last term only.
    """

    last: ast.expr
    head: ast.expr | None = None

    @property
    def value(self) -> ast.expr:
        return self.last if self.head is None else add(self.head, self.last)


class _Scheme:
    """What a KINETIC block says, collected while its statements are lowered."""

    def __init__(self, translator: Translator, states: list[str]):
        self.translator = translator
        self.states = states
        self.body: Body = []
        self.starts: Body = []  # what comes before it
        self.flux: dict[str, ast.expr] = {}  # state -> net flux into it
        self.rates: dict[str, Row] = {}  # state -> derivative of that flux by state number
        self.volume: dict[str, ast.expr] = {}
        #: of each CONSERVE: states that it names, in the order of its text, constant part, row
        self.conserved: list[tuple[list[str], ast.expr, Row]] = []
        self.is_linear = True

    # ---- hooks --------------------------------------------------------------------------------

    def compartment(self, statement: tree.Compartment, env: Environment, out: Body) -> None:
        if statement.keyword != "COMPARTMENT":
            return  # `kernels.nmodl.diffusion`
        for listed in statement.names:
            for i, state in enumerate(self.translator.symbols.scalars(listed)):
                if state not in self.states:
                    continue
                inner = {**env, statement.index: float(i)} if statement.index else env
                volume = self.translator.fresh("volume")
                out.append(assign(volume, self.translator.expression(statement.volume, inner, out)))
                self.volume[state] = name(volume)

    def reaction(self, statement: tree.Reaction, env: Environment, out: Body) -> None:
        left = self._terms(statement.left, env)
        right = self._terms(statement.right, env)
        forward = self._rate(statement.forward, statement.bare[0], env, out)
        if statement.arrow == "<<":
            for count, state in left:
                self._add_flux(state, mul(num(count), forward.value), {})
            env["f_flux"], env["b_flux"] = 0.0, self.translator.fresh("b_flux")
            out.append(assign(env["b_flux"], forward.value))
            return
        env["b_flux"] = 0.0
        self._one_way(forward, left, right, "f_flux", env, out)
        if statement.backward is not None:
            backward = self._rate(statement.backward, statement.bare[1], env, out)
            self._one_way(backward, right, left, "b_flux", env, out)

    def conserve(self, statement: tree.Conserve, env: Environment, out: Body) -> None:
        named = [self._state(n, env) for n in _names(statement.left)]
        named = [n for n in named if n in self.states]
        if not named:
            raise self.translator.error(statement.at, "CONSERVE names no state of this scheme")
        rest = self.translator.expression(statement.left, env, out)
        right = self.translator.expression(statement.right, env, out)
        row: Row = {}
        for j, state in enumerate(self.states):
            split = split_linear(rest, state)
            if split is None:
                raise self.translator.error(statement.at, "CONSERVE must be a sum of states")
            split = split.spread()
            if split.b is not None:
                row[j] = split.b
                rest = split.a if split.a is not None else num(0.0)
        named = [n for n in named if self.states.index(n) in row]
        if not named:
            raise self.translator.error(statement.at, "the states of this CONSERVE cancel out")
        self.conserved.append((named, sub(rest, right), row))

    # ---- parts --------------------------------------------------------------------------------

    def _state(self, node: tree.Name, env: Environment) -> str:
        found = self.translator.resolve(node, env)
        return found.id if isinstance(found, ast.Name) else ""

    def _terms(self, terms: tuple[tuple[float, tree.Name], ...], env: Environment) -> Terms:
        return [(count, self._state(node, env)) for count, node in terms]

    def _rate(self, node: tree.Expression, bare: bool, env: Environment, out: Body) -> _Rate:
        if not bare or not isinstance(node, tree.Binary):
            return _Rate(self._kept(node, env, out))
        head, last = self._kept(node.left, env, out), self._kept(node.right, env, out)
        return _Rate(last if node.op == "+" else neg(last), head)

    def _kept(self, node: tree.Expression, env: Environment, out: Body) -> ast.expr:
        value = self.translator.expression(node, env, out)
        is_conditional = out is not self.body
        if value_of(value) is not None and not is_conditional:
            return value
        rate = self.translator.fresh("rate")
        out.append(assign(rate, value))
        if is_conditional:  # in the branch that is not taken nothing reacts
            self.starts.append(assign(rate, num(0.0)))
        return name(rate)

    def _one_way(
        self, rate: _Rate, source: Terms, sink: Terms, flux: str, env: Environment, out: Body
    ) -> None:
        """A reaction in one direction: flux = rate * product of the sources, and where it goes."""
        product = rate.last
        for count, state in source:
            if count != int(count) or count < 1:
                raise self.translator.error(
                    self.translator.file.at,
                    f"a reaction has {count:g} of {state}; expected a whole number",
                )
            for _ in range(int(count)):
                product = mul(product, name(state))
        if rate.head is not None:
            product = add(rate.head, product)
        env[flux] = self.translator.fresh(flux)
        out.append(assign(env[flux], product))
        if any(state in self.states for _, state in source) and sum(n for n, _ in source) > 1:
            self.is_linear = False
        row: Row = {}
        for count, state in source:
            if state in self.states:
                accumulate(row, self.states.index(state), self._slope(rate, source, count, state))
        for count, state in source:
            self._add_flux(state, neg(mul(num(count), product)), row, -count)
        for count, state in sink:
            self._add_flux(state, mul(num(count), product), row, count)

    def _slope(self, rate: _Rate, source: Terms, count: float, state: str) -> ast.expr:
        """Derivative of rate * product of the sources with respect to one of them."""
        slope = mul(num(count), rate.last)
        for other_count, other in source:
            for _ in range(int(other_count) - (other == state)):
                slope = mul(slope, name(other))
        return slope if rate.head is None else add(rate.head, slope)

    def _add_flux(self, state: str, flux: ast.expr, row: Row, sign: float = 1.0) -> None:
        if state not in self.states:
            return
        self.flux[state] = add(self.flux.get(state, num(0.0)), flux)
        own = self.rates.setdefault(state, {})
        for j, slope in row.items():
            accumulate(own, j, mul(num(sign), slope))

    # ---- equations ----------------------------------------------------------------------------

    def system(self, olds: dict[str, str]) -> System:
        """Residuals and Jacobian of the implicit step."""
        residuals: list[ast.expr] = []
        jacobian: list[Row] = []
        dt = name("dt")
        for i, state in enumerate(self.states):
            change = binary(ast.Sub(), name(state), name(olds[state]))
            volume = self.volume.get(state, num(1.0))
            flux = self.flux.get(state, num(0.0))
            residuals.append(sub(mul(volume, change), mul(dt, flux)))
            row = {j: neg(mul(dt, slope)) for j, slope in self.rates.get(state, {}).items()}
            row[i] = add(volume, row[i]) if i in row else volume
            jacobian.append(row)
        for i, residual, row in self._conservation():
            residuals[i], jacobian[i] = residual, row
        return System(tuple(self.states), self.body, tuple(residuals), jacobian)

    def _conservation(self) -> list[tuple[int, ast.expr, Row]]:
        """Equation replaced, residual and row of each CONSERVE; the last of the text first."""
        found: list[tuple[int, ast.expr, Row]] = []
        taken: set[str] = set()
        for named, constant, row in reversed(self.conserved):
            state = next((n for n in reversed(named) if n not in taken), named[-1])
            taken.add(state)
            residual = constant
            weighed: Row = {}
            for j, count in row.items():
                one = self.states[j]
                weighed[j] = mul(count, self.volume.get(one, num(1.0)))
                residual = add(residual, mul(weighed[j], name(one)))
            found.append((self.states.index(state), residual, weighed))
        return found


def solve_sparse(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Put one implicit step of a KINETIC block into `out`.

    Raises:
        NmodlError: a statement that has no meaning in a scheme.
    """
    step = _make_step(translator, routine, out)
    if step.is_linear:
        step.solve(out)
    else:
        step.iterate(out)
    step.finish(out)


def solve_sparse_steady(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Put the steady state of a KINETIC block into `out`: as `dt`, one long step.

    A scheme that is not linear begins with steps as if it were, until no state is negative.

    Raises:
        NmodlError: a statement that has no meaning in a scheme.
    """
    step = _make_step(translator, routine, out)
    if not step.is_linear:
        again, round_ = translator.fresh("again"), translator.fresh("round")
        inner: Body = []
        step.correct(inner)
        inner.append(assign(again, num(0.0)))
        for state in step.system.unknowns:
            negative = compare(name(state), ast.Lt(), num(NEGATIVE))
            zero: Body = [assign(state, num(0.0)), assign(again, num(1.0))]
            inner.append(ast.If(negative, zero, []))
        inner += step.remember
        inner.append(assign(round_, add(name(round_), num(1.0))))
        out += [assign(again, num(1.0)), assign(round_, num(0.0))]
        out.append(_while(name(again), 0.0, round_, STEADY_ROUNDS, inner))
    step.iterate(out)
    step.finish(out)


@dataclass(frozen=True)
class _Step:
    """The implicit step of a scheme."""

    translator: Translator
    system: System
    is_linear: bool
    remember: Body  # sets the states at the beginning of the step

    def solve(self, out: Body) -> None:
        """The states at the end of a linear step."""
        right = right_side(self.system)
        if right is None:
            self.correct(out)
            return
        out += self.system.body
        solution = eliminate(self.system.jacobian, right, self.translator.fresh, out)
        out += [assign(u, x) for u, x in zip(self.system.unknowns, solution, strict=True)]

    def correct(self, out: Body) -> list[ast.expr]:
        """One correction of the states."""
        out += self.system.body
        return correct(self.system, self.translator.fresh, out)

    def iterate(self, out: Body) -> None:
        """Corrections until their sum is small; negative states are 0."""
        moved, round_ = self.translator.fresh("moved"), self.translator.fresh("round")
        inner: Body = []
        total: ast.expr = num(0.0)
        for correction in self.correct(inner):
            total = add(total, call("fabs", correction))
        for state in self.system.unknowns:
            negative = compare(name(state), ast.Lt(), num(0.0))
            inner.append(ast.If(negative, [assign(state, num(0.0))], []))
        inner.append(assign(moved, total))
        inner.append(assign(round_, add(name(round_), num(1.0))))
        out += [assign(moved, num(1.0)), assign(round_, num(0.0))]
        out.append(_while(name(moved), CONVERGED, round_, ROUNDS, inner))

    def finish(self, out: Body) -> None:
        """What the block computes beside the states, at the solution."""
        if loads_of(self.system.body) & set(self.system.unknowns):
            out += self.system.body


def _while(value: ast.expr, least: float, round_: str, rounds: int, inner: Body) -> ast.While:
    """While the value is above `least` and there were fewer rounds."""
    go_on = compare(value, ast.Gt(), num(least))
    return ast.While(
        ast.BoolOp(ast.And(), [go_on, compare(name(round_), ast.Lt(), num(float(rounds)))]),
        inner,
        [],
    )


def make_rates(
    translator: Translator, routine: tree.Routine, out: Body
) -> tuple[list[str], list[ast.expr]]:
    """The states of a KINETIC block and their derivatives; what those need goes to `out`."""
    scheme = _lowered(translator, routine)
    out += scheme.body
    zero = num(0.0)
    rates = [div(scheme.flux.get(s, zero), scheme.volume.get(s, num(1.0))) for s in scheme.states]
    return scheme.states, rates


def _make_step(translator: Translator, routine: tree.Routine, out: Body) -> _Step:
    """Lower the block and remember the states in `out`."""
    scheme = _lowered(translator, routine)
    olds = {s: translator.fresh(f"old_{s}") for s in scheme.states}
    remember: Body = [assign(old, name(s)) for s, old in olds.items()]
    out += remember
    return _Step(translator, scheme.system(olds), scheme.is_linear, remember)


def _lowered(translator: Translator, routine: tree.Routine) -> _Scheme:
    states = _states_of(translator, routine)
    check_size(translator, routine, len(states), MAX_STATES)
    scheme = _Scheme(translator, states)
    with translator.hooked(
        reaction=scheme.reaction, conserve=scheme.conserve, compartment=scheme.compartment
    ):
        translator.block(routine.body, {}, scheme.body)
    scheme.body[:0] = scheme.starts
    return scheme


def _states_of(translator: Translator, routine: tree.Routine) -> list[str]:
    """States that the reactions of a block name, in the order of STATE."""
    named: set[str] = set()

    def visit(block: tree.Block) -> None:
        for statement in block.statements:
            if isinstance(statement, tree.Reaction):
                named.update(node.id for _, node in statement.left + statement.right)
            for inner in ("body", "orelse"):
                found = getattr(statement, inner, None)
                if isinstance(found, tree.Block):
                    visit(found)

    visit(routine.body)
    symbols = translator.symbols
    declared = [d.name for d in translator.file.states if d.name in named]
    return [s for n in declared for s in symbols.scalars(n)]


def _names(node: tree.Expression) -> list[tree.Name]:
    """Names in an expression, in the order of its text."""
    if isinstance(node, tree.Name):
        return [node]
    if isinstance(node, tree.Binary):
        return _names(node.left) + _names(node.right)
    return _names(node.operand) if isinstance(node, tree.Unary) else []
