"""Which rank owns which gid: asked of rank 0 once, told to all.

One rank prices the cells and divides them, so that a table of costs or a package that only some
nodes have cannot make ranks disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from distnet.costs import CostModel, load_table
from distnet.errors import DistnetError, InputError
from distnet.exchange import Exchange
from distnet.network import Network
from distnet.settings import Settings
from kernels.errors import KernelsError
from partition import METHODS, NEED_GRAPH, CellGraph, PartitionError, Workload, assign

TRAIN = 2  # kind of a gid that no rank owns

#: First line of a file that `write_assignment` made.
HEADER = "# distnet assignment: rank of each gid"


def divide(
    network: Network, settings: Settings, exchange: Exchange, method: str | np.ndarray
) -> np.ndarray:
    """The rank that owns each gid.

    Args:
        network: asked on rank 0 alone.
        settings: for the price of cells.
        exchange: between ranks.
        method: a name in `partition.METHODS`, or a file of ranks, see `read_assignment`; or the
            answer.

    Returns:
        (n_cells,) i4, -1 for a spike train.

    Raises:
        DistnetError: on every rank, where rank 0 cannot divide.
    """
    if isinstance(method, np.ndarray):
        return method

    def on_first() -> np.ndarray:
        kinds = network.kinds()
        if exchange.size == 1 and method in METHODS:
            return np.where(kinds == TRAIN, -1, 0).astype(np.int32)
        if method not in METHODS:
            return read_assignment(Path(method), kinds, exchange.size)
        workload, gids = make_workload(network, settings, method in NEED_GRAPH)
        rank = np.full(network.n_cells, -1, np.int32)
        rank[gids] = assign(workload, exchange.size, method).rank
        return rank

    return _ask_first(exchange, on_first)


def _ask_first(exchange: Exchange, action: Callable[[], np.ndarray]) -> np.ndarray:
    """What an action gives on rank 0, on all ranks; so too its failure."""
    failed: Exception | None = None
    told: tuple[np.ndarray | None, str] = (None, "")
    if exchange.rank == 0:
        try:
            told = (action(), "")
        except (DistnetError, KernelsError, PartitionError) as problem:
            failed, told = problem, (None, str(problem))
    value, sentence = exchange.broadcast(told)
    if failed is not None:
        raise failed
    if value is None:
        raise DistnetError(sentence)
    return value


def make_workload(
    network: Network,
    settings: Settings,
    with_graph: bool,
    costs: np.ndarray | None = None,
) -> tuple[Workload, np.ndarray]:
    """What there is to divide, and the gid of each of its cells.

    Args:
        network: asked for the costs, positions and connections of all its cells.
        settings: for the price of cells.
        with_graph: whether to read the connections.
        costs: (n_cells,) f8, measured; by default they are worked out.
    """
    gids = np.flatnonzero(network.kinds() != TRAIN)
    if costs is None:
        costs = network.costs(CostModel(load_table(), settings))
    positions = network.positions()
    graph = None
    if with_graph:
        place = np.full(network.n_cells, -1, np.int64)
        place[gids] = np.arange(len(gids))
        graph = CellGraph.from_pieces(len(gids), _placed(network, place))
    chosen = None if positions is None else positions[gids]
    return Workload(costs[gids], chosen, graph), gids


def _placed(network: Network, place: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Connections between cells that are divided, by their place among these."""
    for source, target in network.all_connections():
        both = (place[source] >= 0) & (place[target] >= 0)
        yield place[source[both]], place[target[both]]


def write_assignment(path: Path, rank: np.ndarray) -> None:
    """Write the rank of each gid, one a line."""
    temporary = path.with_name(f".{path.name}.tmp")
    np.savetxt(temporary, rank, fmt="%d", header=HEADER[2:])
    temporary.replace(path)


def read_assignment(path: Path, kinds: np.ndarray, n_ranks: int) -> np.ndarray:
    """Read the rank of each gid: a line each, in order of gid, as METIS writes them too.

    Args:
        path: the file; lines that start with # do not count.
        kinds: of each gid; what the file says of spike trains does not count.
        n_ranks: ranks of this job.

    Raises:
        InputError: the file is missing, holds something else, or is of another network or job.
    """
    if not path.is_file():
        known = ", ".join(METHODS)
        raise InputError(path, f"is neither a file nor a partition method ({known})")
    try:
        rank = np.loadtxt(path, dtype=np.int32, ndmin=1)
    except ValueError as problem:
        raise InputError(path, f"holds no list of ranks ({problem})") from None
    if rank.shape != kinds.shape:
        raise InputError(path, f"has {len(rank)} lines; the network has {len(kinds)} gids")
    rank = np.where(kinds == TRAIN, -1, rank).astype(np.int32)
    wrong = np.flatnonzero((kinds != TRAIN) & ((rank < 0) | (rank >= n_ranks)))
    if len(wrong):
        gid = wrong[0]
        raise InputError(
            path, f"gid {gid} is on rank {rank[gid]}; this job has ranks 0 to {n_ranks - 1}"
        )
    return rank
