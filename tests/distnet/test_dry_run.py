"""One process as one rank of many: what it needs does not grow with their number."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.dry_run import dry_run
from distnet.errors import InputError
from distnet.exchange import NO_SPIKES, Links
from distnet.exchange.choice import Shape, sends
from distnet.exchange.dry import DryExchange
from distnet.settings import Settings
from distnet.simulation import Simulation
from distnet.spatial_network import REACH, SpatialNetwork
from launch.dry_scaling import dry_points
from partition import Workload, assign

CELLS = 100  # of a rank


def dry(n_ranks, rank=0, **options):
    network = SpatialNetwork(n_ranks * CELLS, fan_in=100)
    return dry_run(network, Settings(), n_ranks, rank, n_epochs=20, **options)


def test_what_a_rank_holds_and_sends_does_not_grow_with_the_ranks():
    """A sheet that grows sideways, as `distnet scaling --dry-run` draws it."""
    few, many = dry_points(None, (64, 1024))
    for name in ("n_bytes", "messages", "partners", "n_heard", "spikes_in"):
        for of in (np.median, max):
            one, two = (of([getattr(rank, name) for rank in ranks]) for ranks in (few, many))
            assert abs(two / one - 1.0) < 0.2, (name, of)
    for rank in few + many:
        assert rank.transport == "neighbours"
        assert rank.n_cells == pytest.approx(400, abs=2)
        assert rank.n_connections == 200 * rank.n_cells
        assert rank.n_connections > rank.n_heard > 400
        assert 3 <= rank.partners <= 9
        assert rank.delivery_seconds > 0.0


def test_all_ranks_of_a_cube_have_few_partners():
    """Blocks near to cubes touch 26 others inside, whatever the number of ranks."""
    side = 40
    sites = np.stack(np.meshgrid(*3 * [np.arange(side)], indexing="ij"), -1).reshape(-1, 3)
    for n_ranks in (64, 128, 320, 1000):
        rank = assign(Workload(np.ones(side**3), sites.astype(float)), n_ranks, "bisection").rank
        low, high = (np.full((n_ranks, 3), fill) for fill in (side, 0))
        np.minimum.at(low, rank, sites)
        np.maximum.at(high, rank, sites)
        near = ((low[:, None] <= high + 1) & (high[:, None] >= low - 1)).all(axis=2)
        assert np.median(near.sum(axis=1) - 1) <= 26


def test_messages_and_bytes_by_transport():
    found = sends(Shape(n_ranks=64, n_nodes=16, partners=9, heard=8, expected=1.0))
    assert found == {
        "allgather": (6, 63 * 16 * 16),
        "leaders": (4 + 2, 4 * 15 * 256 + 2 * 64 * 256),
        "neighbours": (9, 9 * 256),
    }


def test_an_unknown_transport_is_refused():
    with pytest.raises(InputError, match=r'"pigeon" is not one of auto, allgather'):
        dry(2, transport="pigeon")


def test_every_source_is_heard_at_its_rate():
    found = dry(16, transport="allgather")
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
