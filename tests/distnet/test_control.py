"""Ranks agree on what to do at the end of which epoch, whoever wishes it, and when."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from distnet.control import CHECKPOINT, STOP, Control
from distnet.exchange.base import strongest
from distnet.exchange.neighbours import tree_edges, tree_reach


def run_ranks(partners, reach, depth, wishes, n_epochs):
    """What every rank does, {epoch: kind}; wishes are (epoch, rank, kind)."""
    size = len(partners)
    controls = [Control() for _ in range(size)]
    for control in controls:
        control.begin(reach, depth)
    done = [{} for _ in range(size)]
    flying = deque()

    def collect():
        sent = flying.popleft()
        for r, control in enumerate(controls):
            control.hear(strongest([sent[p] for p in (*partners[r], r)]))

    for epoch in range(n_epochs):
        for when, rank, kind in wishes:
            if when == epoch:
                controls[rank].request(kind)
        flying.append([control.notice(epoch) for control in controls])
        if len(flying) == depth:
            collect()
        kinds = [control.due(epoch) for control in controls]
        for r, kind in enumerate(kinds):
            if kind:
                done[r][epoch] = kind
        if any(kinds):
            while flying:
                collect()
    return done, controls


TOPOLOGIES = {
    "alone": ([[]], 0),
    "all to all": ([[1, 2], [0, 2], [0, 1]], 1),
    "tree of 9": ([tree_edges(r, 9) for r in range(9)], tree_reach(9)),
    "chain": ([[1], [0, 2], [1, 3], [2]], 3),
}


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_all_ranks_do_the_same_and_every_wish_is_met(name, depth):
    partners, reach = TOPOLOGIES[name]
    rng = np.random.default_rng(depth)
    for _ in range(30):
        wishes = [
            (int(rng.integers(0, 60)), int(rng.integers(len(partners))), int(rng.integers(1, 3)))
            for _ in range(rng.integers(1, 6))
        ]
        done, controls = run_ranks(partners, reach, depth, wishes, 60 + 6 * reach * depth)
        assert all(one == done[0] for one in done)
        assert len(done[0]) >= 1
        assert max(done[0].values()) == max(kind for *_, kind in wishes)
        assert all(control.asked == 0 for control in controls)
        last = max(when for when, *_ in wishes)
        assert max(done[0]) <= last + 4 * max(1, reach * depth)


def test_alone_a_wish_is_met_at_once():
    done, _ = run_ranks([[]], 0, 2, [(3, 0, CHECKPOINT), (5, 0, STOP)], 10)
    assert done == [{3: CHECKPOINT, 5: STOP}]


def test_without_a_wish_nothing_happens():
    done, _ = run_ranks([[1], [0]], 1, 2, [], 50)
    assert done == [{}, {}]


def test_the_reach_of_the_tree_is_its_diameter():
    for size in range(1, 40):
        longest = 0
        for start in range(size):
            distance, queue = {start: 0}, deque([start])
            while queue:
                here = queue.popleft()
                for other in tree_edges(here, size):
                    if other not in distance:
                        distance[other] = distance[here] + 1
                        queue.append(other)
            assert len(distance) == size
            longest = max(longest, *distance.values())
        assert tree_reach(size) == longest
