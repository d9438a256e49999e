"""Cutting eliminations into tiles and a trunk: pieces are small, and tiles never meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.schedule import cut_tiles, schedule_pieces
from kernels.schedule.elimination import condense
from kernels.schedule.root import best_root
from kernels.schedule.tree import reroot


def random_tree(rng: np.random.Generator, n: int, reach: int) -> np.ndarray:
    low = np.maximum(0, np.arange(n) - reach)
    return np.array([-1, *(int(rng.integers(low[i], i)) for i in range(1, n))])


def condensed(tree: np.ndarray, n_round: int):
    return condense(tree, reroot(tree, best_root(tree)), n_round)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 120),
    reach=st.sampled_from([1, 2, 5, 200]),
    n_round=st.integers(0, 5),
    n_most=st.integers(1, 40),
    k=st.integers(1, 40),
)
def test_tiles_meet_in_the_trunk_alone(seed, n, reach, n_round, n_most, k):
    plan = condensed(random_tree(np.random.default_rng(seed), n, reach), n_round)
    piece = cut_tiles(plan, n_most)
    trunk = piece.max()
    size = np.bincount(piece)
    assert (size > 0).all()
    assert (size[:trunk] <= n_most).all()
    assert piece[plan.order[-1]] == trunk
    for neighbour in (plan.parent, plan.other):
        there = neighbour >= 0
        to = piece[neighbour[there]]
        assert ((to == piece[there]) | (to == trunk)).all()
    turn = np.empty(n, np.int64)
    for q, (nodes, level_ptr) in enumerate(schedule_pieces(plan, piece, k)):
        np.testing.assert_array_equal(np.sort(nodes), np.flatnonzero(piece == q))
        assert np.diff(level_ptr).min() >= 1
        assert np.diff(level_ptr).max() <= k
        turn[nodes] = np.repeat(np.arange(len(level_ptr) - 1), np.diff(level_ptr))
    for neighbour in (plan.parent, plan.other):
        inside = (neighbour >= 0) & (piece[neighbour] == piece)
        assert (turn[inside] < turn[neighbour[inside]]).all()


@pytest.mark.parametrize(("n_round", "n_trunk"), [(0, 6_000), (9, 14)])
def test_a_long_path_is_cut_once_it_is_condensed(n_round, n_trunk):
    """A path of 10,000 nodes from its middle, tiles of 2,000: by hand, both ends of 2,000; halves
    of what is left after nine rounds."""
    plan = condensed(np.arange(-1, 9_999), n_round)
    piece = cut_tiles(plan, 2_000)
    assert abs(int((piece == piece.max()).sum()) - n_trunk) <= 1 + 0.1 * n_trunk
