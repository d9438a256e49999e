"""Threads and lanes come from the model: estimates near what is counted, choices that are good."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from kernels import Block, Instances, Ion
from kernels.cuda import CudaEngine, Variant, choice
from kernels.cuda.cards import CARDS, card_of
from kernels.cuda.choice import Chooser, Kind, kinds_of
from kernels.cuda.classes import Schedules
from kernels.cuda.cost import cell_load, instance_of, tree_of
from kernels.cuda.count import CountingDevice
from kernels.cuda.engine import print_block
from kernels.cuda.model import Load, floor_of
from kernels.cuda.occupancy import resident_cells
from kernels.cuda.tally import loads
from kernels.cuda.tile_cost import tiled_load, tree_of_tiling
from kernels.cuda.tiles import make_tiling
from kernels.nmodl import BUILT_IN, load
from kernels.precision import DOUBLE, SINGLE
from kernels.preparation import prepare
from kernels.schedule import Elimination, plan_elimination, schedule_elimination

#: How near estimates are.
NEAR = {DOUBLE: 0.25, SINGLE: 0.4}
#: Nodes up to which this many threads were used before there was a model.
TABLE = ((320, 32), (1500, 128), (65_534, 256))


def tree_of_branches(n_node: int, length: int = 25) -> np.ndarray:
    """A soma and branches of `length` nodes, each on one of those before."""
    parent = np.arange(-1, n_node - 1)
    starts = np.arange(1 + length, n_node, length)
    parent[starts] = (starts // length // 2) * length
    return parent


def plan_of(n_node: int) -> Elimination:
    return plan_elimination(tree_of_branches(n_node))


@functools.cache
def block_of(names: tuple[str, ...], n_node: int) -> Block:
    """One cell with mechanisms on all its nodes."""
    node, cell = np.arange(n_node, dtype=np.int32), np.zeros(n_node, np.int32)
    parent = tree_of_branches(n_node)
    each = functools.partial(np.full, n_node)
    mechanisms = [load(BUILT_IN / f"{name}.mod", tables=False) for name in names]
    return Block(
        dt=0.025,
        celsius=6.3,
        method="backward-euler",
        cell_ptr=np.array([0, n_node], np.int64),
        parent=parent.astype(np.int32),
        axial=np.where(parent < 0, 0.0, 0.01),
        capacitance=each(0.001),
        area=each(100.0),
        diam=each(2.0),
        v_init=each(-65.0),
        mechanisms=tuple(Instances(m, node, cell) for m in mechanisms),
        ions=(
            Ion("k", 1.0, *map(each, (-77.0, 54.4, 2.5))),
            Ion("na", 1.0, *map(each, (50.0, 10.0, 140.0))),
        ),
        globals={},
        source_node=np.zeros(0, np.int32),
        source_threshold=np.zeros(0),
        source_instance=np.zeros((0, 2), np.int32),
        connection_target=np.zeros((0, 2), np.int32),
        weight=np.zeros(0),
    )


def printers(names: tuple[str, ...], precision=DOUBLE):
    block = block_of(names, 3)
    return print_block(block, prepare(block, precision)).printers


def counted(blocks, names, n_node, variant, card, precision) -> tuple[Load, float, float]:
    device = CountingDevice(card.architecture)
    engine = CudaEngine(block_of(names, n_node), device, variant, precision)
    (module,) = engine.modules
    engine.reset()
    taken = []
    for first, last in ((0, 1), (1, 4)):
        device.clear(module)
        engine.advance(first, last, blocks.no_events())
        taken.append(device.counts(module))
    step = (taken[1] - taken[0]) / 2
    rows = loads(module.listings["advance"], step, card)
    kept = device.footprint(module, step.sectors > 0)
    return sum(rows.values(), Load()), step.footprint, kept


@pytest.mark.parametrize("names", [("hh",), ("ExpSyn", "hh", "pas")], ids=" ".join)
@pytest.mark.parametrize(
    ("variant", "n_node"),
    [
        (Variant(32, 32, False, False), 200),
        (Variant(128, 128, False, False, True), 400),
        (Variant(256, 256, True, False, True), 400),
        (Variant(64, 32, False, False, True, tile=100), 400),
        (Variant(128, 128, False, False, True, tile=256), 800),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda p: p.name)
def test_estimates_are_near_what_is_counted(blocks, cxx, nvrtc, names, variant, n_node, precision):
    card = CARDS["a100"]
    step, footprint, kept = counted(blocks, names, n_node, variant, card, precision)
    plan = plan_of(n_node)
    assert variant.condensed == (plan.n_condensed > 0)
    instances = [(n_node, instance_of(q, card, variant.large)) for q in printers(names, precision)]
    if variant.tile:
        tiling = make_tiling(plan, variant.tile, variant.lanes)
        how = (variant.threads, variant.lanes, card, precision.n_byte)
        found = tiled_load(tiling, tree_of_tiling(tiling, plan), instances, *how)
    else:
        solved = tree_of(schedule_elimination(plan, variant.lanes), plan)
        how = (variant.threads, variant.lanes, variant.large, card, precision.n_byte)
        found = cell_load(solved, instances, *how)
    for field in dataclasses.fields(Load):
        one, other = getattr(found.step, field.name), getattr(step, field.name)
        assert one == pytest.approx(other, rel=NEAR[precision], abs=1.0), field.name
    assert found.footprint == pytest.approx(footprint, rel=NEAR[precision])
    assert found.kept == pytest.approx(kept, rel=NEAR[precision])


@pytest.fixture(scope="module")
def schedules() -> Schedules:
    return Schedules()


def chooser(card: str, names=("hh",), schedules=None) -> Chooser:
    return Chooser(CARDS[card], printers(names), schedules or Schedules())


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("n_cell", [1, 100_000])
def test_choices_at_the_ends(card, n_cell):
    def choose(n_node):
        return chooser(card).choose([Kind(plan_of(n_node), False, (n_node,), n_cell)])[0]

    assert choose(1) == Variant(32, 32, False, False)
    assert choose(20).threads == 32
    middle, long = choose(1000), choose(100_000)
    assert not middle.large
    assert long.large or long.tile
    if n_cell == 1:
        assert middle.threads >= 256
        assert long.lanes > 32
    else:
        assert middle.threads <= 256
        assert long.tile


def by_table(kind: Kind, largest: int) -> Variant:
    """The choice by size alone."""
    condensed = kind.plan.n_condensed > 0
    if largest:
        return Variant(512, 512, True, kind.serial, condensed)
    threads = next(t for limit, t in TABLE if kind.plan.n <= limit)
    return Variant(threads, 32, False, kind.serial, condensed)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("seed", range(8))
def test_never_worse_than_a_table_of_sizes(card, seed, schedules):
    rng = np.random.default_rng(seed)
    chosen = chooser(card, ("hh", "pas"), schedules)
    kinds = []
    for _ in range(rng.integers(1, 7)):
        n_node = int(10 ** rng.uniform(0.0, 4.2))
        plan, n = plan_of(n_node), int(10 ** rng.uniform(0.0, 4.0))
        kinds.append(Kind(plan, bool(rng.integers(2)), (n_node, n_node // 3), n))
    table = [by_table(kind, chosen.variants(kind)[0].large) for kind in kinds]
    best = chosen.choose(kinds)
    seconds = chosen.seconds(kinds, best, worst=True)
    assert seconds <= chosen.seconds(kinds, table, worst=True) * (1 + 1e-9)
    assert chosen.seconds(kinds, best) <= seconds
    turned = chosen.choose(kinds[::-1])[::-1]
    assert chosen.seconds(kinds, turned, worst=True) == pytest.approx(seconds, rel=1e-9)


def test_some_of_many_kinds_stand_for_all(monkeypatch, schedules):
    sizes = np.random.default_rng(1).integers(130, 255, 90).tolist()
    kinds = [Kind(plan_of(n), False, (n,), 20) for n in sizes]
    one = chooser("h100", schedules=schedules)
    few = choice.sample_of(kinds)
    assert len(few) == choice.SAMPLED
    assert sum(kind.n for kind in few) == 20 * 90
    assert max(kind.plan.n for kind in few) == max(sizes)
    found = one.choose(kinds)
    monkeypatch.setattr(choice, "SAMPLED", 90)
    assert found == one.choose(kinds)


@pytest.mark.parametrize("architecture", ["sm_70", "sm_75", "sm_86", "sm_89", "sm_100", "sm_121"])
def test_cards_that_are_not_in_the_table(architecture):
    card = card_of(architecture, 40, 1.5e9, 65_536, 4 << 20)
    plan = plan_of(300)
    one = Chooser(card, printers(("hh",)), Schedules())
    (variant,) = one.choose([Kind(plan, False, (300,), 1000)])
    assert not variant.large
    assert 32 <= variant.threads <= 512
    assert resident_cells(architecture, 96, variant.threads, 12_000) >= 1


def varied_hh():
    """Printers of hh, nothing of which is the same on all nodes."""
    block = block_of(("hh",), 3)
    values = {n: np.array([1.0, 2.0, 3.0]) for n in ("gnabar", "gkbar", "gl", "el")}
    varied = dataclasses.replace(
        block,
        mechanisms=(dataclasses.replace(block.mechanisms[0], parameters=values),),
        ions=tuple(dataclasses.replace(ion, e=values["el"]) for ion in block.ions),
    )
    return print_block(varied, prepare(varied)).printers


@pytest.mark.parametrize("card", CARDS)
def test_no_more_cells_at_once_than_the_cache_keeps(card):
    """hh in cells of 200 nodes: every step uses 108 bytes of each, and 600 of the cell."""
    one = Chooser(CARDS[card], varied_hh(), Schedules())
    kind = Kind(plan_elimination(tree_of_branches(200, 4)), False, (200,), 10_000)
    (variant,) = one.choose([kind])
    group, architecture = one.group([kind], variant), one.card.architecture
    held, most = one.held(group, variant), resident_cells(architecture, 96, 32, group.n_shared)
    share = one.card.l2_size / ((200 * 108 + 600) * one.card.n_sm)
    assert variant.threads == 32
    assert share - 1 < held <= share < most
    room = one.shared_to_hold(group, variant)
    assert resident_cells(architecture, 96, 32, room) == held
    few = one.group([dataclasses.replace(kind, n=16 * one.card.n_sm)], variant)
    assert one.shared_to_hold(few, variant) == 0
    price = one.seconds([kind], [variant], worst=True)
    assert price < floor_of(one.card, group.demand, most, worst=True).seconds


def test_kinds_are_cells_that_are_alike():
    small, big = plan_of(30), plan_of(60)
    counts = np.array([[30, 100], [30, 102], [30, 400], [60, 100], [30, 100]])
    serial = np.array([False, False, False, False, True])
    kinds, of_cell = kinds_of([small, small, small, big, small], serial, counts)
    np.testing.assert_array_equal(of_cell, [0, 0, 1, 2, 3])
    assert [k.n for k in kinds] == [2, 1, 1, 1]
    assert kinds[0].counts == (30, 101)
    assert kinds[3].serial


def test_a_block_of_no_cells(blocks, cxx, host_engine):
    assert host_engine(blocks.random(1, [], n_artificial=0)).classes == []
