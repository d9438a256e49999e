"""DHS: the steps of every tree are the bound, and no node comes before its children."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import KernelsError, dhs_schedule
from kernels.schedule import step_bound
from kernels.schedule.root import best_root, steps_from_depths
from kernels.schedule.tree import node_depths, reroot

MANY = settings(max_examples=1500, deadline=None, derandomize=True)


def path(n: int) -> list[int]:
    return list(range(-1, n - 1))


def star(n: int) -> list[int]:
    return [-1, *[0] * (n - 1)]


def comb(n: int) -> list[int]:
    return [-1, *(i // 2 * 2 - (0 if i % 2 else 2) for i in range(1, n))]


def broom(n: int) -> list[int]:
    return [*path(n), *[n - 1] * n]


@st.composite
def trees(draw):
    """A tree with its nodes in random order: reach 1 is a path, a wide reach is bushy."""
    n = draw(st.integers(1, 120))
    reach = draw(st.sampled_from([1, 2, 5, 200]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    parent = [-1, *(int(rng.integers(max(0, i - reach), i)) for i in range(1, n))]
    label = rng.permutation(n)
    shuffled = np.full(n, -1)
    shuffled[label[1:]] = label[parent[1:]]
    return shuffled


def bound_by_definition(parent, k: int) -> int:
    depth = [0] * len(parent)
    for node in range(len(parent)):
        above = parent[node]
        while above >= 0:
            depth[node] += 1
            above = parent[above]
    return max(g + 1 + -(-sum(d > g for d in depth) // k) for g in range(-1, max(depth) + 1))


def check(schedule, parent, k: int) -> None:
    """Every step takes the k deepest nodes whose children are done."""
    n = len(parent)
    assert sorted(schedule.order.tolist()) == list(range(n))
    assert schedule.level_ptr[0] == 0
    assert schedule.level_ptr[-1] == n
    depth = node_depths(np.asarray(parent))
    done = np.zeros(n, bool)
    children = [np.flatnonzero(np.asarray(parent) == node) for node in range(n)]
    for first, last in zip(schedule.level_ptr[:-1], schedule.level_ptr[1:], strict=True):
        ready = [v for v in range(n) if not done[v] and done[children[v]].all()]
        taken = schedule.order[first:last]
        assert set(taken.tolist()) <= set(ready)
        assert len(taken) == min(k, len(ready))
        assert sorted(depth[taken]) == sorted(depth[ready])[len(ready) - len(taken) :]
        done[taken] = True


@MANY
@given(tree=trees(), k=st.one_of(st.integers(1, 9), st.sampled_from([16, 32, 256, 1024])))
def test_steps_are_the_bound(tree, k):
    schedule = dhs_schedule(tree, k)
    assert schedule.n_steps == bound_by_definition(tree.tolist(), k) == step_bound(tree, k)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(tree=trees(), k=st.integers(1, 40))
def test_every_step_takes_the_deepest_ready_nodes(tree, k):
    check(dhs_schedule(tree, k), tree, k)


@pytest.mark.parametrize("k", [1, 2, 7, 16, 32, 1024])
@pytest.mark.parametrize("n", [1, 2, 3, 40, 333])
@pytest.mark.parametrize("shape", [path, star, comb, broom])
def test_shapes(shape, n, k):
    parent = np.array(shape(n))
    schedule = dhs_schedule(parent, k)
    assert schedule.n_steps == bound_by_definition(parent.tolist(), k)
    check(schedule, parent, k)


def test_known_steps_of_shapes():
    assert dhs_schedule(np.array(path(50)), 16).n_steps == 50
    assert dhs_schedule(np.array(star(50)), 16).n_steps == 5
    assert dhs_schedule(np.array([-1]), 1024).n_steps == 1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(tree=trees(), k=st.sampled_from([1, 2, 4, 32]))
def test_no_root_is_better_than_the_best(tree, k):
    steps = [steps_from_depths(node_depths(reroot(tree, r)), k) for r in range(len(tree))]
    assert steps[best_root(tree, k)] == min(steps)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tree=trees(), k=st.integers(1, 64))
def test_the_best_root_does_not_depend_on_lanes_or_on_the_given_root(tree, k):
    schedule = dhs_schedule(tree, k, root="best")
    assert schedule.root == dhs_schedule(tree, 32, root="best").root
    assert schedule.root == dhs_schedule(reroot(tree, len(tree) - 1), k, root="best").root
    assert schedule.n_steps == step_bound(schedule.parent, k)
    undirected = [
        {frozenset((v, p)) for v, p in enumerate(t.tolist()) if p >= 0}
        for t in (tree, schedule.parent)
    ]
    assert undirected[0] == undirected[1]


def test_a_path_is_cut_in_the_middle():
    assert dhs_schedule(np.array(path(101)), 16, root="best").root == 50
    assert dhs_schedule(np.array(path(101)), 16, root=100).n_steps == 101


@pytest.mark.parametrize("root", [None, "best"])
@pytest.mark.parametrize("shape", ["random", "path", "star", "spiny"])
def test_a_hundred_thousand_nodes_take_under_a_second(shape, root):
    n = 100_000
    rng = np.random.default_rng(1)
    if shape == "random":
        parent = np.array([-1, *(rng.integers(0, np.arange(1, n))).tolist()])
    elif shape == "spiny":
        trunk = np.array([-1, *(np.arange(1, n // 3) - rng.integers(1, 40, n // 3 - 1)).clip(0)])
        neck = rng.integers(0, len(trunk), n // 3)
        parent = np.concatenate([trunk, neck, len(trunk) + np.arange(n // 3)])
    else:
        parent = np.array({"path": path, "star": star}[shape](n))
    start = time.process_time()
    schedule = dhs_schedule(parent, 32, root)
    seconds = time.process_time() - start
    assert schedule.n_steps == step_bound(schedule.parent, 32)
    assert seconds < (1.0 if root is None else 2.0)


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ([], "shape"),
        ([0.0, -1.0], "type float64"),
        ([-1, -1], "2 roots"),
        ([1, 0], "0 roots"),
        ([-1, 2, 1], "2 nodes hang on a cycle"),
        ([-1, 7], "node 1 has parent 7"),
        ([-2, 0], "exactly one parent must be -1"),
    ],
)
def test_what_is_no_tree_is_refused(parent, message):
    with pytest.raises(KernelsError, match=message):
        dhs_schedule(np.array(parent), 4)


@pytest.mark.parametrize("k", [0, 1025, -3])
def test_lanes_out_of_range_are_refused(k):
    with pytest.raises(KernelsError, match="it may be 1 to 1024"):
        dhs_schedule(np.array([-1, 0]), k)


@pytest.mark.parametrize("root", [2, -1, "middle", 0.5])
def test_a_root_out_of_range_is_refused(root):
    with pytest.raises(KernelsError, match="root is"):
        dhs_schedule(np.array([-1, 0]), 4, root)
