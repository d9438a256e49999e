"""Grouping cells into lanes: every cell once, like trees together."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.cable import make_cable
from kernels.cpu.layout import LANES, group_cells


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.integers(1, 20), max_size=40),
    n_artificial=st.integers(0, 20),
)
def test_groups_partition_the_cells(blocks, seed, sizes, n_artificial):
    block = blocks.random(seed, sizes, n_artificial)
    cable = make_cable(block)
    groups = group_cells(block, cable)
    cells = np.concatenate([np.zeros(0, int), *(g.cells for g in groups)])
    assert sorted(cells) == list(range(block.n_cell))
    assert len(groups) == -(-block.n_cell // LANES)
    nodes = np.concatenate([np.zeros(0, int), *(g.node for g in groups)])
    assert sorted(nodes) == list(range(block.n_node))
    for group in groups:
        assert len(group.cells) <= group.lanes <= LANES
        assert len(set(group.place)) == len(group.place)
        assert group.place.max(initial=-1) < group.n_node
        assert (np.diff(group.node) > 0).all()
        lane = {int(c): k for k, c in enumerate(group.cells)}
        owner = np.searchsorted(block.cell_ptr, group.node, side="right") - 1
        for node, place, cell in zip(group.node, group.place, owner, strict=True):
            assert place % group.lanes == lane[int(cell)]
            assert place // group.lanes == cable.row[node]
            row = {int(r) for r in cable.row[group.node[owner == cell]]}
            assert row == set(range(int(np.diff(block.cell_ptr)[cell])))


def test_cells_of_one_tree_come_together(blocks):
    """Two trees of equal size, in turn: each gets groups of its own."""
    chain, star = np.array([-1, 0, 1, 2]), np.array([-1, 0, 0, 0])
    block = blocks.random(3, [4] * 32, n_artificial=0)
    trees = [np.where(t < 0, -1, t + 4 * k) for k, t in enumerate([chain, star] * 16)]
    block = dataclasses.replace(block, parent=np.concatenate(trees).astype(np.int32))
    groups = group_cells(block, make_cable(block))
    assert [len({int(c) % 2 for c in group.cells}) for group in groups] == [1] * 4


def test_a_group_is_as_long_as_its_longest_cell(blocks):
    block = blocks.random(4, [4, 6, 4, 6], n_artificial=0)
    (group,) = group_cells(block, make_cable(block))
    assert (group.n_row, group.lanes, group.n_node) == (6, 4, 24)
