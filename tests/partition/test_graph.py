"""Graphs: put together from pieces, without directions; methods that keep friends together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partition import Assignment, CellGraph, PartitionError, Workload, assign, measure

N = 12
edges = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=60)


def graph_of(pairs, n=N) -> CellGraph:
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    half = len(ends) // 2
    return CellGraph.from_pieces(n, [(e[:, 0], e[:, 1]) for e in (ends[:half], ends[half:])])


@given(pairs=edges)
@settings(deadline=None)
def test_pieces_make_the_rows(pairs):
    graph = graph_of(pairs)
    for i in range(N):
        row = graph.target[graph.target_ptr[i] : graph.target_ptr[i + 1]]
        assert row.tolist() == [t for s, t in pairs if s == i]


@given(pairs=edges)
@settings(deadline=None)
def test_without_directions_each_pair_is_counted_in_both_rows(pairs):
    both = graph_of(pairs).undirected()
    dense = np.zeros((N, N), int)
    for s, t in pairs:
        if s != t:
            dense[s, t] += 1
            dense[t, s] += 1
    found = np.zeros((N, N), int)
    for i in range(N):
        row = slice(both.ptr[i], both.ptr[i + 1])
        assert np.all(np.diff(both.neighbour[row]) > 0)
        found[i, both.neighbour[row]] = both.weight[row]
    assert np.array_equal(found, dense)


@given(pairs=edges, ranks=st.lists(st.integers(0, 3), min_size=N, max_size=N))
@settings(deadline=None)
def test_measures_are_what_counting_gives(pairs, ranks):
    workload = Workload(np.ones(N), graph=graph_of(pairs))
    rate = np.arange(N) + 1.0
    found = measure(Assignment(np.array(ranks, np.int32), 4), workload, rate)
    reached = [{ranks[t] for s, t in pairs if s == i} - {ranks[i]} for i in range(N)]
    assert found.reached == pytest.approx(sum(map(len, reached)) / N if pairs else 0)
    assert found.copies == pytest.approx(sum(len(r) * (i + 1) for i, r in enumerate(reached)))
    across = [ranks[s] != ranks[t] for s, t in pairs]
    assert found.cut == pytest.approx(sum(across) / len(across) if pairs else 0)
    for a in range(4):
        for b in range(4):
            count = sum(ranks[i] == a and b in reached[i] for i in range(N))
            assert found.between[a, b] == count


@pytest.mark.parametrize("method", ["fennel", "metis"])
def test_cliques_stay_together(method):
    if method == "metis":
        pytest.importorskip("pymetis", reason="pymetis is not installed")
    # Four groups of cells, all to all inside a group, cells dealt out in turn.
    pairs = [(i, j) for i in range(80) for j in range(80) if i != j and i % 4 == j % 4]
    workload = Workload(np.ones(80), graph=graph_of(pairs, 80))
    answer = assign(workload, 4, method)
    assert measure(answer, workload).cut == 0.0
    assert answer.imbalance(workload.cost) == 1.0


def test_auto_goes_by_space_then_by_graph_then_by_cost():
    draw = np.random.default_rng(3)
    cost, positions = draw.uniform(1, 2, 400), draw.uniform(0, 1, (400, 3))
    graph = graph_of(draw.integers(0, 400, (800, 2)), 400)
    for workload, method in [
        (Workload(cost, positions, graph), "bisection"),
        (Workload(cost, None, graph), "fennel"),
        (Workload(cost, np.zeros((400, 3)), graph), "fennel"),
        (Workload(cost), "longest-first"),
    ]:
        expected = assign(workload, 4, method).rank
        assert np.array_equal(assign(workload, 4, "auto").rank, expected), method


def test_auto_puts_balance_before_space():
    cost = np.array([5.0, 1, 1, 1, 1, 1])
    positions = np.array([[0, 0, 0], [1, 0, 0], [9, 0, 0], [8, 0, 0], [7, 0, 0], [6, 0, 0]])
    assert assign(Workload(cost, positions), 2).imbalance(cost) == 1.0
    cost[0] = 2.0
    positions[:, 0] = [0, 5, 1, 2, 3, 4]
    assert assign(Workload(cost, positions), 2, "bisection").imbalance(cost) > 1.1


def test_an_edge_to_nowhere_is_refused():
    with pytest.raises(PartitionError, match="target 12; allowed are 0 to 11"):
        graph_of([(0, 3), (3, 12)])
    with pytest.raises(PartitionError, match="source -1"):
        graph_of([(-1, 3)])


def two_nuclei(n=2000, spread=0.02, across=0.4):
    """Two nuclei far apart; connections to the near, and to the corresponding place opposite."""
    draw = np.random.default_rng(2)
    inside = draw.uniform(0, 1, (2 * n, 3)) * [1, 1, 0]
    nucleus = np.arange(2 * n) // n
    source = np.repeat(np.arange(2 * n), 20)
    other = draw.uniform(size=len(source)) < across
    there = nucleus[source] ^ other
    point = inside[source] + draw.normal(0, spread, (len(source), 3)) * [1, 1, 0]
    target = np.zeros(len(source), np.int64)
    for k in range(2):
        mine = np.flatnonzero(there == k)
        cells = np.flatnonzero(nucleus == k)
        far = ((point[mine, None, :2] - inside[None, cells, :2]) ** 2).sum(axis=2)
        target[mine] = cells[far.argmin(axis=1)]
    positions = 100 * inside + 1000 * nucleus[:, None]
    return Workload(np.ones(2 * n), positions, CellGraph.from_pieces(2 * n, [(source, target)]))


def test_relaxed_joins_corresponding_places_of_two_nuclei():
    workload = two_nuclei(500)
    found = {name: assign(workload, 16, name) for name in ("bisection", "relaxed")}
    quality = {name: measure(one, workload) for name, one in found.items()}
    assert quality["relaxed"].reached < 0.9 * quality["bisection"].reached
    assert quality["relaxed"].cut < 0.5 * quality["bisection"].cut
    assert quality["relaxed"].imbalance <= 1.021
    rank, n = found["relaxed"].rank, 500
    assert all((rank[:n] == r).any() and (rank[n:] == r).any() for r in range(16))


def test_relaxed_moves_cells_at_the_borders_as_far_as_balance_allows():
    workload = two_nuclei(500, across=0.0)
    one, other = (assign(workload, 16, name) for name in ("bisection", "relaxed"))
    assert measure(other, workload).cut < measure(one, workload).cut
    assert other.imbalance(workload.cost) <= 1.021
