"""Values that wait in slots: nothing is computed otherwise, and large schemes do not spill."""

from __future__ import annotations

import ast
import random

import numpy as np
import pytest

from kernels import Events, make_engine
from kernels.cuda import CudaEngine, HostDevice, PtxDevice
from kernels.cuda.placing import _with_slots
from kernels.cuda.pressure import DOUBLES, WIDE, Format, Limits, _pressure, place_values
from kernels.cuda.single import compile_mechanism, cuda_text
from kernels.mechanism import Kernel
from kernels.nmodl import loads
from kernels.nmodl.build import walk_assigned
from kernels.nmodl.python import run
from kernels.precision import DOUBLE, SINGLE, find_precision
from kernels.single import single_block

N_NAME, N_SLOT = 14, 6
FEW = Limits(16, 14)
#: Every third of the names is a float64 beside float32.
MIXED = Format(1, 1, frozenset(f"v{k}" for k in range(N_SLOT, N_NAME, 3)))


def ladder(n: int, first: str = "") -> str:
    """A channel of two rows of n states, each bound to its neighbours; conserved.

    `first` is further code of INITIAL, which single precision computes in float64.
    """
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
            f"INITIAL {{ rates()  {states[0]} = 1  {first} }}",
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


class Memory:
    """Slots of an instance; a value that is kept wide is in two halves."""

    def __init__(self, start: dict[int, float]):
        self.slots: dict[int, object] = dict(start)

    def keep_wide(self, slot: float, value: float) -> None:
        self.slots |= {int(slot): (value, 0), int(slot) + 1: (value, 1)}

    def fetch_wide(self, slot: float) -> float:
        low, high = (self.slots[int(slot) + k] for k in range(2))
        assert (low[0], high) == (high[0], (low[0], 1))
        return low[0]

    def calls(self) -> dict[str, object]:
        """What a placed body calls."""
        return {
            "fetch": lambda slot: self.slots[int(slot)] + 0.0,
            "keep": lambda slot, value: self.slots.update({int(slot): value}),
            "to_double": float,
            "fetch_wide": self.fetch_wide,
            "keep_wide": self.keep_wide,
        }


@pytest.mark.parametrize("form", [DOUBLES, WIDE, MIXED], ids=["double", "wide", "mixed"])
@pytest.mark.parametrize("seed", range(60))
def test_a_placed_body_computes_the_same(seed, form):
    rng = random.Random(seed)
    text = "\n".join(random_body(rng))
    body = ast.parse(text).body
    start = {f"v{k}": rng.uniform(-2.0, 2.0) for k in range(N_NAME)} | {
        f"n{k}": 0.0 for k in range(3)
    }
    mine = {f"v{k}": k for k in range(N_SLOT)}
    slots, given = mine, [n for n in start if n not in mine]
    expected = run(body, dict(start))
    if form is WIDE:
        changed = sorted(set(walk_assigned(body)) & set(mine))
        slots = {n: s for n, s in mine.items() if n not in changed}
        body = _with_slots(Kernel(tuple(body), tuple(mine), tuple(changed)), mine)
    wanted = [f"v{k}" for k in range(N_SLOT, N_NAME)]
    made = place_values(body, slots, list(slots), given, wanted, N_SLOT, FEW, form)
    if made is None:
        return
    placed, n_waiting = made
    memory = Memory({k: float("nan") for k in range(N_SLOT + n_waiting)})
    memory.slots |= {s: start[n] for n, s in mine.items()}
    values = run(placed, {n: x for n, x in start.items() if n not in mine}, memory.calls())
    assert max(memory.slots) < N_SLOT + n_waiting
    found = {n: memory.slots[s] for n, s in mine.items()} | {n: values[n] for n in wanted}
    assert found == {n: expected[n] for n in found}


def test_fewer_values_are_at_hand():
    """Twenty values, all set before any is used: the last in, the first out."""
    text = [f"v{k} = a + {k}.5" for k in range(20)] + ["s = 0.0"]
    text += [f"s = s * v{k}" for k in range(20)]
    body = ast.parse("\n".join(text)).body
    made = place_values(body, {}, [], ["a"], ["s"], 0, Limits(20, 16))
    assert made is not None
    placed, n_waiting = made
    assert 10 <= n_waiting <= 14
    calls = [n.func.id for s in placed for n in ast.walk(s) if isinstance(n, ast.Call)]
    assert calls.count("keep") == calls.count("fetch") == n_waiting
    assert _pressure(body, frozenset({"s"}), DOUBLES) > 40
    assert place_values(body, {}, [], ["a"], ["s"], 0, Limits(80, 16)) is None


STEADY = "SOLVE scheme STEADYSTATE sparse"
SCHEMES = [(6, ""), (15, ""), (6, STEADY)]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize(("n", "first"), SCHEMES)
@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda one: one.name)
def test_a_scheme_of_many_states_does_not_spill(nvrtc, n, precision, first, architecture):
    mechanism = loads(ladder(n, first), "ladder.mod")
    text = cuda_text(mechanism, precision)[0]
    assert "hidden(d)" in text
    assert ("put_words(hidden" in text) == (precision is SINGLE)
    made = compile_mechanism(mechanism, architecture, precision)
    assert (made.stack, made.spill_stores, made.spill_loads) == (0, 0, 0)


@pytest.mark.parametrize(("n", "first"), SCHEMES)
@pytest.mark.parametrize("precision", ["double", "single"])
def test_a_scheme_of_many_states_has_the_same_bits(cxx, nvrtc, n, precision, first):
    block = single_block(loads(ladder(n, first), "ladder.mod"))
    nothing = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    saved = []
    form, devices = find_precision(precision), (HostDevice(5), PtxDevice("sm_80", 5))
    engines = [CudaEngine(block, device, None, form) for device in devices]
    for engine in (make_engine(block, "cpu", precision), *engines):
        engine.reset()
        engine.advance(0, 40, nothing)
        saved.append(engine.save())
    assert saved[0]["ladder.C1"][0] > 1e-4
    for other in saved[1:]:
        assert other.keys() == saved[0].keys()
        for name, values in saved[0].items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
