"""Run under a sanitizer: `sanitized_run.py thread|address plain|condensed|tiles [BEFORE AFTER]`.

A few steps; condensed trees are solved by two warps, or in tiles by seven lanes. BEFORE and AFTER
plant a fault in the text.
The sanitizer's library must have been preloaded.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from kernels.cuda import CudaEngine, HostDevice, Variant
from kernels.schedule import elimination

place = Path(__file__).parents[1] / "conftest.py"
spec = importlib.util.spec_from_file_location("blocks", place)
blocks = importlib.util.module_from_spec(spec)
sys.modules["blocks"] = blocks
spec.loader.exec_module(blocks)

sanitizer, trees, change = sys.argv[1], sys.argv[2], sys.argv[3:]
forced = None
if trees != "plain":
    elimination.ENOUGH_STEPS = elimination.LEAST_GAIN = 1
    forced = Variant(64, 64, False, False)
if trees == "tiles":
    forced = Variant(64, 7, False, False, tile=50)  # some nodes belong to the second warp
block = blocks.random_block(1, [150 if trees == "tiles" else 30, 12])
engine = CudaEngine(block, HostDevice(2, sanitizer=sanitizer), forced)
assert any(c.variant.condensed for c in engine.classes) == (trees != "plain")
if change:
    before, after = change
    assert before in engine.program.text
    text = engine.program.text.replace(before, after, 1)
    engine.modules = [engine.device.load(text, c.variant, "spoilt") for c in engine.classes]
blocks.advance_engine(engine, blocks.random_events(block, 1, 30, 6), 6, 6)
print("finished")
