"""The replay of a traced run, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.errors import InputError
from distnet.exchange.loggp import LogGP, load, store
from distnet.replay import exchange_seconds, replay
from distnet.trace import Trace, read_trace, write_trace

FREE = LogGP(0.0, 0.0, 0.0, 0.0)


def make(busy, depth=1, hears=None, transport="allgather", n_bytes=0):
    busy = np.array(busy, float)
    n = len(busy)
    hears = ~np.eye(n, dtype=bool) if hears is None else np.array(hears, bool)
    sent = np.full(busy.shape, n_bytes)
    return Trace(busy, np.zeros_like(busy), sent, hears, depth, 1, transport)


def test_each_epoch_takes_as_long_as_its_slowest_rank():
    assert replay(make([[1, 5, 1], [4, 1, 1]]), FREE) == 4 + 5 + 1


def test_slack_hides_what_evens_out():
    """With two in flight rank 1 is slow first, rank 0 later; neither waits."""
    assert replay(make([[1, 5, 1], [4, 1, 1]], depth=2), FREE) == 7


def test_neighbours_wait_only_for_those_they_hear():
    hears = [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    busy = [[1, 1], [1, 1], [9, 1]]
    assert replay(make(busy, transport="neighbours", hears=hears), FREE) == 10
    chain = make([[1, 1], [1, 1], [9, 1]], transport="neighbours", hears=hears)
    assert replay(chain, FREE, "allgather") == 10
    assert replay(make([[1, 9], [1, 9], [9, 1]], hears=hears), FREE) == 18
    assert replay(make([[1, 9], [1, 9], [9, 1]], hears=hears), FREE, "neighbours") == 10


def test_an_exchange_costs_what_loggp_says():
    network = LogGP(latency=8.0, overhead=1.0, gap=3.0, byte=0.5)
    trace = make(np.ones((4, 5)), n_bytes=10)
    assert (exchange_seconds(trace, network, "allgather") == 2 * (8 + 2) + 3 * 10 * 0.5).all()
    assert replay(trace, network) == 5 * (1 + 35)
    # three messages to each partner: two gaps, each taken up by a core
    neighbours = exchange_seconds(trace, network, "neighbours")
    assert (neighbours == (8 + 2) + 2 * 3 + 3 * 1 + 10 * 0.5).all()
    assert replay(make(np.ones((1, 5)), transport="local"), network) == 5


def test_files(tmp_path):
    trace = make([[1, 5, 1], [4, 1, 1]], depth=3, n_bytes=7)
    write_trace(tmp_path / "trace.npz", trace)
    again = read_trace(tmp_path / "trace.npz")
    assert replay(again, FREE) == replay(trace, FREE)
    assert (again.depth, again.transport) == (3, "allgather")
    (tmp_path / "other.npz").write_text("x")
    with pytest.raises(InputError, match="holds no trace of a run"):
        read_trace(tmp_path / "other.npz")
    store(tmp_path / "network.json", LogGP(latency=3.0))
    assert load(tmp_path / "network.json").latency == 3.0
    assert load(tmp_path / "none.json") == LogGP()
    (tmp_path / "network.json").write_text('{"latency": 1}')
    with pytest.raises(InputError, match="holds no byte, gap, latency, overhead; remove it"):
        load(tmp_path / "network.json")


def test_an_unknown_transport_is_refused():
    with pytest.raises(InputError, match='"pigeon" is not one of allgather'):
        replay(make([[1.0]]), FREE, "pigeon")
