"""Plans of elimination: they solve the system, for any lanes, and steps fall below the height."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import KernelsError, dhs_schedule
from kernels.schedule import plan_elimination, schedule_elimination
from kernels.schedule.elimination import ENOUGH_STEPS, Elimination, condense
from kernels.schedule.root import best_root, steps_from_depths
from kernels.schedule.tree import node_depths, reroot

SHAPES = {
    "path": lambda n: list(range(-1, n - 1)),
    "star": lambda n: [-1, *[0] * (n - 1)],
    "comb": lambda n: [-1, *(i // 2 * 2 - (0 if i % 2 else 2) for i in range(1, n))],
    "spider": lambda n: [-1, *(max(0, i - 4) for i in range(1, n))],
}


@st.composite
def trees(draw):
    """A tree with its nodes in any order: stretches of some length, or a shape."""
    n = draw(st.integers(1, 90))
    shape = draw(st.sampled_from([*SHAPES, "random", "stretches"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    if shape == "random":
        parent = [-1, *(int(rng.integers(0, i)) for i in range(1, n))]
    elif shape == "stretches":
        parent = [-1]
        while len(parent) < n:
            first = len(parent)
            parent += [int(rng.integers(0, first)), *range(first, first + rng.integers(0, 20))]
        parent = parent[:n]
    else:
        parent = SHAPES[shape](n)
    label = rng.permutation(n)
    shuffled = np.full(n, -1)
    shuffled[label[1:]] = label[np.array(parent[1:], int)]
    return shuffled


def plan_of(tree: np.ndarray, n_round: int) -> Elimination:
    return condense(tree, reroot(tree, best_root(tree)), n_round)


def solve(plan: Elimination, axial, diagonal, right, order) -> np.ndarray:
    """Follow a plan in some order, each node pulling what is left to it."""
    ptr, source, is_other = plan.pulls()
    near, far = axial[plan.edge], np.zeros(plan.n)
    d, q = diagonal.copy(), right.copy()
    for i in order:
        for j, across in zip(source[ptr[i] : ptr[i + 1]], is_other[ptr[i] : ptr[i + 1]]):  # noqa: B905
            g = far[j] if across else near[j]
            d[i] -= g * d[j] * g
            q[i] += g * d[j] * q[j]
        d[i] = 1.0 / d[i]
        o = plan.other[i]
        if o >= 0:
            far[i] = near[o]
            near[o] = near[i] * d[i] * near[o]
    for i in order[::-1]:
        for to, g in ((plan.parent[i], near[i]), (plan.other[i], far[i])):
            q[i] += g * q[to] if to >= 0 else 0.0
        q[i] *= d[i]
    return q


def matrix(tree, axial, storage) -> np.ndarray:
    full = np.diag(storage)
    for i, p in enumerate(tree):
        if p >= 0:
            full[[i, p], [i, p]] += axial[i]
            full[[i, p], [p, i]] -= axial[i]
    return full


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    tree=trees(), n_round=st.integers(0, 7), k=st.sampled_from([1, 3, 32, 128]), seed=st.integers(0)
)
def test_it_solves_the_system_with_the_same_bits_for_any_lanes(tree, n_round, k, seed):
    rng = np.random.default_rng(seed)
    n = len(tree)
    axial = np.where(tree < 0, 0.0, 10.0 ** rng.uniform(-3.0, 1.0, n))  # [uS], of any size
    full = matrix(tree, axial, 10.0 ** rng.uniform(-3.0, 1.0, n))
    known = rng.uniform(-1.0, 1.0, n)
    plan = plan_of(tree, n_round)
    found = solve(plan, axial, np.diag(full).copy(), full @ known, plan.order)
    expected = np.linalg.solve(full, full @ known)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    order = schedule_elimination(plan, k).order
    again = solve(plan, axial, np.diag(full).copy(), full @ known, order)
    np.testing.assert_array_equal(found, again)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(tree=trees(), n_round=st.integers(0, 7), k=st.sampled_from([1, 2, 5, 32, 512]))
def test_a_step_needs_nothing_of_its_own_step(tree, n_round, k):
    plan = plan_of(tree, n_round)
    schedule = schedule_elimination(plan, k)
    step = np.empty(plan.n, int)
    step[schedule.order] = np.repeat(np.arange(schedule.n_steps), np.diff(schedule.level_ptr))
    assert np.bincount(step).max() <= k
    for to in (plan.parent, plan.other):
        assert (step[to[to >= 0]] > step[to >= 0]).all()
    assert schedule.n_steps >= steps_from_depths(plan.depth(), k)
    assert (plan.other[plan.order[plan.n_early :]] < 0).all()
    assert plan.n_early == 0 or plan.other[plan.order[plan.n_early - 1]] >= 0
    if n_round == 0:
        assert schedule.n_steps == dhs_schedule(tree, k, root="best").n_steps


@pytest.mark.parametrize("n", [130, 1000, 5000])
def test_a_path_takes_the_logarithm_of_its_length(n):
    plan = plan_elimination(np.array(SHAPES["path"](n)))
    assert 0.8 * n < plan.n_condensed < n
    assert schedule_elimination(plan, 1024).n_steps <= np.log2(n) + n / 1024 + 2


def test_shallow_trees_are_left_to_hines():
    for n, condensed in ((2 * ENOUGH_STEPS - 1, False), (2 * ENOUGH_STEPS + 2, True)):
        plan = plan_elimination(np.array(SHAPES["path"](n)))
        assert (plan.n_early > 0) == (plan.n_condensed > 0) == condensed


def test_what_gets_no_shorter_is_left_to_hines():
    star = np.array(SHAPES["star"](512 * 2 * ENOUGH_STEPS))
    assert dhs_schedule(star, 512).n_steps > ENOUGH_STEPS
    assert plan_elimination(star).n_condensed == 0


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_steps_grow_as_the_logarithm_of_the_size(shape):
    """Whatever the tree, with as many lanes as it takes."""
    for n in (100, 1000):
        parent = np.array(SHAPES[shape](n))
        assert condense(parent, parent, 64).depth().max() <= 2 * np.log2(n)


def test_a_finely_divided_striatal_cell(assets):
    """Every point of a morphology a node, 14,346 of them: from 398 levels to a tenth."""
    files = sorted((assets / "snudda_small").rglob("*.swc"), key=lambda p: p.stat().st_size)
    rows = [line.split() for line in files[-1].read_text().splitlines() if line[:1].strip(" #")]
    place = {row[0]: k for k, row in enumerate(rows)}
    tree = np.array([place.get(row[6], -1) for row in rows])
    plan = plan_elimination(tree)
    steps = {k: schedule_elimination(plan, k).n_steps for k in (32, 128, 512)}
    print(len(tree), node_depths(tree).max() + 1, dhs_schedule(tree, 512, "best").n_steps, steps)
    assert dhs_schedule(tree, 512).n_steps == 398
    assert dhs_schedule(tree, 512, "best").n_steps == 382
    assert steps == {32: 452, 128: 117, 512: 35}


@settings(max_examples=50, deadline=None, derandomize=True)
@given(tree=trees(), root=st.integers(0, 89), lanes=st.integers(1, 64))
def test_a_plan_is_rooted_where_dhs_is_best(tree, root, lanes):
    again = reroot(tree, root % len(tree))
    best = dhs_schedule(tree, lanes, "best").root
    assert {plan_elimination(t).order[-1] for t in (tree, again)} == {best}


def test_an_artificial_cell_has_an_empty_plan():
    plan = plan_elimination(np.zeros(0, int))
    assert (plan.n, plan.n_condensed, len(plan.pulls()[1])) == (0, 0, 0)
    assert schedule_elimination(plan, 32).n_steps == plan.step_bound(32) == 0


def test_what_is_no_tree_is_refused():
    with pytest.raises(KernelsError, match="2 roots"):
        plan_elimination(np.array([-1, -1]))


def test_a_hundred_thousand_nodes_are_planned_in_a_second():
    start = time.process_time()
    plan = plan_elimination(np.array(SHAPES["spider"](100_000)))
    schedule_elimination(plan, 512)
    assert plan.n_condensed > 90_000
    assert time.process_time() - start < 2.5
