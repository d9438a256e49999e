"""Users' .mod files: the CPU engine, the CUDA text and the reference engine have the same bits.

A file runs in a random block of a branched cell, which is free, and of cells of one compartment
with so large a capacitance that no current moves their voltage; that, and the concentrations, are
set anew now and then. The CUDA text has the bits of the CPU engine everywhere. The reference
engine solves trees by other algebra, which rounds differently: its bits are compared where the
voltage is held.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels import Block, Events, Instances, Ion, Pointer, Probe, make_engine
from kernels.cuda import CudaEngine, HostDevice
from kernels.cuda.host import compiler
from kernels.errors import NmodlError
from kernels.mechanism import Mechanism
from kernels.nmodl import load
from kernels.nmodl.catalogue import stand_in
from kernels.nmodl.lower import read
from kernels.single import single_block

TESTS = str(Path(__file__).parents[2])
sys.path.insert(0, TESTS)
try:
    from mod_corpus import ModFile, corpus
    from side_by_side.protocol import settings_of
finally:
    sys.path.remove(TESTS)

EVERY = 4  # files of the corpus from one that is taken to the next
#: Parts of names of files that are taken in any case.
ALWAYS = (
    *("bmtk: NaV.mod", "neuron: capmpr.mod", "cdp5__", "GABA__granule", "ProbAMPANMDA"),
    *("StochKv", "netstim_inhpoisson", "InhPoisson", "lfpy: ", "hippounit: "),
)
#: Files of the default run: a channel, a synapse with events, an ion's dynamics.
QUICK = ("bmtk: Kd.mod", "lfpy: expsyni.mod", "bmtk: CaDynamics.mod")
#: Parameters that make something happen in the first steps.
GIVEN = {
    "sinsyn": {"del_": 0.2, "freq": 300.0},
    "svclmp": {"dur1": 0.5, "amp1": -20.0, "dur2": 9.0, "amp2": -80.0},
    "concDAfile": {"amplitude": 2.0, "concentration": 0.5},
    "netstim": {"start": 0.2, "interval": 0.3, "noise": 0.5},
}

PARENT = np.array([-1, 0, 1, 1, -1, -1, -1], np.int32)
CELL_PTR = np.array([0, 4, 5, 6, 7], np.int64)
HELD = np.arange(4, 7)  # nodes whose voltage is held
HUGE = 2.0**90  # [nF]: it leaves no bit of a current
DT = 2.0**-5  # [ms]
PART, PARTS = 7, 6  # steps with one voltage, and how often it is set
#: Reversal potential [mV], inner and outer concentration [mM].
IONS = {"na": (50.0, 10.0, 140.0), "k": (-77.0, 54.4, 2.5), "ca": (132.0, 5e-5, 2.0)}


def chosen() -> list:
    """A spread over the corpus; those that are not `QUICK` are slow."""
    files = [f for k, f in enumerate(corpus()) if k % EVERY == 0 or named(f, QUICK + ALWAYS)]
    if not files:
        absent = pytest.mark.skip(reason="no corpus: python tests/mod_corpus.py fetches it")
        return [pytest.param(None, marks=absent, id="corpus")]
    quick: dict[str, ModFile] = {}
    for file in files:
        quick.setdefault(file.label, file)
    return [
        pytest.param(
            file.path,
            id=file.label.replace(": ", "/"),
            marks=() if file.label in QUICK and quick[file.label] is file else pytest.mark.slow,
        )
        for file in files
    ]


def named(file: ModFile, parts: Iterable[str]) -> bool:
    return any(part in file.label for part in parts)


def random_block(mechanism: Mechanism, seed: int, settings: Mapping[str, float]) -> Block:
    """Instances on every node, two at the root of each cell if they are point processes."""
    rng = np.random.default_rng(seed)
    single = single_block(mechanism)
    n = len(PARENT)
    node = np.arange(n, dtype=np.int32)
    if mechanism.kind == "point":
        node = np.sort([*node, *np.flatnonzero(PARENT < 0)]).astype(np.int32)
    cell = np.searchsorted(CELL_PTR, node, side="right").astype(np.int32) - 1
    cell_ptr = CELL_PTR
    if mechanism.kind == "artificial":
        node, cell = np.full(3, -1, np.int32), len(CELL_PTR) - 1 + np.arange(3, dtype=np.int32)
        cell_ptr = np.append(CELL_PTR, [n] * 3)
    index = np.arange(len(node))
    given = {k: np.full(len(node), float(v)) for k, v in settings.items()}
    pointers = tuple(
        Pointer(name, "v", index, node.astype(np.int64)) for name in mechanism.pointers
    )
    group = Instances(mechanism, node, cell.astype(np.int32), given, pointers=pointers)
    is_source = mechanism.kind == "artificial"
    receives = mechanism.receive is not None
    block = dataclasses.replace(
        single,
        dt=DT,
        celsius=34.0,
        cell_ptr=cell_ptr.astype(np.int64),
        parent=PARENT,
        axial=np.where(PARENT < 0, 0.0, rng.uniform(0.01, 0.1, n)),
        capacitance=np.where(np.isin(np.arange(n), HELD), HUGE, rng.uniform(0.01, 0.02, n)),
        area=rng.uniform(900.0, 1200.0, n),
        diam=rng.uniform(1.0, 20.0, n),
        v_init=rng.uniform(-75.0, -55.0, n),
        mechanisms=(group,),
        ions=tuple(spread(ion, rng, n) for ion in single.ions),
        globals=dict.fromkeys(single.globals, 0.5),
        source_node=np.full(len(node) * is_source, -1, np.int32),
        source_threshold=np.zeros(len(node) * is_source),
        source_instance=np.array([(0, i) for i in index if is_source], np.int32).reshape(-1, 2),
        connection_target=np.array([(0, i) for i in index if receives], np.int32).reshape(-1, 2),
        weight=rng.uniform(0.0005, 0.002, len(node) * receives),
    )
    return dataclasses.replace(block, probes=probes(block, mechanism, index))


def spread(ion: Ion, rng: np.random.Generator, n: int) -> Ion:
    """An ion whose values differ between nodes."""
    values = (x * rng.uniform(0.9, 1.1, n) for x in IONS.get(ion.name, (-20.0, 1.0, 2.0)))
    return Ion(ion.name, ion.valence, *values)


def probes(block: Block, mechanism: Mechanism, index: np.ndarray) -> tuple[Probe, ...]:
    """Every variable of every instance, the voltage and the ions at every node."""
    nodes = np.arange(len(PARENT))
    fields = [f"{ion.name}.{x}" for ion in block.ions for x in ("e", "ci", "co", "i")]
    own = [f"{mechanism.name}.{name}" for name in mechanism.variables()]
    return (
        *(Probe(name, nodes, 1) for name in ("v", *fields)),
        *(Probe(name, index, 1) for name in own),
    )


def outcome(engine: Any, block: Block, seed: int) -> dict[str, np.ndarray]:
    """(n_step, n_place) samples of every probe, spikes, and what is saved in the end."""
    rng = np.random.default_rng(seed)
    n = len(block.weight)
    made: list[list[np.ndarray]] = []
    engine.reset()
    for part in range(PARTS):
        first = part * PART
        step = np.repeat(first + np.array([1, 3]), n)
        connection = np.tile(np.arange(n, dtype=np.int32), 2)
        spikes = engine.advance(first, first + PART, Events(step, step * DT, connection))
        made.append([*engine.read(), spikes.time, spikes.source])
        state = engine.save()
        state["v"] = state["v"].copy()
        state["v"][HELD] = rng.uniform(-95.0, 45.0, len(HELD))
        for ion in block.ions:
            state[f"{ion.name}.ci"] = state[f"{ion.name}.ci"] * rng.uniform(1.0, 1.3, len(PARENT))
        engine.load(state)
    names = [*(probe.variable for probe in block.probes), "spikes", "sources"]
    joined = (np.concatenate(column) for column in zip(*made, strict=True))
    found = dict(zip(names, joined, strict=True))
    return found | {f"saved {name}": values for name, values in by_instance(state).items()}


def by_instance(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A saved state, its self-events by instance: engines keep an order within each only."""
    order = np.argsort(state["self.instance"], kind="stable")
    return {name: x[order] if name.startswith("self.") else x for name, x in state.items()}


def differing(one: dict, other: dict, columns: dict | None = None) -> list[str]:
    """Names of what has other bits, at some columns only if those are given."""
    found = []
    for name in one if columns is None else columns:
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if columns is not None:
            a, b = a[..., columns[name]], b[..., columns[name]]
        if a.shape != b.shape or a.tobytes() != b.tobytes():
            found.append(name)
    return found


def held_columns(block: Block) -> dict[str, np.ndarray | slice]:
    """Which places of each probe lie where the voltage is held, or at no node."""
    node = block.mechanisms[0].node
    own = np.flatnonzero(np.isin(node, HELD) | (node < 0))
    name = block.mechanisms[0].mechanism.name
    found = {p.variable: own if p.variable.startswith(f"{name}.") else HELD for p in block.probes}
    return found | {name: slice(None) for name in ("spikes", "sources")}


@pytest.mark.parametrize("path", chosen())
def test_bits_are_equal(path):
    if compiler() is None:
        pytest.skip("no C++ compiler: the CUDA text cannot run on the CPU")
    if stand_in(read(path)) is not None:
        pytest.skip("a built-in mechanism stands in for it")
    try:
        mechanism = load(path)
    except NmodlError as problem:
        pytest.skip(f"refused: {problem.message}")
    block = random_block(mechanism, 7, settings_of(mechanism) | GIVEN.get(path.stem, {}))
    cpu = outcome(make_engine(block, "cpu"), block, 3)
    assert any((cpu[p.variable] != cpu[p.variable][0]).any() for p in block.probes[1:])
    cuda = outcome(CudaEngine(block, HostDevice()), block, 3)
    assert differing(cpu, cuda) == []
    reference = outcome(make_engine(block, "reference"), block, 3)
    assert differing(cpu, reference, held_columns(block)) == []
