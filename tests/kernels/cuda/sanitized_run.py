"""Run a few steps under a sanitizer: `sanitized_run.py thread|address [BEFORE AFTER]`.

BEFORE and AFTER plant a fault in the text. The sanitizer's library must have been preloaded.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from kernels.cuda import CudaEngine, HostDevice

place = Path(__file__).parents[1] / "conftest.py"
spec = importlib.util.spec_from_file_location("blocks", place)
blocks = importlib.util.module_from_spec(spec)
sys.modules["blocks"] = blocks
spec.loader.exec_module(blocks)

sanitizer, change = sys.argv[1], sys.argv[2:]
block = blocks.random_block(5, [30, 12])
engine = CudaEngine(block, HostDevice(2, sanitizer=sanitizer))
if change:
    before, after = change
    assert before in engine.program.text
    text = engine.program.text.replace(before, after, 1)
    engine.modules = [engine.device.load(text, c.variant, "spoilt") for c in engine.classes]
blocks.advance_engine(engine, blocks.random_events(block, 5, 30, 6), 6, 6)
print("finished")
