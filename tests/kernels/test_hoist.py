"""Hoisting: what never changes is computed once, and no bit changes."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from kernels import Probe, make_engine
from kernels.hoist import hoist
from kernels.nmodl import loads

DECAY = """
NEURON { POINT_PROCESS Decay NONSPECIFIC_CURRENT i RANGE tau, e, g, gain, drift }
PARAMETER { tau = 2 (ms) e = 0 (mV) gain = 1.5 drift = 1 (ms) }
ASSIGNED { v (mV) i (nA) }
STATE { g (uS) }
INITIAL { g = 0 drift = 3 }
BREAKPOINT { SOLVE decay METHOD cnexp  i = g*(v - e)*exp(-gain/tau)/drift }
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE (w) { g = g + w*sqrt(gain)/w }
"""


def text_of(kernel):
    return "\n".join(ast.unparse(statement) for statement in kernel.body)


@pytest.fixture(scope="module")
def decay():
    return hoist(loads(DECAY))


def test_the_decay_of_a_synapse_is_computed_once(decay):
    assert "exp" not in text_of(decay.state)
    assert "exp" in text_of(decay.derive)
    assert set(decay.derive.stores) <= set(decay.assigned)
    assert "sqrt" not in text_of(decay.receive)


def test_derive_reads_parameters_that_no_kernel_sets(decay):
    assert set(decay.derive.loads) <= {"tau", "gain", "dt", "area", "diam", "e"}
    names = {n.id for s in decay.derive.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    assert not names & {"drift", "g", "v", "t", "w", "i"}


def test_a_parameter_that_initial_sets_stays(decay):
    """`drift` is set by INITIAL, `w` belongs to a connection."""
    assert "drift" in text_of(decay.current)
    assert "drift" in decay.current.loads
    assert "w" in text_of(decay.receive)


def test_what_hot_kernels_use_is_loaded(decay):
    for kernel in (decay.current, decay.state, decay.receive):
        used = {n.id for s in kernel.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        assert {name for name in used if name.startswith("_fixed_")} <= set(kernel.loads)


def test_nothing_to_hoist_leaves_the_mechanism_alone(blocks):
    pas = blocks.mechanism("pas")
    assert hoist(pas) is pas


def test_expressions_of_state_and_voltage_are_not_hoisted(blocks):
    hh = hoist(blocks.mechanism("hh"))
    names = {n.id for s in hh.derive.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    assert not names & {"v", "m", "h", "n", "t"}


@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
def test_no_bit_changes(blocks, method, monkeypatch):
    block = blocks.random(31, [6, 9, 3], method=method)
    events = blocks.events(block, 31, 40, 60)
    with_hoist = blocks.advance(make_engine(block, "cpu"), events, 60, 60)
    monkeypatch.setattr("kernels.preparation.hoist", lambda mechanism: mechanism)
    without = blocks.advance(make_engine(block, "cpu"), events, 60, 60)
    for a, b in zip(with_hoist.samples, without.samples, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(with_hoist.spikes.time, without.spikes.time)


def test_initial_may_change_a_parameter_before_it_is_used(blocks):
    """Exp2Syn's INITIAL moves tau1; the decay must be that of the moved value."""
    from kernels import Events, Instances

    one, zero = np.ones(1), np.zeros(1, np.int32)
    synapse = Instances(blocks.mechanism("Exp2Syn"), zero, zero, {"tau1": 5.0 * one, "tau2": one})
    probes = [Probe(f"Exp2Syn.{name}", np.zeros(1, int), 1) for name in ("tau1", "g")]
    block = blocks.simple([synapse], targets=[(0, 0)], weights=[1.0], probes=probes)
    events = Events(np.zeros(1, np.int64), np.zeros(1), zero)
    found = [
        blocks.advance(make_engine(block, backend), events, 90, 90).samples
        for backend in ("cpu", "reference")
    ]
    np.testing.assert_allclose(found[0][0], 0.9999)
    assert found[0][1].max() == pytest.approx(1.0, rel=0.03)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9)
