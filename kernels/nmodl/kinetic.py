"""KINETIC blocks with METHOD sparse: mass action, backward Euler, CONSERVE.

    volume_s (x_s - x_s,old) = dt * sum of the fluxes into s

CONSERVE replaces the equation of the state that its text names last.
"""

from __future__ import annotations

import ast

from kernels.nmodl import tree
from kernels.nmodl.build import (
    add,
    assign,
    binary,
    mul,
    name,
    neg,
    num,
    sub,
    value_of,
)  # fmt: skip
from kernels.nmodl.elimination import Row, accumulate
from kernels.nmodl.linear import split_linear
from kernels.nmodl.newton import System, solve_system
from kernels.nmodl.translate import Body, Environment, Translator, check_size

Terms = list[tuple[float, str]]  # count and state


class _Scheme:
    """What a KINETIC block says, collected while its statements are lowered."""

    def __init__(self, translator: Translator, states: list[str]):
        self.translator = translator
        self.states = states
        self.body: Body = []
        self.flux: dict[str, ast.expr] = {}  # state -> net flux into it
        self.rates: dict[str, Row] = {}  # state -> derivative of that flux by state number
        self.volume: dict[str, ast.expr] = {}
        self.conserved: list[tuple[str, ast.expr, Row]] = []  # state replaced, residual, row

    # ---- hooks --------------------------------------------------------------------------------

    def compartment(self, statement: tree.Compartment, env: Environment, out: Body) -> None:
        if statement.keyword != "COMPARTMENT":
            raise self.translator.error(statement.at, f"{statement.keyword} is not supported")
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
        forward = self._rate(statement.forward, env, out)
        if statement.arrow == "<<":
            for count, state in left:
                self._add_flux(state, mul(num(count), forward), {})
            return
        self._one_way(forward, left, right, "f_flux", env, out)
        if statement.backward is not None:
            backward = self._rate(statement.backward, env, out)
            self._one_way(backward, right, left, "b_flux", env, out)

    def conserve(self, statement: tree.Conserve, env: Environment, out: Body) -> None:
        named = [n for n in _names(statement.left) if self._state(n, env) in self.states]
        if not named:
            raise self.translator.error(statement.at, "CONSERVE names no state of this scheme")
        left = self.translator.expression(statement.left, env, out)
        right = self.translator.expression(statement.right, env, out)
        row: Row = {}
        rest: ast.expr = left
        for j, state in enumerate(self.states):
            split = split_linear(rest, state)
            if split is None:
                raise self.translator.error(statement.at, "CONSERVE must be a sum of states")
            split = split.spread()
            if split.b is not None:
                row[j] = split.b
                rest = split.a if split.a is not None else num(0.0)
        self.conserved.append((self._state(named[-1], env), sub(left, right), row))

    # ---- parts --------------------------------------------------------------------------------

    def _state(self, node: tree.Name, env: Environment) -> str:
        found = self.translator.resolve(node, env)
        return found.id if isinstance(found, ast.Name) else ""

    def _terms(self, terms: tuple[tuple[float, tree.Name], ...], env: Environment) -> Terms:
        return [(count, self._state(node, env)) for count, node in terms]

    def _rate(self, node: tree.Expression, env: Environment, out: Body) -> ast.expr:
        value = self.translator.expression(node, env, out)
        if value_of(value) is not None:
            return value
        rate = self.translator.fresh("rate")
        out.append(assign(rate, value))
        return name(rate)

    def _one_way(
        self, rate: ast.expr, source: Terms, sink: Terms, flux: str, env: Environment, out: Body
    ) -> None:
        """A reaction in one direction: flux = rate * product of the sources, and where it goes."""
        product = rate
        for count, state in source:
            if count != int(count) or count < 1:
                raise self.translator.error(
                    self.translator.file.at,
                    f"a reaction has {count:g} of {state}; expected a whole number",
                )
            for _ in range(int(count)):
                product = mul(product, name(state))
        env[flux] = self.translator.fresh(flux)
        out.append(assign(env[flux], product))
        row: Row = {}
        for count, state in source:
            if state in self.states:
                accumulate(row, self.states.index(state), self._slope(rate, source, count, state))
        for count, state in source:
            self._add_flux(state, neg(mul(num(count), product)), row, -count)
        for count, state in sink:
            self._add_flux(state, mul(num(count), product), row, count)

    def _slope(self, rate: ast.expr, source: Terms, count: float, state: str) -> ast.expr:
        """Derivative of rate * product of the sources with respect to one of them."""
        slope = mul(num(count), rate)
        for other_count, other in source:
            for _ in range(int(other_count) - (other == state)):
                slope = mul(slope, name(other))
        return slope

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
        for state, residual, row in self.conserved:
            i = self.states.index(state)
            residuals[i], jacobian[i] = residual, row
        return System(tuple(self.states), self.body, tuple(residuals), jacobian)


def solve_sparse(
    translator: Translator, routine: tree.Routine, env: Environment, out: Body
) -> None:
    """Put one implicit step of a KINETIC block into `out`.

    Raises:
        NmodlError: a statement that has no meaning in a scheme.
    """
    states = _states_of(translator, routine)
    check_size(translator, routine, len(states))
    scheme = _Scheme(translator, states)
    with translator.hooked(
        reaction=scheme.reaction, conserve=scheme.conserve, compartment=scheme.compartment
    ):
        translator.block(routine.body, env, scheme.body)
    olds = {s: translator.fresh(f"old_{s}") for s in states}
    out += [assign(old, name(s)) for s, old in olds.items()]
    solve_system(translator, scheme.system(olds), out)


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
