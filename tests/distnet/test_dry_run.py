"""One process as one rank of many: what it needs does not grow with their number."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.dry_run import dry_run
from distnet.exchange import NO_SPIKES, Links
from distnet.exchange.dry import DryExchange
from distnet.settings import Settings
from distnet.simulation import Simulation
from distnet.spatial_network import REACH, SpatialNetwork

CELLS = 100  # of a rank


def dry(n_ranks, rank=0, **options):
    network = SpatialNetwork(n_ranks * CELLS, fan_in=100)
    return dry_run(network, Settings(), n_ranks, rank, n_epochs=20, **options)


def test_what_a_rank_holds_does_not_grow_with_the_ranks():
    few, many = dry(64, 21), dry(1024, 21)
    assert few.n_cells == many.n_cells == CELLS
    assert few.n_connections == many.n_connections == CELLS * 100
    for one in (few, many):
        assert one.n_connections > one.n_heard > CELLS
    sizes = [one.table_bytes + one.block_bytes for one in (few, many)]
    assert abs(sizes[1] / sizes[0] - 1.0) < 0.2
    assert many.messages == few.messages == 1  # the model does not choose neighbours here
    assert few.delivery_seconds > 0.0


def test_every_source_is_heard_at_its_rate():
    found = dry(16)
    seconds = 1e-3 * found.interval
    own = 50.0 * CELLS * seconds  # the null engine's script
    assert found.spikes_in == pytest.approx(own + 5.0 * 15 * CELLS * seconds, rel=0.3)
    assert 5.0 < found.events / (found.n_connections * seconds) < 50.0


def test_scripted_spikes_come_once_a_period():
    gids = np.arange(0, 1000, 3)
    exchange = DryExchange(1, 4, gids, period=40, dt=0.025)
    exchange.connect(Links(gids[:0], gids[:0], gids[:0]))
    exchange.epoch = 7
    arrived = []
    for _ in range(120 // 7 + 1):
        exchange.start(NO_SPIKES)
        arrived.append(exchange.finish()[0])
    spikes = np.concatenate(arrived)
    spikes = spikes[spikes["step"] < 120]
    assert np.array_equal(np.sort(spikes["gid"]), np.repeat(gids, 3))
    assert np.array_equal(spikes["time"], spikes["step"] * 0.025)


def test_the_network_is_the_same_for_every_rank():
    network, again = SpatialNetwork(500, fan_in=30), SpatialNetwork(500, fan_in=30)
    positions = network.positions()
    for gid in (0, 123, 499):
        one, two = network.connections_to(gid), again.connections_to(gid)
        assert np.array_equal(one.source, two.source)
        assert np.array_equal(one.delay, two.delay)
        assert one.source.min() >= 0
        assert one.source.max() < 500
        jump = np.abs(positions[one.source] - positions[gid]) / 25.0
        assert jump.max() <= REACH
    assert len(np.unique(positions, axis=0)) == 500


def test_the_network_runs():
    simulation = Simulation(SpatialNetwork(8, fan_in=4), Settings())
    assert len(simulation.run(2.0).spike_time) == 0
