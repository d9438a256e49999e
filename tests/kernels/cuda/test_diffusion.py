"""States that move along the cable: the CUDA text has the CPU engine's bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Block, Events, Ion, Probe, make_engine
from kernels.block import Instances
from kernels.cpu import CpuEngine
from kernels.cuda.classes import Variant
from kernels.cuda.engine import print_block
from kernels.diffusion import make_spreads
from kernels.nmodl import loads
from kernels.precision import find_precision
from kernels.preparation import prepare

TEXT = """
NEURON { SUFFIX shells USEION ca READ cai WRITE cai }
PARAMETER { D = 0.6 }
ASSIGNED { width[3] }
STATE { cai bound[3] still }
INITIAL {
    FROM i = 0 TO 2 { width[i] = 1 + 0.5*i bound[i] = i + cai }
    still = 1
}
BREAKPOINT { SOLVE scheme METHOD sparse }
KINETIC scheme {
    COMPARTMENT diam*diam {cai still}
    COMPARTMENT i, diam*width[i]*(1 + cai) {bound}
    LONGITUDINAL_DIFFUSION 3*D*diam*diam {cai}
    LONGITUDINAL_DIFFUSION i, D*diam {bound}
    FROM i = 0 TO 1 { ~ bound[i] <-> bound[i+1] (0.3, 0.1) }
    ~ cai + bound[0] <-> still (0.1, 0.2)
}
"""
LAST = 12  # steps


@pytest.fixture
def block(blocks) -> Block:
    """Random cells, of which some are long; every second one has the mechanism, with gaps."""
    made = blocks.random(4, [40, 1, 75, 12, 90, 33], n_artificial=0)
    rng = np.random.default_rng(4)
    mechanism = loads(TEXT)
    owner = np.repeat(np.arange(made.n_cell), np.diff(made.cell_ptr))
    here = (made.area > 0.0) & (rng.random(made.n_node) < 0.9) & (owner != 3)
    node = np.flatnonzero(here).astype(np.int32)
    group = Instances(mechanism, node, owner[node].astype(np.int32))
    n = made.n_node
    ca = Ion("ca", 2.0, np.full(n, 130.0), rng.uniform(0.1, 2.0, n), np.full(n, 2.0))
    probes = [Probe(f"shells.bound_{i}_", np.arange(len(node)), 1) for i in range(3)]
    return dataclasses.replace(
        made,
        mechanisms=(group,),
        ions=(ca,),
        source_node=np.zeros(0, np.int32),
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
        probes=(*probes, Probe("ca.ci", np.arange(n), 1), Probe("v", np.arange(n), 1)),
        length=np.where(made.area > 0.0, rng.uniform(1.0, 9.0, n), 0.0),
    )


def outcome(engine, n_step: int = LAST) -> list[np.ndarray]:
    nothing = np.zeros(0, np.int64)
    engine.reset()
    engine.advance(0, n_step, Events(nothing, nothing.astype(float), nothing.astype(np.int32)))
    return [*engine.read(), *engine.sample()]


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def expected(block) -> list[np.ndarray]:
    values = outcome(CpuEngine(block))
    assert np.abs(values[0][-1] - values[0][0]).max() > 0.1
    return values


@pytest.mark.parametrize(
    ("variant", "order"),
    [
        (None, "ascending"),
        (Variant(64, 32, False, False), "descending"),
        (Variant(96, 5, False, False), 7),
        (Variant(128, 64, True, False), "descending"),
    ],
)
def test_every_variant_has_the_bits_of_the_cpu_engine(block, expected, host_engine, variant, order):
    assert_same(outcome(host_engine(block, order, variant)), expected)


@pytest.mark.parametrize("variant", [Variant(64, 32, False, False), Variant(64, 48, True, False)])
def test_condensed_trees(block, host_engine, condense_all, variant):
    (spread,) = make_spreads(block).values()
    assert max(plan.n_condensed for plan in spread.plans) > 5
    assert_same(outcome(host_engine(block, 9, variant)), outcome(CpuEngine(block)))


def test_single_precision(block, host_engine):
    single = find_precision("single")
    assert_same(
        outcome(host_engine(block, "descending", precision=single)),
        outcome(CpuEngine(block, single)),
    )


def test_what_nvrtc_makes_of_it(block, expected, ptx_engine):
    assert_same(outcome(ptx_engine(block, "descending")), expected)


def test_a_state_goes_on_between_engines(block, expected, host_engine):
    first, second = CpuEngine(block), host_engine(block)
    outcome(first, LAST // 2)
    second.reset()
    second.load(first.save())
    nothing = np.zeros(0, np.int64)
    none = Events(nothing, nothing.astype(float), nothing.astype(np.int32))
    second.advance(LAST // 2, LAST, none)
    assert_same(second.sample(), expected[len(block.probes) :])


def test_blocks_in_which_nothing_moves_have_none_of_this_text(block):
    alone = dataclasses.replace(block.mechanisms[0], node=block.mechanisms[0].node[:1])
    alone = dataclasses.replace(alone, cell=block.mechanisms[0].cell[:1])
    still = dataclasses.replace(block, mechanisms=(alone,), probes=())
    assert "Spread" in print_block(block, prepare(block)).text
    assert "pread" not in print_block(still, prepare(still)).text
    make_engine(still, "reference").reset()
