"""Blocks for every test of engines: random trees under one set of mechanisms.

The set and the probes are the same in every block, so the CPU engine's code is compiled once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from kernels import Block, Engine, Events, Instances, Ion, Probe, Spikes
from kernels.mechanism import Mechanism
from kernels.nmodl import find, load
from kernels.schedule import elimination

MECHANISMS = ("Exp2Syn", "ExpSyn", "IClamp", "NetStim", "VecStim", "hh", "pas")
POINTS = ("Exp2Syn", "ExpSyn", "IClamp")
IONS = (Ion("k", 1.0, *(np.zeros(0),) * 3), Ion("na", 1.0, *(np.zeros(0),) * 3))
PROBES = ("v", "hh.m", "ExpSyn.g", "na.i")
DT = 0.025


@functools.cache
def mechanism(name: str) -> Mechanism:
    return load(find()[name], tables=False)


def random_parents(rng: np.random.Generator, n: int, reach: int) -> np.ndarray:
    """A tree of n nodes: long branches where `reach` is small."""
    low = np.maximum(0, np.arange(n) - reach)
    return np.array([-1, *(int(rng.integers(low[i], i)) for i in range(1, n))], np.int32)


def cell_trees(rng: np.random.Generator, sizes: Sequence[int]) -> dict[str, np.ndarray]:
    """Arrays over nodes; about a fifth of them are ends without area."""
    parent, first = [], 0
    for n in sizes:
        tree = random_parents(rng, n, int(rng.choice([1, 3, 50])))
        parent.append(np.where(tree < 0, -1, tree + first))
        first += n
    joined = np.concatenate([np.zeros(0, np.int32), *parent]).astype(np.int32)
    n_node = len(joined)
    empty = (rng.random(n_node) < 0.2) & (joined >= 0)
    area = np.where(empty, 0.0, rng.uniform(50.0, 900.0, n_node))
    return {
        "cell_ptr": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "parent": joined,
        "axial": np.where(joined < 0, 0.0, rng.uniform(0.002, 0.2, n_node)),
        "capacitance": area * 1e-5 * rng.uniform(0.8, 2.0, n_node),
        "area": area,
        "diam": rng.uniform(0.5, 20.0, n_node),
        "v_init": rng.uniform(-75.0, -55.0, n_node),
    }


def place_instances(
    rng: np.random.Generator, name: str, tree: dict[str, np.ndarray], n_artificial: int
) -> Instances:
    """Instances of one mechanism at random nodes; artificial cells come after the others."""
    size = np.diff(tree["cell_ptr"])
    n_node, n_cell = len(tree["parent"]), len(size)
    owner = np.repeat(np.arange(n_cell), size).astype(np.int32)
    if mechanism(name).kind == "artificial":
        kinds = ("NetStim", "VecStim")
        mine = n_cell + np.arange(n_artificial)
        mine = mine[mine % 2 == kinds.index(name)]
        nodes = np.full(len(mine), -1, np.int32)
        if name == "VecStim":
            trains = tuple(np.sort(rng.uniform(0.0, 4.0, rng.integers(0, 4))) for _ in mine)
            return Instances(mechanism(name), nodes, mine.astype(np.int32), {}, trains)
        parameters = {
            "start": rng.uniform(0.0, 2.0, len(mine)),
            "interval": rng.uniform(0.3, 2.0, len(mine)),
            "number": rng.integers(0, 4, len(mine)).astype(float),
        }
        return Instances(mechanism(name), nodes, mine.astype(np.int32), parameters)
    if mechanism(name).kind == "density":
        share = 0.5 if name == "hh" else 0.9
        node = np.flatnonzero((tree["area"] > 0.0) & (rng.random(n_node) < share))
    else:
        node = np.sort(rng.integers(0, max(1, n_node), n_node // 3 if n_node else 0))
    n = len(node)
    parameters = {
        "hh": lambda: {"gnabar": rng.uniform(0.05, 0.2, n)},
        "pas": lambda: {"g": rng.uniform(1e-5, 1e-3, n), "e": rng.uniform(-75.0, -60.0, n)},
        "ExpSyn": lambda: {"tau": rng.uniform(0.2, 5.0, n)},
        "Exp2Syn": lambda: {"tau1": rng.uniform(0.1, 1.0, n), "tau2": rng.uniform(1.0, 9.0, n)},
        "IClamp": lambda: {
            "delay": rng.uniform(0.0, 2.0, n),
            "dur": rng.uniform(0.0, 3.0, n),
            "amp": rng.uniform(-0.05, 0.3, n),
        },
    }[name]()
    return Instances(mechanism(name), node.astype(np.int32), owner[node], parameters)


def make_ions(n_node: int, rng: np.random.Generator) -> tuple[Ion, ...]:
    reversal = {"k": -77.0, "na": 50.0}
    return tuple(
        Ion(
            ion.name,
            ion.valence,
            reversal[ion.name] + rng.uniform(-3.0, 3.0, n_node),
            np.full(n_node, 10.0),
            np.full(n_node, 140.0),
        )
        for ion in IONS
    )


def random_block(
    seed: int,
    sizes: Sequence[int],
    n_artificial: int = 4,
    method: str = "backward-euler",
    every: int = 1,
) -> Block:
    """Cells of these sizes, artificial cells, connections onto all that receive."""
    rng = np.random.default_rng(seed)
    tree = cell_trees(rng, sizes)
    n_node = len(tree["parent"])
    groups = tuple(place_instances(rng, name, tree, n_artificial) for name in MECHANISMS)
    artificial = [
        (k, i, int(cell))
        for k, group in enumerate(groups)
        if group.mechanism.kind == "artificial"
        for i, cell in enumerate(group.cell)
    ]
    artificial.sort(key=lambda one: one[2])
    receivers = [
        (k, i)
        for k, group in enumerate(groups)
        if group.mechanism.receive is not None
        for i in range(group.n)
    ]
    n_connection = 2 * len(receivers)
    chosen = rng.integers(0, max(1, len(receivers)), n_connection)
    watched = [int(rng.integers(a, b)) for a, b in zip(*_ends(tree["cell_ptr"]), strict=True)]
    tree["cell_ptr"] = np.append(
        tree["cell_ptr"], np.full(n_artificial, n_node, np.int64)
    )  # artificial cells have no nodes
    n_of = {group.mechanism.name: group.n for group in groups}
    places = {"v": n_node, "hh.m": n_of["hh"], "ExpSyn.g": n_of["ExpSyn"], "na.i": n_node}
    return Block(
        dt=DT,
        celsius=6.3,
        method=method,
        **tree,
        mechanisms=groups,
        ions=make_ions(n_node, rng),
        globals={},
        source_node=np.array([*watched, *[-1] * len(artificial)], np.int32),
        source_threshold=np.array([*[-20.0] * len(watched), *[0.0] * len(artificial)]),
        source_instance=np.array(
            [*[(-1, -1)] * len(watched), *((k, i) for k, i, _ in artificial)], np.int32
        ).reshape(-1, 2),
        connection_target=np.array([receivers[c] for c in chosen], np.int32).reshape(-1, 2),
        weight=rng.uniform(0.0, 0.02, n_connection),
        probes=tuple(Probe(name, np.arange(places[name]), every) for name in PROBES),
    )


def _ends(cell_ptr: np.ndarray) -> tuple[list[int], list[int]]:
    return cell_ptr[:-1].tolist(), cell_ptr[1:].tolist()


def random_events(block: Block, seed: int, n: int, last: int) -> Events:
    """Events over steps 0 to last, at exact times, some of them at one time."""
    if not len(block.weight):
        return no_events()
    rng = np.random.default_rng(seed)
    time = np.round(rng.uniform(0.0, (last - 0.6) * block.dt, n), rng.integers(1, 5))
    connection = rng.integers(0, len(block.weight), n)
    step = np.maximum(0, np.ceil(time / block.dt - 0.5 - 1e-9)).astype(np.int64)
    order = np.lexsort((connection, time, step))
    return Events(step[order], time[order], connection[order].astype(np.int32))


@pytest.fixture
def condense_all(monkeypatch) -> None:
    """Every tree is condensed that gets fewer steps by it."""
    monkeypatch.setattr(elimination, "ENOUGH_STEPS", 1)
    monkeypatch.setattr(elimination, "LEAST_GAIN", 1)


def no_events() -> Events:
    return Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run gave: spikes and one (n_sample, n_place) array a probe."""

    spikes: Spikes
    samples: list[np.ndarray]


def advance_engine(engine: Engine, events: Events, last: int, epoch: int) -> Outcome:
    """Reset, then epoch after epoch to step `last`."""
    engine.reset()
    spikes, samples = [], []
    for first in range(0, last, epoch):
        end = min(first + epoch, last)
        mine = (events.step >= first) & (events.step < end)
        due = Events(events.step[mine], events.time[mine], events.connection[mine])
        spikes.append(engine.advance(first, end, due))
        samples.append(engine.read())
    joined = (np.concatenate(part) for part in zip(*map(dataclasses.astuple, spikes), strict=True))
    return Outcome(Spikes(*joined), [np.concatenate(part) for part in zip(*samples, strict=True)])


def select_cells(block: Block, cells: Sequence[int]) -> Block:
    """The block of some of its cells, in this order."""
    size = np.diff(block.cell_ptr)
    old_node = np.concatenate(
        [np.zeros(0, int), *(np.arange(block.cell_ptr[c], block.cell_ptr[c + 1]) for c in cells)]
    ).astype(int)
    new_node = np.full(block.n_node + 1, -1)  # the last stands for node -1
    new_node[old_node] = np.arange(len(old_node))
    new_cell = {c: k for k, c in enumerate(cells)}
    instances, moved = [], []
    for group in block.mechanisms:
        mine = [i for c in cells for i in np.flatnonzero(group.cell == c)]
        back = np.full(group.n, -1)
        back[mine] = np.arange(len(mine))
        moved.append(back)
        instances.append(
            Instances(
                group.mechanism,
                new_node[group.node[mine]].astype(np.int32),
                np.array([new_cell[c] for c in group.cell[mine]], np.int32),
                {name: values[mine] for name, values in group.parameters.items()},
                tuple(group.trains[i] for i in mine) if group.trains else (),
            )
        )
    target = block.connection_target
    goal = np.array([moved[m][i] for m, i in target], int)
    kept = np.flatnonzero(goal >= 0)
    source = [
        (int(new_node[n]), -1, -1) if n >= 0 else (-1, int(m), int(moved[m][i]))
        for n, (m, i) in zip(block.source_node, block.source_instance, strict=True)
    ]
    heard = [k for k, one in enumerate(source) if one[0] >= 0 or one[2] >= 0]
    place = {"v": old_node, "na.i": old_node}
    for group, name in ((5, "hh.m"), (1, "ExpSyn.g")):
        place[name] = np.flatnonzero(moved[group] >= 0)
        place[name] = place[name][np.argsort(moved[group][place[name]])]
    return dataclasses.replace(
        block,
        cell_ptr=np.concatenate([[0], np.cumsum(size[list(cells)])]).astype(np.int64),
        parent=new_node[block.parent[old_node]].astype(np.int32),
        **{
            name: getattr(block, name)[old_node]
            for name in ("axial", "capacitance", "area", "diam", "v_init")
        },
        mechanisms=tuple(instances),
        ions=tuple(
            dataclasses.replace(ion, e=ion.e[old_node], ci=ion.ci[old_node], co=ion.co[old_node])
            for ion in block.ions
        ),
        source_node=np.array([source[k][0] for k in heard], np.int32),
        source_threshold=block.source_threshold[heard],
        source_instance=np.array([source[k][1:] for k in heard], np.int32).reshape(-1, 2),
        connection_target=np.stack([target[kept, 0], goal[kept]], axis=1).astype(np.int32),
        weight=block.weight[kept],
        probes=tuple(
            Probe(p.variable, np.arange(len(place[p.variable])), p.every) for p in block.probes
        ),
    )


def select_events(block: Block, part: Block, cells: Sequence[int], events: Events) -> Events:
    """The events onto some cells, by the connection numbers of their own block."""
    cell = np.array([block.mechanisms[m].cell[i] for m, i in block.connection_target], int)
    kept = np.flatnonzero(np.isin(cell, cells))
    assert len(kept) == len(part.weight)
    number = np.full(len(block.weight), -1)
    number[kept] = np.arange(len(kept))
    mine = number[events.connection] >= 0
    connection = number[events.connection[mine]].astype(np.int32)
    return Events(events.step[mine], events.time[mine], connection)


def simple_block(
    groups: Sequence[Instances],
    n_cell: int = 1,
    targets: Sequence[tuple[int, int]] = (),
    weights: Sequence[float] = (),
    sources: Sequence[tuple[int, int, int]] = (),
    probes: Sequence[Probe] = (),
    v_init: float = -65.0,
) -> Block:
    """Cells of one node each, with `groups` on them; cells from `n_cell` on are artificial.

    `sources` are (node, mechanism, instance), -1 for what does not apply.
    """
    n_artificial = max([0, *(int(g.cell.max(initial=-1)) + 1 - n_cell for g in groups)])
    node = np.arange(n_cell)
    source = np.array(sources, np.int32).reshape(-1, 3)
    return Block(
        dt=DT,
        celsius=6.3,
        method="backward-euler",
        cell_ptr=np.concatenate([np.arange(n_cell + 1), np.full(n_artificial, n_cell)]),
        parent=np.full(n_cell, -1, np.int32),
        axial=np.zeros(n_cell),
        capacitance=np.full(n_cell, 0.01),
        area=np.full(n_cell, 1000.0),
        diam=np.full(n_cell, 10.0),
        v_init=np.full(n_cell, v_init),
        mechanisms=tuple(groups),
        ions=tuple(
            Ion(name, 1.0, e + 0.0 * node, 10.0 + 0.0 * node, 140.0 + 0.0 * node)
            for name, e in (("k", -77.0), ("na", 50.0))
        ),
        globals={},
        source_node=source[:, 0],
        source_threshold=np.full(len(source), -20.0),
        source_instance=source[:, 1:],
        connection_target=np.array(targets, np.int32).reshape(-1, 2),
        weight=np.array(weights, np.float64),
        probes=tuple(probes),
    )


@pytest.fixture(scope="session")
def blocks() -> SimpleNamespace:
    """Random blocks, events for them, and how to run them."""
    return SimpleNamespace(
        mechanism=mechanism,
        random=random_block,
        simple=simple_block,
        events=random_events,
        no_events=no_events,
        advance=advance_engine,
        select=select_cells,
        select_events=select_events,
    )
