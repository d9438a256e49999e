"""A spiny cell of about 100,000 nodes, in L2 or tile by tile: its bits are the CPU engine's."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from kernels import Block, Events, Instances, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.nmodl import BUILT_IN, load
from kernels.precision import DOUBLE, SINGLE

N_SPINE = 43_000
STEPS = 4


def spiny_tree(path) -> np.ndarray:
    """The SWC points of a morphology, each a node, with spines of two nodes spread over them."""
    rows = [line.split() for line in path.read_text().splitlines() if line[:1].strip(" #")]
    place = {row[0]: k for k, row in enumerate(rows)}
    trunk = np.array([place.get(row[6], -1) for row in rows])
    n = len(trunk)
    assert (trunk < np.arange(n)).all()
    neck = np.random.default_rng(2).integers(1, n, N_SPINE)
    return np.concatenate([trunk, neck, n + np.arange(N_SPINE)])


@pytest.fixture(scope="module")
def block(assets) -> Block:
    files = sorted((assets / "snudda_small").rglob("*.swc"), key=lambda p: p.stat().st_size)
    parent = spiny_tree(files[-1])
    n = len(parent)
    rng = np.random.default_rng(7)
    pas, syn = (load(BUILT_IN / f"{name}.mod") for name in ("pas", "ExpSyn"))
    every, heads = np.arange(n, dtype=np.int32), np.arange(n - 200, n, dtype=np.int32)
    zero = np.zeros(n, np.int32)
    return Block(
        dt=0.025,
        celsius=6.3,
        method="backward-euler",
        cell_ptr=np.array([0, n], np.int64),
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, rng.uniform(0.001, 0.1, n)),
        capacitance=rng.uniform(1e-5, 1e-3, n),
        area=rng.uniform(1.0, 100.0, n),
        diam=np.ones(n),
        v_init=rng.uniform(-70.0, -60.0, n),
        mechanisms=(Instances(pas, every, zero), Instances(syn, heads, zero[:200])),
        ions=(),
        globals={},
        source_node=np.zeros(1, np.int32),
        source_threshold=np.full(1, -20.0),
        source_instance=np.full((1, 2), -1, np.int32),
        connection_target=np.stack([np.ones(200), np.arange(200)], axis=1).astype(np.int32),
        weight=np.full(200, 0.01),
        probes=(Probe("v", np.arange(n), 1),),
    )


VARIANTS = {
    "chosen": None,
    "L2": Variant(128, 32, True, False),
    "tiles": Variant(128, 32, False, False, tile=1024),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda p: p.name)
def test_bits_of_the_cpu_engine(blocks, block, cxx, agree, variant, precision):
    assert 90_000 < block.n_node < 110_000
    step = np.full(200, 1)
    events = Events(step, step * 0.025, np.arange(200, dtype=np.int32))
    start = time.perf_counter()
    engine = CudaEngine(block, HostDevice(3), VARIANTS[variant], precision)
    assert time.perf_counter() - start < 60.0
    (cells,) = engine.classes
    assert cells.variant.large or cells.variant.tile
    assert cells.n_shared == 16 or cells.variant.tile
    cpu = blocks.advance(make_engine(block, "cpu", precision.name), events, STEPS, STEPS)
    assert agree(cpu, blocks.advance(engine, events, STEPS, 3))
    assert np.ptp(cpu.samples[0][-1]) > 1.0


def test_a_card_with_less_shared_memory_is_served_too(blocks, block, cxx, agree):
    """A cell of 3,000 nodes is cut on one card and fits on another: the same bits."""
    n = 3_000
    small = dataclasses.replace(
        block,
        cell_ptr=np.array([0, n], np.int64),
        **{
            f: getattr(block, f)[:n]
            for f in ("parent", "axial", "capacitance", "area", "diam", "v_init")
        },
        mechanisms=(
            dataclasses.replace(
                block.mechanisms[0],
                node=block.mechanisms[0].node[:n],
                cell=block.mechanisms[0].cell[:n],
            ),
        ),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
        probes=(Probe("v", np.arange(n), 1),),
    )
    outcomes = []
    for max_shared, where in ((232_448, "shared"), (65_536, "tiles of 1024"), (4_096, "L2")):
        engine = CudaEngine(small, HostDevice(max_shared=max_shared))
        assert engine.classes[0].variant.where == where
        outcomes.append(blocks.advance(engine, blocks.no_events(), STEPS, STEPS))
    assert all(agree(outcomes[0], one) for one in outcomes[1:])
