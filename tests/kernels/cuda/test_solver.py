"""The cable solvers of the engines against a dense solution, whatever the tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import Block, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.precision import DOUBLE, SINGLE
from kernels.schedule import elimination

SHAPES = {
    "path": lambda n, rng: range(-1, n - 1),
    "star": lambda n, rng: [-1, *[0] * (n - 1)],
    "comb": lambda n, rng: [-1, *(i // 2 * 2 - (0 if i % 2 else 2) for i in range(1, n))],
    "spider": lambda n, rng: [-1, *(max(0, i - 4) for i in range(1, n))],
    "random": lambda n, rng: [-1, *(int(rng.integers(0, i)) for i in range(1, n))],
    "twigs": lambda n, rng: [-1, *(int(rng.integers(max(0, i - 2), i)) for i in range(1, n))],
}
STEPS = 3


def passive_block(seed: int, cells: list[tuple[str, int]], method: str) -> Block:
    """Cells without mechanisms, a fifth of their nodes without area."""
    rng = np.random.default_rng(seed)
    size = [n for _, n in cells]
    cell_ptr = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    trees = [np.array(SHAPES[shape](n, rng)) for shape, n in cells]
    parent = np.concatenate(
        [np.where(t < 0, -1, t + first) for t, first in zip(trees, cell_ptr[:-1], strict=True)]
    )
    n = len(parent)
    capacitance = np.where((rng.random(n) < 0.2) & (parent >= 0), 0.0, rng.uniform(1e-4, 1e-1, n))
    nothing = np.zeros(0, np.int32)
    return Block(
        dt=0.025,
        celsius=6.3,
        method=method,
        cell_ptr=cell_ptr,
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, 10.0 ** rng.uniform(-3.0, 0.5, n)),
        capacitance=capacitance,
        area=capacitance * 1e5,
        diam=np.ones(n),
        v_init=rng.uniform(-80.0, 20.0, n),
        mechanisms=(),
        ions=(),
        globals={},
        source_node=nothing,
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
        probes=(Probe("v", np.arange(n), 1),),
    )


cells = st.lists(
    st.tuples(st.sampled_from(sorted(SHAPES)), st.integers(1, 70)), min_size=1, max_size=12
)
FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@FEW
@given(
    seed=st.integers(0, 2**31),
    cells=cells,
    method=st.sampled_from(["backward-euler", "crank-nicolson"]),
    enough=st.sampled_from([1, 12, 64]),
    precision=st.sampled_from(["double", "single"]),
)
def test_the_dense_solution(blocks, seed, cells, method, enough, precision):
    block = passive_block(seed, cells, method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elimination, "ENOUGH_STEPS", enough)
        patch.setattr(elimination, "LEAST_GAIN", 1)
        engine = make_engine(block, "cpu", precision)
        cpu = blocks.advance(engine, blocks.no_events(), STEPS, STEPS)
    dense = blocks.advance(make_engine(block, "reference"), blocks.no_events(), STEPS, STEPS)
    within = {"double": 1e-9, "single": 2e-3}[precision]  # [mV]
    np.testing.assert_allclose(cpu.samples[0], dense.samples[0], rtol=0, atol=within)


PRECISIONS = {"double": DOUBLE, "single": SINGLE}
VARIANTS = {
    "by size": None,
    "one lane": Variant(32, 1, False, False),
    "three lanes": Variant(32, 3, False, False),
    "a warp": Variant(64, 32, False, False),
    "lanes of two warps": Variant(96, 50, False, False),
    "global memory": Variant(128, 128, True, False),
    "tiles": Variant(64, 32, False, False, tile=9),
    "tiles of one node": Variant(64, 64, False, False, tile=1),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("method", ["backward-euler", "crank-nicolson"])
def test_cuda_has_the_bits_of_the_cpu(blocks, cxx, agree, monkeypatch, method, precision, variant):
    """Any threads, lanes and order; each shape three times, so that CPU groups mix trees."""
    monkeypatch.setattr(elimination, "ENOUGH_STEPS", 12)
    block = passive_block(7, [(shape, n) for shape in SHAPES for n in (1, 33, 70)], method)
    cpu = blocks.advance(make_engine(block, "cpu", precision), blocks.no_events(), STEPS, STEPS)
    for order in ("ascending", "descending", 4):
        device = HostDevice(order)
        engine = CudaEngine(block, device, VARIANTS[variant], PRECISIONS[precision])
        assert {c.variant.condensed for c in engine.classes} == {False, True}
        assert agree(cpu, blocks.advance(engine, blocks.no_events(), STEPS, STEPS))
