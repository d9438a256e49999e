"""Every mechanism by itself: the CUDA text, and its PTX, have the bits of the CPU engine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kernels import Block, Events, Instances, Ion, KernelsError, make_engine
from kernels.cuda import Variant
from kernels.cuda.single import cuda_text
from kernels.mechanism import Mechanism
from kernels.nmodl import BUILT_IN, load
from kernels.precision import find_precision

LAST = 60  # steps
SONATA = "sonata_small/components/mechanisms/modfiles"
SNUDDA = "snudda_small/data/neurons/mechanisms"


#: Reversal potential [mV], inner and outer concentration [mM] of ions as NEURON starts them.
IONS = {"na": (50.0, 10.0, 140.0), "k": (-77.0, 54.4, 2.5), "ca": (132.4579341637009, 5e-5, 2.0)}
VALENCES = {"na": 1.0, "k": 1.0, "ca": 2.0}


def trial_block(
    mechanisms: list[Mechanism], n_node: int = 3, celsius: float = 34.0, dt: float = 0.025
) -> Block:
    """A cell of `n_node` nodes for each mechanism, with an instance on every node.

    Point processes come twice on the first node; artificial cells have no node. Every instance
    that receives events has one connection.
    """
    cells = [(k, 0 if m.kind == "artificial" else n_node) for k, m in enumerate(mechanisms)]
    cell_ptr = np.concatenate([[0], np.cumsum([n for _, n in cells])]).astype(np.int64)
    total = int(cell_ptr[-1])
    parent = np.concatenate(
        [np.zeros(0, np.int64), *(first + np.arange(n) - 1 for first, (_, n) in zip(
            cell_ptr, cells, strict=False))]
    )  # fmt: skip
    parent[cell_ptr[:-1][np.diff(cell_ptr) > 0]] = -1
    groups, targets = [], []
    for (k, n), first, mechanism in zip(cells, cell_ptr[:-1], mechanisms, strict=True):
        node = np.arange(first, first + n) if n else np.array([-1])
        if mechanism.kind == "point" and n:
            node = np.append(first, node)
        groups.append(Instances(mechanism, node.astype(np.int32), np.full(len(node), k, np.int32)))
        if mechanism.receive is not None:
            targets += [(k, i) for i in range(len(node))]
    ions = {use.ion: use.valence for m in mechanisms for use in m.ions}
    return Block(
        dt=dt,
        celsius=celsius,
        method="backward-euler",
        cell_ptr=cell_ptr,
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, 0.01),
        capacitance=np.full(total, 2e-3),
        area=np.full(total, 200.0),
        diam=np.full(total, 2.0),
        v_init=-65.0 + 3.0 * np.arange(total) % 20.0,
        mechanisms=tuple(groups),
        ions=tuple(_ion(name, valence, total) for name, valence in sorted(ions.items())),
        globals={},
        source_node=np.zeros(0, np.int32),
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.array(targets, np.int32).reshape(-1, 2),
        weight=np.full(len(targets), 0.002),
    )


def _ion(name: str, valence: float | None, n_node: int) -> Ion:
    e, inside, outside = IONS.get(name, (0.0, 1.0, 1.0))
    number = valence if valence is not None else VALENCES.get(name, 1.0)
    return Ion(name, number, *(np.full(n_node, value) for value in (e, inside, outside)))


def load_all(folder: Path) -> list[Mechanism]:
    """What of a folder loads; a mechanism that the front end refuses is not this room's."""
    found = []
    for path in sorted(folder.rglob("*.mod")):
        try:
            found.append(load(path))
        except KernelsError:
            continue
    return found


def check(blocks, agree, engines, mechanisms: list[Mechanism], precision="double") -> None:
    """Run all in one block, a cell each, and compare all that any kernel changes."""
    block = trial_block(mechanisms)
    n = len(block.weight)
    step = np.repeat([3, 17], n)
    events = Events(step, step * block.dt, np.tile(np.arange(n, dtype=np.int32), 2))
    cpu = make_engine(block, "cpu", precision)
    cpu.reset()
    start = cpu.save()
    expected = blocks.advance(cpu, events, LAST, LAST)
    one = cpu.save()
    moved = [name for name in one if not np.array_equal(one[name], start[name])]
    assert len(moved) > len(mechanisms) // 2
    for make in engines:
        engine = make(block, 5, precision=find_precision(precision))
        assert agree(expected, blocks.advance(engine, events, LAST, 25))
        other = engine.save()
        assert set(one) == set(other)
        for name in one:
            if not name.startswith("self."):
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture
def engines(host_engine, ptx_engine):
    """The text itself, and what NVRTC makes of it."""
    return host_engine, ptx_engine


def test_built_in(blocks, agree, engines):
    check(blocks, agree, engines, load_all(BUILT_IN))


@pytest.mark.parametrize("precision", ["double", pytest.param("single", marks=pytest.mark.slow)])
def test_in_tiles(blocks, agree, host_engine, assets, precision):
    """Mechanisms on trunks and tiles: events, self-events, ions, concentrations."""

    def make(block, order, precision):
        variant = Variant(64, 7, False, False, tile=2)
        engine = host_engine(block, order, variant, precision=precision)
        assert {c.variant.tile for c in engine.classes} == {2}
        return engine

    check(blocks, agree, [make], load_all(BUILT_IN), precision)
    check(blocks, agree, [make], load_all(assets / SONATA), precision)


def test_built_in_in_single_precision(blocks, agree, engines):
    check(blocks, agree, engines, load_all(BUILT_IN), "single")


@pytest.mark.slow
def test_of_the_sonata_circuit_in_single_precision(blocks, agree, host_engine, assets):
    check(blocks, agree, [host_engine], load_all(assets / SONATA), "single")


@pytest.mark.slow
def test_ptx_of_the_sonata_circuit_in_single_precision(blocks, agree, ptx_engine, assets):
    check(blocks, agree, [ptx_engine], load_all(assets / SONATA), "single")


def test_built_in_without_tables(blocks, agree, engines):
    check(blocks, agree, engines, [load(BUILT_IN / "hh.mod", tables=False)])


def test_of_the_sonata_circuit(blocks, agree, engines, assets):
    found = load_all(assets / SONATA)
    assert len(found) >= 16
    check(blocks, agree, engines, found)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_of_the_snudda_circuit(blocks, agree, engines, assets, precision):
    """Every sixth; all of them where DISTNET_ALL_MECHANISMS is set."""
    found = load_all(assets / SNUDDA)
    assert len(found) >= 40
    chosen = found if os.environ.get("DISTNET_ALL_MECHANISMS") else found[::6]
    check(blocks, agree, engines, chosen, precision)


def test_the_text_of_one_mechanism():
    text = cuda_text(load(BUILT_IN / "hh.mod", tables=False))[0]
    assert "// --- hh ---" in text
    assert "@" not in text
    assert "#include" not in text
