"""What a user with a card runs once: `pytest -m gpu`. The bits of the CPU engine, on the GPU."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from kernels import KernelsError, make_engine
from kernels.cuda import CudaEngine, Variant
from kernels.cuda.device import CudaDevice

pytestmark = pytest.mark.gpu

LAST = 80  # steps
VARIANTS = [
    None,
    Variant(32, 1, False, False),
    Variant(64, 7, False, False),
    Variant(128, 32, False, False),
    Variant(256, 32, False, False),
    Variant(512, 512, True, False),
]


@pytest.fixture(scope="module")
def device() -> CudaDevice:
    try:
        return CudaDevice()
    except KernelsError as problem:
        if os.environ.get("DISTNET_REQUIRE_GPU") == "1":
            pytest.fail(str(problem))
        pytest.skip(str(problem))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_one_interval_of_each_variant(blocks, agree, device, variant):
    for seed in range(4):
        block = blocks.random(seed, [9, 40, 1, 23, 300, 7])
        events = blocks.events(block, seed, 60, LAST)
        cpu = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
        assert agree(cpu, blocks.advance(CudaEngine(block, device, variant), events, LAST, 33))


def test_a_thousand_cells(blocks, agree, device, capsys):
    rng = np.random.default_rng(1)
    block = blocks.random(2, rng.integers(100, 400, 1000).tolist(), every=400)
    events = blocks.events(block, 2, 5000, 400)
    engine = CudaEngine(block, device)
    cpu = blocks.advance(make_engine(block, "cpu"), events, 400, 40)
    assert agree(cpu, blocks.advance(engine, events, 400, 40))
    engine.reset()
    start = time.perf_counter()
    for first in range(0, 400, 40):
        engine.advance(first, first + 40, blocks.no_events())
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n{seconds / 400 / block.n_node * 1e9:.4f} ns per compartment-step")


def test_attributes_of_the_kernels_are_those_pinned(blocks, device):
    pins = json.loads(Path(__file__).with_name("resources.json").read_text())["kernels"]
    limit = max(p["advance"]["registers"] for p in pins.values())
    engine = CudaEngine(blocks.random(1, [40]), device)
    for module in engine.modules:
        assert module["advance"].num_regs <= limit
        assert module["advance"].local_size_bytes == 0
