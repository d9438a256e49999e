"""The CPU engine against the reference engine, and against itself in other groupings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import BACKENDS, KernelsError, make_engine
from kernels.errors import NotFinite

LAST = 120  # steps
FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

seeds = st.integers(0, 2**31)
cell_sizes = st.lists(st.integers(1, 14), min_size=0, max_size=11)


def assert_same_bits(one, other):
    for field in dataclasses.fields(one.spikes):
        np.testing.assert_array_equal(
            getattr(one.spikes, field.name), getattr(other.spikes, field.name)
        )
    for a, b in zip(one.samples, other.samples, strict=True):
        np.testing.assert_array_equal(a, b)


@FEW
@given(seed=seeds, sizes=cell_sizes, method=st.sampled_from(["backward-euler", "crank-nicolson"]))
def test_cpu_agrees_with_reference(blocks, seed, sizes, method):
    block = blocks.random(seed, sizes, method=method, every=4)
    events = blocks.events(block, seed, 30, LAST)
    reference = blocks.advance(make_engine(block, "reference"), events, LAST, LAST)
    cpu = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
    np.testing.assert_array_equal(cpu.spikes.step, reference.spikes.step)
    np.testing.assert_array_equal(cpu.spikes.source, reference.spikes.source)
    np.testing.assert_array_equal(cpu.spikes.time, reference.spikes.time)
    for probe, ours, theirs in zip(block.probes, cpu.samples, reference.samples, strict=True):
        assert ours.shape == (LAST // 4, len(probe.place))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=probe.variable)


def test_the_random_blocks_are_worth_testing(blocks):
    """Spikes, synapses and artificial cells all occur in them."""
    block = blocks.random(5, [9, 4, 12, 7, 1])
    events = blocks.events(block, 5, 30, LAST)
    found = blocks.advance(make_engine(block, "cpu"), events, LAST, LAST)
    voltage, _, conductance, current = found.samples
    assert np.ptp(voltage) > 50.0
    assert conductance.max() > 0.0
    assert current.min() < 0.0
    artificial = block.source_node[found.spikes.source] < 0
    assert artificial.any()
    assert (~artificial).any()


@FEW
@given(seed=seeds, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=17))
def test_a_cell_alone_has_the_bits_it_has_among_others(blocks, seed, sizes):
    block = blocks.random(seed, sizes)
    events = blocks.events(block, seed, 40, 60)
    together = blocks.advance(make_engine(block, "cpu"), events, 60, 60)
    for cell in {0, len(sizes) // 2, len(sizes) - 1, len(sizes) + 1}:
        part = blocks.select(block, [cell])
        own = blocks.select_events(block, part, [cell], events)
        alone = blocks.advance(make_engine(part, "cpu"), own, 60, 60)
        nodes = slice(block.cell_ptr[cell], block.cell_ptr[cell + 1])
        np.testing.assert_array_equal(alone.samples[0], together.samples[0][:, nodes])
        np.testing.assert_array_equal(alone.samples[3], together.samples[3][:, nodes])
        for k, group in ((1, 5), (2, 1)):
            mine = block.mechanisms[group].cell == cell
            np.testing.assert_array_equal(alone.samples[k], together.samples[k][:, mine])


@FEW
@given(seed=seeds, sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12))
def test_the_order_of_cells_changes_no_bit(blocks, seed, sizes):
    block = blocks.random(seed, sizes)
    events = blocks.events(block, seed, 40, 60)
    order = np.random.default_rng(seed).permutation(block.n_cell).tolist()
    shuffled = blocks.select(block, order)
    one = blocks.advance(make_engine(block, "cpu"), blocks.no_events(), 60, 60)
    two = blocks.advance(make_engine(shuffled, "cpu"), blocks.no_events(), 60, 60)
    nodes = np.concatenate(
        [np.arange(block.cell_ptr[c], block.cell_ptr[c + 1]) for c in order]
    ).astype(int)
    np.testing.assert_array_equal(two.samples[0], one.samples[0][:, nodes])
    assert sorted(one.spikes.time) == sorted(two.spikes.time)
    assert len(events.step)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("epoch", [1, 7, 50])
def test_the_length_of_epochs_changes_no_bit(blocks, backend, epoch):
    block = blocks.random(21, [6, 3, 3, 8], every=3)
    events = blocks.events(block, 21, 40, 60)
    whole = blocks.advance(make_engine(block, backend), events, 60, 60)
    assert_same_bits(whole, blocks.advance(make_engine(block, backend), events, 60, epoch))


@pytest.mark.parametrize("backend", ["cpu", "reference", "null"])
def test_reset_gives_the_same_run_again(blocks, backend):
    block = blocks.random(8, [7, 2, 9])
    events = blocks.events(block, 8, 40, 60)
    engine = make_engine(block, backend)
    first = blocks.advance(engine, events, 60, 20)
    assert_same_bits(first, blocks.advance(engine, events, 60, 20))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_sample_now_is_the_next_row(blocks, backend):
    """`sample` after step 40 is what is read at the start of step 40."""
    block = blocks.random(9, [5, 8])
    engine = make_engine(block, backend)
    events = blocks.events(block, 9, 20, 40)
    blocks.advance(engine, events, 40, 40)
    now = engine.sample()
    engine.advance(40, 41, blocks.no_events())
    for value, rows in zip(now, engine.read(), strict=True):
        np.testing.assert_array_equal(rows, value[None])


@pytest.mark.parametrize("backend", ["cpu", "reference", "null"])
def test_rows_are_the_steps_that_the_interval_divides(blocks, backend):
    block = blocks.random(10, [5])
    every = [1, 3, 7, 50]
    probes = tuple(dataclasses.replace(p, every=every[k]) for k, p in enumerate(block.probes))
    engine = make_engine(dataclasses.replace(block, probes=probes), backend)
    engine.reset()
    engine.advance(0, 4, blocks.no_events())
    engine.advance(4, 8, blocks.no_events())
    assert [len(rows) for rows in engine.read()] == [8, 3, 2, 1]
    assert [len(rows) for rows in engine.read()] == [0, 0, 0, 0]
    engine.advance(8, 16, blocks.no_events())
    assert [len(rows) for rows in engine.read()] == [8, 3, 1, 0]


@pytest.mark.parametrize("backend", ["cpu", "reference", "null"])
def test_a_block_without_cells_advances(blocks, backend):
    block = blocks.random(11, [], n_artificial=0)
    engine = make_engine(block, backend)
    engine.reset()
    spikes = engine.advance(0, 10, blocks.no_events())
    assert len(spikes.step) == len(spikes.time) == len(spikes.source) == 0
    assert [rows.shape for rows in engine.read()] == [(10, 0)] * 4


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_voltage_that_is_no_number_names_cell_and_node(blocks, backend):
    block = blocks.random(12, [4, 6, 5])
    bad = int(block.cell_ptr[1]) + 2
    pas = next(k for k, g in enumerate(block.mechanisms) if g.mechanism.name == "ExpSyn")
    group = block.mechanisms[pas]
    node = np.sort([*group.node, bad]).astype(np.int32)
    owner = np.searchsorted(block.cell_ptr, node, side="right") - 1
    tau = np.where(node == bad, np.nan, 2.0)
    spoiled = dataclasses.replace(
        group, node=node, cell=owner.astype(np.int32), parameters={"tau": tau}
    )
    groups = (*block.mechanisms[:pas], spoiled, *block.mechanisms[pas + 1 :])
    block = dataclasses.replace(
        block, mechanisms=groups, connection_target=np.zeros((0, 2), np.int32), weight=np.zeros(0)
    )
    probes = (*block.probes[:2], dataclasses.replace(block.probes[2], place=np.arange(len(node))))
    block = dataclasses.replace(block, probes=(*probes, block.probes[3]))
    engine = make_engine(block, backend)
    engine.reset()
    with pytest.raises(NotFinite) as caught:
        engine.advance(0, 10, blocks.no_events())
    assert caught.value.cell == 1
    assert block.cell_ptr[1] <= caught.value.node < block.cell_ptr[2]
    assert 0 < caught.value.step <= 10
    assert "cell 1: node" in str(caught.value)


def test_an_unknown_backend_is_refused(blocks):
    with pytest.raises(KernelsError, match=f"not one of auto, {', '.join(BACKENDS)}"):
        make_engine(blocks.random(1, [2]), "gpu")
