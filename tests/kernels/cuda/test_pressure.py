"""Values that wait in slots: nothing is computed otherwise, and large schemes do not spill."""

from __future__ import annotations

import ast
import random

import numpy as np
import pytest

from kernels import Events, make_engine
from kernels.cuda.pressure import Limits, _pressure, place_values
from kernels.cuda.single import compile_mechanism, cuda_text
from kernels.nmodl import loads
from kernels.nmodl.python import run
from kernels.single import single_block

N_NAME, N_SLOT = 14, 6
FEW = Limits(8, 7)


def ladder(n: int) -> str:
    """A channel of two rows of n states, each bound to its neighbours; conserved."""
    states = [f"{row}{k}" for row in "CI" for k in range(n)]
    steps = [f"~ {r}{k} <-> {r}{k + 1} (a*{n - k}, b*{k + 1})" for r in "CI" for k in range(n - 1)]
    rungs = [f"~ C{k} <-> I{k} (c*{k + 1}, d/{k + 1})" for k in range(n)]
    return "\n".join(
        [
            "NEURON { SUFFIX ladder  NONSPECIFIC_CURRENT i  RANGE g }",
            "PARAMETER { g = 0.001 (S/cm2)  e = -20 (mV) }",
            f"STATE {{ {' '.join(states)} }}",
            "ASSIGNED { v (mV)  i (mA/cm2)  a  b  c  d }",
            f"BREAKPOINT {{ SOLVE scheme METHOD sparse  i = g * C{n - 1} * (v - e) }}",
            f"INITIAL {{ rates()  {states[0]} = 1 }}",
            "PROCEDURE rates() { a = exp(v / 24)  b = exp(-v / 31)  c = 0.1  d = 2 }",
            "KINETIC scheme { rates()",
            *steps,
            *rungs,
            f"CONSERVE {' + '.join(states)} = 1 }}",
        ]
    )


def random_body(rng: random.Random, depth: int = 0) -> list[str]:
    """Statements of the lowered form on v0 ... v13, loops of a few rounds among them."""
    lines = []
    for _ in range(rng.randint(1, 2) if depth and rng.random() < 0.6 else rng.randint(3, 9)):
        target, one, other, third = (f"v{rng.randrange(N_NAME)}" for _ in range(4))
        kind = rng.random()
        if kind < 0.72 or depth == 3:
            sign = rng.choice("+-")
            lines.append(f"{target} = {one} {sign} 0.5 * {other} + 0.25 * {third}")
        elif kind < 0.86:
            lines.append(f"if {one} > {other}:")
            lines += ["    " + line for line in random_body(rng, depth + 1)]
            if rng.random() < 0.5:
                lines.append("else:")
                lines += ["    " + line for line in random_body(rng, depth + 1)]
        else:
            count = f"n{depth}"
            lines += [f"{count} = 0.0", f"while {count} < 3.0:", f"    {count} = {count} + 1.0"]
            lines += ["    " + line for line in random_body(rng, depth + 1)]
    return lines


@pytest.mark.parametrize("seed", range(60))
def test_a_placed_body_computes_the_same(seed):
    rng = random.Random(seed)
    text = "\n".join(random_body(rng))
    body = ast.parse(text).body
    start = {f"v{k}": rng.uniform(-2.0, 2.0) for k in range(N_NAME)} | {
        f"n{k}": 0.0 for k in range(3)
    }
    slots = {f"v{k}": k for k in range(N_SLOT)}
    wanted = [f"v{k}" for k in range(N_SLOT, N_NAME)]
    given = [n for n in start if n not in slots]
    made = place_values(body, slots, list(slots), given, wanted, N_SLOT, FEW)
    expected = run(body, dict(start))
    if made is None:
        return
    placed, n_waiting = made
    memory = {k: float("nan") for k in range(N_SLOT + n_waiting)}
    memory |= {s: start[n] for n, s in slots.items()}
    calls = {
        "fetch": lambda slot: memory[int(slot)],
        "keep": lambda slot, value: memory.update({int(slot): value}),
    }
    values = run(placed, {n: x for n, x in start.items() if n not in slots}, calls)
    found = {n: memory[s] for n, s in slots.items()} | {n: values[n] for n in wanted}
    assert found == {n: expected[n] for n in found}


def test_fewer_values_are_at_hand():
    """Twenty values, all set before any is used: the last in, the first out."""
    text = [f"v{k} = a + {k}.5" for k in range(20)] + ["s = 0.0"]
    text += [f"s = s * v{k}" for k in range(20)]
    body = ast.parse("\n".join(text)).body
    made = place_values(body, {}, [], ["a"], ["s"], 0, Limits(10, 8))
    assert made is not None
    placed, n_waiting = made
    assert 10 <= n_waiting <= 14
    calls = [n.func.id for s in placed for n in ast.walk(s) if isinstance(n, ast.Call)]
    assert calls.count("keep") == calls.count("fetch") == n_waiting
    assert _pressure(body, frozenset({"s"})) > 20
    assert place_values(body, {}, [], ["a"], ["s"], 0, Limits(40, 8)) is None


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("n", [6, 15])
def test_a_scheme_of_many_states_does_not_spill(nvrtc, n, architecture):
    mechanism = loads(ladder(n), "ladder.mod")
    assert "hidden(d)" in cuda_text(mechanism)[0]
    made = compile_mechanism(mechanism, architecture)
    assert (made.stack, made.spill_stores, made.spill_loads) == (0, 0, 0)


@pytest.mark.parametrize("n", [6, 15])
def test_a_scheme_of_many_states_has_the_same_bits(host_engine, ptx_engine, n):
    block = single_block(loads(ladder(n), "ladder.mod"))
    nothing = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    saved = []
    for engine in (make_engine(block, "cpu"), host_engine(block), ptx_engine(block)):
        engine.reset()
        engine.advance(0, 40, nothing)
        saved.append(engine.save())
    assert saved[0]["ladder.C1"][0] > 1e-4
    for other in saved[1:]:
        assert other.keys() == saved[0].keys()
        for name, values in saved[0].items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
