"""A few steps on a device, against the CPU engine: `gpu_run.py cuda|cuda-host`; prints "same"."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from kernels import make_engine

place = Path(__file__).parents[1] / "conftest.py"
spec = importlib.util.spec_from_file_location("blocks", place)
blocks = importlib.util.module_from_spec(spec)
sys.modules["blocks"] = blocks
spec.loader.exec_module(blocks)

block = blocks.random_block(5, [70, 12, 1])
events = blocks.random_events(block, 5, 30, 12)
cpu, device = (
    blocks.advance_engine(make_engine(block, name), events, 12, 5) for name in ("cpu", sys.argv[1])
)
for one, other in zip(cpu.samples, device.samples, strict=True):
    np.testing.assert_array_equal(one, other)
print("same")
