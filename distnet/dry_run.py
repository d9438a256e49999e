"""One process as one rank of many: real cells and tables, scripted spikes, no arithmetic.

What it measures on this machine: memory and the time of delivery. What follows from the tables:
messages and bytes. What is modelled: the time of an exchange, by `distnet.exchange.choice`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from distnet.balance import divide
from distnet.errors import InputError
from distnet.exchange import NAMES
from distnet.exchange.choice import Shape, predict, sends
from distnet.exchange.dry import DryExchange
from distnet.exchange.local import LocalExchange
from distnet.exchange.neighbours import tree_edges
from distnet.network import Network
from distnet.settings import Settings
from distnet.simulation import RATE, TRAIN, Simulation

RANKS_PER_NODE = 4


@dataclass(frozen=True)
class DryRun:
    """What one rank of many needs, an interval being an epoch."""

    n_ranks: int
    rank: int
    n_cells: int  # of the rank
    n_connections: int  # onto them
    n_heard: int  # sources that they come from
    partners: int  # ranks that the rank hears from; messages it receives from neighbours
    interval: float  # [ms]
    table_bytes: int  # routing
    block_bytes: int  # cells, as the engine gets them
    connection_bytes: float  # of all, per connection
    synapse_bytes: float  # of the routing, per connection
    source_bytes: float  # of the routing, per source that is heard
    transport: str  # the one asked for, or the cheapest by the model
    spikes_in: float  # that arrive in an interval by it
    sends: dict[str, tuple[int, int]]  # messages and bytes of an interval, by transport
    events: float  # that they cause in an interval
    delivery_seconds: float  # measured here, of an interval
    exchange_seconds: dict[str, float]  # modelled, of an interval, by transport, cheapest first

    @property
    def n_bytes(self) -> int:
        """Memory of cells and tables."""
        return self.table_bytes + self.block_bytes

    @property
    def messages(self) -> int:
        """Messages that the rank sends in an interval."""
        return self.sends[self.transport][0]


def dry_run(
    network: Network,
    settings: Settings,
    n_ranks: int,
    rank: int = 0,
    partition: str | np.ndarray = "auto",
    intervals: int = 2,
    n_epochs: int = 50,
    transport: str = "auto",
) -> DryRun:
    """Be one rank of many for some epochs.

    Args:
        network: asked for the cells of this rank, and for the costs and positions of all.
        settings: see `Settings`.
        n_ranks: number of ranks.
        rank: which of them.
        partition: as for `Simulation`.
        intervals: epochs in the shortest delay.
        n_epochs: how many are timed.
        transport: how spikes arrive; "auto": as is cheapest by the model.

    Raises:
        InputError: the transport is none of these.
    """
    if transport not in NAMES:
        raise InputError("exchange", f'"{transport}" is not one of {", ".join(NAMES)}')
    method = partition if isinstance(partition, np.ndarray) else str(partition)
    owner = divide(network, settings, Pretending(n_ranks), method)
    live = np.flatnonzero((network.kinds() != TRAIN) & (owner != rank))
    period = max(1, round(1000.0 / RATE / settings.dt))
    everyone = DryExchange(rank, n_ranks, live, period, settings.dt)
    simulation = Simulation(network, settings, (), "null", everyone, owner, intervals)
    links = everyone.links
    assert links is not None
    partners = np.setdiff1d(links.owner, [rank])
    expected = 1e-3 * RATE * len(links.own) * simulation.epoch * settings.dt
    with_tree = len(np.union1d(partners, tree_edges(rank, n_ranks)))
    n_nodes = -(-n_ranks // RANKS_PER_NODE)
    shape = Shape(n_ranks, n_nodes, with_tree, len(partners), expected)
    costs = predict(shape)
    if transport == "auto":
        transport = next(iter(costs))
    if transport == "neighbours":
        heard = links.heard[links.owner != rank]
        exchange = DryExchange(rank, n_ranks, heard, period, settings.dt)
        exchange.connect(links)
        simulation.exchange = exchange
    else:
        exchange = everyone
    exchange.epoch = simulation.epoch
    seconds, events = _time(simulation, n_epochs)
    of = simulation.routing
    sizes, block_bytes = of.n_bytes(), _bytes_of(simulation.lowered.block)
    return DryRun(
        n_ranks=n_ranks,
        rank=rank,
        n_cells=len(simulation.gids),
        n_connections=of.n,
        n_heard=len(of.heard),
        partners=len(partners),
        interval=simulation.epoch * settings.dt,
        table_bytes=sizes["all"],
        block_bytes=block_bytes,
        connection_bytes=(sizes["all"] + block_bytes) / max(1, of.n),
        synapse_bytes=sizes["connection"],
        source_bytes=sizes["source"],
        transport=transport,
        spikes_in=exchange.n_arrived / n_epochs,
        sends=sends(shape),
        events=events / n_epochs,
        delivery_seconds=seconds / n_epochs,
        exchange_seconds=costs,
    )


class Pretending(LocalExchange):
    """Rank 0, which divides the cells among many ranks."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size


def _time(simulation: Simulation, n_epochs: int) -> tuple[float, int]:
    """Processor time of some epochs [s], after as many as compile everything; events delivered."""
    step = simulation.epoch * simulation.settings.dt
    exchange = simulation.exchange
    assert isinstance(exchange, DryExchange)
    exchange.connect(exchange.links)  # type: ignore[arg-type]
    simulation.run(3 * step)
    exchange.connect(exchange.links)  # type: ignore[arg-type]
    exchange.n_arrived = 0
    begin = time.process_time()
    simulation.run(n_epochs * step)
    seconds = time.process_time() - begin
    return seconds, simulation.engine.delivered  # type: ignore[attr-defined]


def _bytes_of(record: object) -> int:
    """Bytes of all arrays in a record and in what it holds."""
    if isinstance(record, np.ndarray):
        return record.nbytes
    if isinstance(record, dict):
        return sum(_bytes_of(value) for value in record.values())
    if isinstance(record, tuple | list):
        return sum(_bytes_of(value) for value in record)
    if hasattr(record, "__dataclass_fields__"):
        return sum(_bytes_of(value) for value in vars(record).values())
    return 0
