"""What a partition would give, before it is used: balance, messages, speed-up.

The time of an exchange is estimated by LogGP (A. Alexandrov et al., LogGP: incorporating long
messages into the LogP model, SPAA 1995, 95-105) with the values below, typical of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.balance import make_workload, read_assignment
from distnet.errors import InputError
from distnet.exchange import SPIKE
from distnet.network import Network
from distnet.settings import Settings
from partition import METHODS, Assignment, assign, measure

LATENCY = 1.5e-6  # s, of a message
OVERHEAD = 0.7e-6  # s, of a message at each end
BANDWIDTH = 25e9  # byte/s, of a node
FILTER = 3e-9  # s, to look up a spike that arrives

RATE = 5.0  # 1/s, of a source where nothing is known
IN_FLIGHT = 2  # exchanges in a shortest delay


@dataclass(frozen=True)
class PartitionReport:
    """One partition and what it would give."""

    method: str
    n_ranks: int
    n_cells: int  # that compute
    n_connections: int  # between them
    imbalance: float  # largest over mean cost of a rank
    cut: float  # share of the connections between ranks
    reached: float  # ranks that a source's spikes reach beside its own
    partners: float  # ranks that a rank hears
    interval: float  # [ms], between exchanges
    copies: float  # spikes that arrive on other ranks in an interval, all together
    allgather_bytes: float  # that a rank receives in an interval, when all send to all
    neighbour_bytes: float  # that a rank receives in an interval, when each sends where it must
    step_seconds: float  # predicted, on the slowest rank
    exchange_seconds: float  # predicted, of one exchange
    efficiency: float  # predicted, against one rank
    largest_cell: str
    bound: float  # speed-up that the largest cell allows
    rank: np.ndarray  # (n_gids,) i4, -1 for spike trains


def report_partition(
    network: Network,
    settings: Settings,
    n_ranks: int,
    method: str = "auto",
    costs: np.ndarray | None = None,
    rate: float = RATE,
) -> PartitionReport:
    """Divide a network and say what the partition is worth.

    Args:
        network: read whole.
        settings: for the price of cells.
        n_ranks: number of ranks.
        method: a name in `partition.METHODS`, or a file of ranks.
        costs: (n_cells,) f8, measured [ns] a step; by default the table's.
        rate: spikes of a source [1/s].

    Raises:
        InputError: the network cannot be read, or the file is of another.
        PartitionError: the method cannot be used.
    """
    workload, gids = make_workload(network, settings, with_graph=True, costs=costs)
    if not len(gids):
        raise InputError("network", "holds no cell to divide")
    if method in METHODS:
        assignment = assign(workload, n_ranks, method)
    else:
        owner = read_assignment(Path(method), network.kinds(), n_ranks)
        assignment = Assignment(owner[gids], n_ranks)
    rank = np.full(network.n_cells, -1, np.int32)
    rank[gids] = assignment.rank
    quality = measure(assignment, workload, rate)
    assert workload.graph is not None
    interval = min(network.shortest_delay() / IN_FLIGHT, 10.0)
    steps = max(1, round(interval / settings.dt))
    copies = quality.copies * interval / 1000
    sent = workload.n * rate * interval / 1000  # spikes of all ranks
    allgather_bytes = SPIKE.itemsize * (sent + n_ranks) if n_ranks > 1 else 0.0
    step = float(assignment.loads(workload.cost).max()) * 1e-9
    exchange = exchange_time(n_ranks, sent, allgather_bytes)
    compute = float(workload.cost.sum()) * 1e-9 / n_ranks
    largest = int(np.argmax(workload.cost))
    return PartitionReport(
        method=method,
        n_ranks=n_ranks,
        n_cells=workload.n,
        n_connections=len(workload.graph.target),
        imbalance=quality.imbalance,
        cut=quality.cut,
        reached=quality.reached,
        partners=quality.partners,
        interval=interval,
        copies=copies,
        allgather_bytes=allgather_bytes,
        neighbour_bytes=SPIKE.itemsize * (copies / n_ranks + quality.partners),
        step_seconds=step,
        exchange_seconds=exchange,
        efficiency=compute / max(step, exchange / steps),
        largest_cell=network.describe(int(gids[largest])),
        bound=float(workload.cost.sum() / max(workload.cost[largest], 1e-300)),
        rank=rank,
    )


def exchange_time(n_ranks: int, n_spikes: float, n_bytes: float) -> float:
    """One allgather of all spikes and their look-up on a rank [s]."""
    if n_ranks == 1:
        return 0.0
    rounds = np.ceil(np.log2(n_ranks)) * (LATENCY + 2 * OVERHEAD)
    return float(rounds + n_bytes / BANDWIDTH + n_spikes * FILTER)


def write_costs(path: Path, costs: np.ndarray) -> None:
    """Write the cost of each gid [ns] a step, one a line."""
    temporary = path.with_name(f".{path.name}.tmp")
    np.savetxt(temporary, costs, fmt="%.1f", header="distnet costs: ns a step of each gid")
    temporary.replace(path)


def read_costs(path: Path, n_cells: int) -> np.ndarray:
    """Read the cost of each gid, (n_cells,) f8.

    Raises:
        InputError: the file is missing, holds something else, or is of another network.
    """
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        costs = np.loadtxt(path, ndmin=1)
    except ValueError as problem:
        raise InputError(path, f"holds no list of costs ({problem})") from None
    if costs.shape != (n_cells,):
        raise InputError(path, f"has {len(costs)} lines; the network has {n_cells} gids")
    return costs
