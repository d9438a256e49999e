"""Every method: each cell has one rank, the answer is reproducible, the cost is balanced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partition import METHODS, CellGraph, PartitionError, Workload, assign

costs = arrays(np.float64, st.integers(0, 60), elements=st.floats(0, 1e6))
n_ranks = st.integers(1, 17)


def spread(cost: np.ndarray) -> Workload:
    """A workload whose cells stand at reproducible places and are connected at random."""
    draw = np.random.default_rng(7)
    n = len(cost)
    ends = draw.integers(0, max(n, 1), (2, 4 * n))
    graph = CellGraph.from_pieces(n, [tuple(ends)])
    return Workload(cost, draw.uniform(-100, 100, (n, 3)), graph)


@pytest.fixture(scope="module")
def method(request):
    if request.param == "metis":
        pytest.importorskip("pymetis", reason="pymetis is not installed")
    return request.param


@pytest.mark.parametrize("method", METHODS, indirect=True)
@given(cost=costs, n=n_ranks)
@settings(deadline=None)
def test_every_cell_has_one_rank(method, cost, n):
    answer = assign(spread(cost), n, method)
    assert answer.rank.shape == cost.shape
    assert answer.rank.dtype == np.int32
    assert np.all((answer.rank >= 0) & (answer.rank < n))
    together = np.concatenate([answer.cells_of(r) for r in range(n)])
    assert sorted(together) == list(range(len(cost)))
    assert answer.loads(cost).sum() == pytest.approx(cost.sum())
    assert np.array_equal(answer.rank, assign(spread(cost), n, method).rank)


@given(cost=costs, n=n_ranks)
@settings(deadline=None)
def test_longest_first_keeps_the_bound_of_list_scheduling(cost, n):
    loads = assign(Workload(cost), n, "longest-first").loads(cost)
    largest = cost.max(initial=0.0)
    assert loads.max() <= cost.sum() / n + largest * (1 - 1 / n) + 1e-9 * (1 + cost.sum())


@given(cost=arrays(np.float64, st.integers(1, 60), elements=st.floats(1, 10)), n=n_ranks)
@settings(deadline=None)
def test_bisection_is_off_by_a_cell_a_cut_at_most(cost, n):
    loads = assign(spread(cost), n, "bisection").loads(cost)
    cuts = np.ceil(np.log2(n)) if n > 1 else 0
    assert loads.max() <= cost.sum() / n + cuts * cost.max() + 1e-9


def test_round_robin_deals_in_turn():
    assert assign(Workload(np.ones(5)), 2, "round-robin").rank.tolist() == [0, 1, 0, 1, 0]


def test_longest_first_balances_the_textbook_case():
    cost = np.array([7.0, 7, 6, 6, 5, 5, 4, 4, 4])
    assert assign(Workload(cost), 4, "longest-first").loads(cost).max() == 15


def test_cells_without_cost_are_spread_too():
    answer = assign(Workload(np.zeros(8)), 4)
    assert np.bincount(answer.rank).tolist() == [2, 2, 2, 2]
    assert answer.imbalance(np.zeros(8)) == 1.0


def test_bisection_cuts_the_longest_side():
    positions = np.array([[0, 0, z] for z in (30.0, -5.0, 10.0, 20.0)])
    answer = assign(Workload(np.ones(4), positions), 2, "bisection")
    assert answer.rank.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_more_ranks_than_cells(method):
    answer = assign(spread(np.ones(2)), 5, method)
    assert answer.loads(np.ones(2)).max() == 1


@pytest.mark.parametrize(
    ("workload", "n", "method", "words"),
    [
        (Workload(np.ones(3)), 0, "auto", "0 is less than 1"),
        (
            Workload(np.ones(3)),
            2,
            "magic",
            ", ".join(METHODS),
        ),
        (Workload(np.array([1.0, -2.0])), 2, "auto", "cell 1 is -2.0"),
        (Workload(np.array([np.nan])), 2, "auto", "cell 0 is nan"),
        (Workload(np.ones((2, 2))), 2, "auto", "2 dimensions"),
        (Workload(np.ones(2), np.ones((3, 3))), 2, "auto", r"\(2, 3\) is needed"),
        (Workload(np.ones(1), np.full((1, 3), np.inf)), 1, "auto", "cell 0 is not finite"),
        (Workload(np.ones(2)), 2, "bisection", "needs the positions"),
        (Workload(np.ones(2)), 2, "fennel", "needs the graph"),
        (Workload(np.ones(2)), 2, "metis", "needs the graph"),
        (Workload(np.ones(2), np.eye(2, 3)), 2, "relaxed", "needs the graph"),
        (Workload(np.ones(2), graph=CellGraph.from_pieces(2, [])), 2, "relaxed", "the positions"),
        (Workload(np.ones(2), graph=CellGraph.from_pieces(3, [])), 2, "auto", "3 cells, 2 are"),
    ],
)
def test_bad_input_is_one_sentence(workload, n, method, words):
    with pytest.raises(PartitionError, match=words) as caught:
        assign(workload, n, method)
    assert "\n" not in str(caught.value)
