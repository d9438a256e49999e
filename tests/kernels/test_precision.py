"""Single precision on the CPU engine: beside double, what stays float64, what is vectorised."""

from __future__ import annotations

import ast
import re

import numba
import numpy as np
import pytest

from kernels import Events, Instances, KernelsError, Probe, make_engine
from kernels.cpu.engine import CpuEngine
from kernels.cpu.signatures import signature_of
from kernels.cuda import CudaEngine, HostDevice
from kernels.cuda.host import compiler
from kernels.nmodl import find, load, loads
from kernels.precision import DOUBLE, SINGLE, join, split
from kernels.preparation import prepare
from kernels.single import single_block

LAST = 400  # steps

CLOCK = """
NEURON { POINT_PROCESS Clock RANGE since, last, late, n NONSPECIFIC_CURRENT i }
ASSIGNED { v (millivolt) i (nanoamp) since last late n }
INITIAL { last = -1 since = 0 late = 0 n = 0 }
BREAKPOINT { i = 0 }
BEFORE STEP {
    since = t - last
    if (last > 0 && t > last + 0.06) { late = late + 1 }
}
NET_RECEIVE (w) { last = t n = n + 1 }
"""

CALCIUM = """
NEURON { SUFFIX ghk USEION ca READ cai, cao WRITE ica }
PARAMETER { p = 1e-5 cai = 5e-5 cao = 2 }
ASSIGNED { v ica }
BREAKPOINT { LOCAL x
    x = 0.078 * v
    if (fabs(x) < 1e-4) { ica = p * 193 * (cai - cao) } else {
        ica = p * 193 * x * (cai - cao * exp(-x)) / (1 - exp(-x))
    }
}
"""


@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
def test_random_cells_beside_double_precision(blocks, method):
    """Spikes in their steps; voltages apart by rounding, which an upstroke of hh makes larger."""
    block = blocks.random(3, [9, 40, 1, 23, 7, 7, 3, 3, 2], method=method)
    events = blocks.events(block, 3, 60, LAST)
    engines = (make_engine(block, "cpu", precision) for precision in ("double", "single"))
    double, single = (blocks.advance(engine, events, LAST, 40) for engine in engines)
    np.testing.assert_array_equal(double.spikes.step, single.spikes.step)
    np.testing.assert_array_equal(double.spikes.source, single.spikes.source)
    assert len(double.spikes.step) > 10
    apart = np.abs(double.samples[0] - single.samples[0])
    print(f"voltages: median {np.median(apart):.1e}, largest {apart.max():.1e} mV")
    assert 0.0 < np.median(apart) < 1e-4
    assert apart.max() < 0.02


def test_a_state_is_saved_and_taken_up(blocks):
    block = blocks.random(5, [9, 20, 4])
    events = blocks.events(block, 5, 30, 80)
    engine = make_engine(block, "cpu", "single")
    whole = blocks.advance(engine, events, 80, 40)
    engine.reset()
    early = Events(*(part[events.step < 40] for part in (events.step, events.time,
                                                         events.connection)))  # fmt: skip
    late = Events(*(part[events.step >= 40] for part in (events.step, events.time,
                                                         events.connection)))  # fmt: skip
    engine.advance(0, 40, early)
    state = engine.save()
    again = make_engine(block, "cpu", "single")
    again.reset()
    again.load(state)
    again.advance(40, 80, late)
    for one, other in zip(whole.samples, again.read(), strict=True):
        np.testing.assert_array_equal(one[40:], other)


def test_a_float64_in_three_parts():
    x = (
        np.random.default_rng(1).uniform(-1.0, 1.0, 1000)
        * 2.0 ** np.arange(-40, 40).repeat(13)[:1000]
    )
    x = np.concatenate([x, [0.0, 2.0**32 - 1.0, 2.0**34 - 1.0, 1e5 / 3.0]])
    np.testing.assert_array_equal(join(*split(x)), x)


# --- times ---


def clock_run(blocks, make):
    """An event 20 s after the start; samples of what a clock tells."""
    clock = Instances(loads(CLOCK), np.zeros(1, np.int32), np.zeros(1, np.int32))
    probes = [Probe(f"Clock.{name}", np.zeros(1, int), 1) for name in ("since", "last", "late")]
    block = blocks.simple([clock], targets=[(0, 0)], weights=[1.0], probes=probes)
    engine = make(block)
    engine.reset()
    first = 800_000
    events = Events(np.array([first + 2]), np.array([20_000.0537]), np.zeros(1, np.int32))
    engine.advance(first, first + 10, events)
    return engine, np.array([sample[:, 0] for sample in engine.read()])


def test_times_keep_their_digits(blocks):
    """float32 has steps of 0.002 ms at 20 s; what is stored as a time has none."""
    _, double = clock_run(blocks, lambda block: make_engine(block, "cpu"))
    engine, single = clock_run(blocks, lambda block: make_engine(block, "cpu", "single"))
    assert "last" in engine.storages[0].times
    assert "since" not in engine.storages[0].times
    assert np.abs(double[0, 4:] - single[0, 4:]).max() < 1e-7
    np.testing.assert_array_equal(double[2], single[2])
    assert 0.0 < double[2, -1] < 8.0
    assert engine.save()["Clock.last"][0] == 20_000.0537
    state = engine.save()
    engine.reset()
    engine.load(state)
    assert engine.save()["Clock.last"][0] == 20_000.0537


def test_times_on_the_cuda_engine(blocks):
    if compiler() is None:
        pytest.skip("no C++ compiler: the CUDA text cannot run on the CPU")
    cpu, one = clock_run(blocks, lambda block: make_engine(block, "cpu", "single"))
    host, other = clock_run(blocks, lambda block: CudaEngine(block, HostDevice(), precision=SINGLE))
    np.testing.assert_array_equal(one, other)
    saved, again = cpu.save(), host.save()
    assert {name: a.tolist() for name, a in saved.items()} == {
        name: again[name].tolist() for name in saved
    }


def test_random_streams_draw_the_same_numbers(blocks):
    """Identities and sequences have up to 34 bits."""
    stim = loads(find()["NetStim"].read_text())
    ids = {f"ranvar__id{k}": np.array([4e9 + k, 7.0]) for k in (1, 2, 3)}
    parameters = {
        "number": [1e9] * 2,
        "noise": [1.0] * 2,
        "start": [0.5] * 2,
        "interval": [0.7] * 2,
    }
    given = {name: np.array(value) for name, value in (parameters | ids).items()}
    cells = np.array([1, 2], np.int32)
    group = Instances(stim, np.full(2, -1, np.int32), cells, given)
    block = blocks.simple([group], sources=[(-1, 0, 0), (-1, 0, 1)])
    found = [
        blocks.advance(make_engine(block, "cpu", precision), blocks.no_events(), 800, 40).spikes
        for precision in ("double", "single")
    ]
    assert len(found[0].time) > 30
    np.testing.assert_array_equal(found[0].source, found[1].source)
    np.testing.assert_allclose(found[0].time, found[1].time, rtol=1e-6)


# --- what a rounding would ruin ---


def test_a_conductance_of_two_evaluations_is_computed_in_float64(blocks):
    mechanism = loads(CALCIUM)
    assert not mechanism.affine
    made = prepare(single_block(mechanism), SINGLE).mechanisms[0]
    assert made.current.wide
    found = []
    for precision in ("double", "single"):
        block = single_block(mechanism)
        probes = (Probe("v", np.zeros(1, int), 1), Probe("ca.i", np.zeros(1, int), 1))
        engine = make_engine(block.__class__(**{**vars(block), "probes": probes}), "cpu", precision)
        found.append(blocks.advance(engine, blocks.no_events(), LAST, LAST).samples)
    assert np.ptp(found[0][0]) > 1.0
    assert np.abs(found[0][0] - found[1][0]).max() < 1e-3
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)


def test_what_runs_at_every_step_has_typed_literals_alone():
    made = prepare(single_block(load(find()["hh"], tables=False)), SINGLE).mechanisms[0]
    for kernel in (made.current, made.state):
        assert not kernel.wide
        text = "\n".join(ast.unparse(statement) for statement in kernel.body)
        bare = re.sub(r"to_single\([^()]*\)", "", text)
        assert not re.search(r"\b\d+\.\d*", bare)
        assert "double" not in text
    assert made.init.wide and made.derive.wide


@pytest.mark.parametrize("v", [-150.0, -100.0, -65.0, -55.0, -40.0, 0.0, 60.0, 150.0])
def test_rates_have_no_new_nan(blocks, v):
    """hh's rates are 0 / 0 at -40 and -55 mV, and large exponentials far from rest."""
    hh = Instances(load(find()["hh"], tables=False), np.zeros(1, np.int32), np.zeros(1, np.int32))
    probes = [Probe(f"hh.{name}", np.zeros(1, int), 1) for name in ("m", "h", "n")]
    block = blocks.simple([hh], probes=probes, v_init=v)
    double, single = (
        blocks.advance(make_engine(block, "cpu", precision), blocks.no_events(), 4, 4).samples
        for precision in ("double", "single")
    )
    for one, other in zip(double, single, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_decay_ends_in_zero_before_subnormal_numbers(blocks):
    """A conductance that decays for ever would be subnormal, which costs a hundred cycles."""
    synapse = Instances(
        load(find()["ExpSyn"]), np.zeros(1, np.int32), np.zeros(1, np.int32),
        {"tau": np.array([0.05])},
    )  # fmt: skip
    probes = [Probe("ExpSyn.g", np.zeros(1, int), 1)]
    block = blocks.simple([synapse], targets=[(0, 0)], weights=[1e-3], probes=probes)
    events = Events(np.array([1]), np.array([0.02]), np.zeros(1, np.int32))
    g = blocks.advance(make_engine(block, "cpu", "single"), events, 300, 300).samples[0][:, 0]
    assert g[2] > 1e-4
    assert g[g > 0.0].min() >= 1e-30
    assert g[-1] == 0.0


# --- how it is compiled ---


def vector_width(precision, name: str, kind: str) -> int:
    """Numbers side by side in the arithmetic of a kernel of hh."""
    engine = CpuEngine(single_block(load(find()["hh"], tables=False)), precision)
    signature = signature_of(engine.groups[0], 0, name)
    function = numba.njit(error_model="numpy")(engine.program.functions[0][name].py_func)
    function.compile(signature)
    (text,) = function.inspect_llvm().values()
    found = re.findall(rf"f(?:add|mul|sub|div) <(\d+) x {kind}>", text)
    other = "double" if kind == "float" else "float"
    assert not re.search(rf"= f(?:add|mul|sub|div) (?:<\d+ x )?{other}", text)
    return max(map(int, found), default=1)


def test_vectors_hold_twice_as_many_numbers():
    for name in ("state", "current"):
        double, single = (
            vector_width(p, name, kind) for p, kind in ((DOUBLE, "double"), (SINGLE, "float"))
        )
        assert double >= 2
        assert single == 2 * double


def test_the_reference_engine_refuses(blocks):
    with pytest.raises(KernelsError, match="double precision only"):
        make_engine(blocks.random(1, [2]), "reference", "single")
    with pytest.raises(KernelsError, match='"half" is not one of double, single'):
        make_engine(blocks.random(1, [2]), "cpu", "half")
