"""Places beyond 2**31: arrays that seem to begin far below where they lie give the same bits.

A card of 80 GB holds more values of a mechanism than 32 bits count. Here cells, nodes and instances
get numbers as in such a block, while the table's pointers are moved back by as much: an index that
is cut to 32 bits leads elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest

from kernels import make_engine
from kernels.cuda import CudaEngine, HostDevice, PtxDevice, Variant
from kernels.cuda.layout import I8, TILE
from kernels.precision import DOUBLE, SINGLE

LAST = 40  # steps
#: Nodes count in 64 bits; events name instances in 32 bits, but slots of so many take more.
NODES, INSTANCES = 1 << 33, 1 << 30
#: Arrays over nodes: of positions, and of numbers.
POSITIONS = ("parent", "other", "child_ptr")
NUMBERS = (
    *("axial", "storage", "passive", "voltage", "diagonal", "right", "fixed", "constant", "leak"),
    *("coupling", "coupling"),  # two a node
)


def move(engine: CudaEngine) -> None:
    """Give the nodes and instances that were brought to the device high numbers."""
    memory, state, real = engine.memory, engine.state, engine.precision.n_byte

    def back(name: str, n_byte: int) -> None:
        memory.table[memory.place[name]] -= np.uint64(n_byte)

    def raise_by(name: str, n: int, amount: int) -> None:
        memory.put(name, memory.get(name, I8, n) + amount)

    for name in (*POSITIONS, *NUMBERS):
        back(name, NODES * (4 if name in POSITIONS else real))
    for ion, field in state.prepared.live:
        back(f"{ion}_{field}", NODES * real)
    raise_by("node_ptr", state.n_cell + 1, NODES)
    for k, (placed, printer) in enumerate(zip(state.placed, state.printers, strict=True)):
        back(f"data_{k}", INSTANCES // TILE * (TILE * len(printer.slots)) * real)
        back(f"node_{k}", INSTANCES * 4)
        back(f"source_{k}", INSTANCES * 4)
        back(f"train_ptr_{k}", INSTANCES * 8)
        raise_by(f"ptr_{k}", state.n_cell + 1, INSTANCES)
        raise_by(f"run_{k}", len(placed.run), INSTANCES)
    raise_by("connection_instance", len(state.connections["connection_instance"]), INSTANCES)
    targets = engine.arrivals._targets
    targets["event_instance"] = targets["event_instance"] + np.int32(INSTANCES)


@pytest.fixture
def moved(monkeypatch):
    """`moved(engine)`: the same, all that it brings to its device being moved."""

    def change(engine: CudaEngine) -> CudaEngine:
        fill = engine.state.fill
        monkeypatch.setattr(engine.state, "fill", lambda memory: (fill(memory), move(engine)))
        return engine

    return change


@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("large", [False, True], ids=["shared", "L2"])
@pytest.mark.parametrize("how", ["text", "ptx"])
def test_indices_are_wide_enough(request, blocks, agree, cxx, moved, how, large, precision):
    if how == "ptx":
        request.getfixturevalue("nvrtc")
    block = blocks.random(3, [9, 40, 1, 90], n_artificial=4)
    events = blocks.events(block, 3, 60, LAST)
    name = "single" if precision is SINGLE else "double"
    cpu = blocks.advance(make_engine(block, "cpu", name), events, LAST, 15)
    device = PtxDevice("sm_90", 3) if how == "ptx" else HostDevice(3)
    engine = CudaEngine(block, device, Variant(64, 32, large, False), precision)
    assert agree(cpu, blocks.advance(moved(engine), events, LAST, 15))
