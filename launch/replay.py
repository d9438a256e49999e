"""`distnet scaling --replay`: a traced run, once more, on a measured network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distnet.exchange.loggp import LogGP

#: Name of the trace among a run's results, and of a network's numbers beside the table of costs.
TRACE, NETWORK = "trace.npz", "network.json"


def network_file() -> Path:
    """Where `distnet calibrate --network` keeps what it measured."""
    from distnet.costs import table_file

    return table_file().with_name(NETWORK)


def tell(network: LogGP) -> str:
    """The four numbers of a network."""
    return (
        f"L {1e6 * network.latency:.2f} us, o {1e6 * network.overhead:.2f} us, "
        f"g {1e6 * network.gap:.2f} us, G {1e9 * network.byte:.3f} ns/B"
    )


def replay_lines(path: Path, network_path: Path | None) -> list[str]:
    """What a traced run took and what the model says of it, in us an interval.

    Args:
        path: trace, or the folder of results that holds it.
        network_path: numbers of a network; by default those of this machine.
    """
    from distnet.exchange.choice import COSTS
    from distnet.exchange.loggp import load
    from distnet.replay import replay
    from distnet.trace import read_trace

    trace = read_trace(path / TRACE if path.is_dir() else path)
    network = load(network_path or network_file())
    n_ranks, n_epochs = trace.busy.shape
    scale = 1e6 / max(n_epochs, 1)
    measured, busy = trace.seconds, float(trace.busy.sum(axis=1).max())
    ours = replay(trace, network)
    names = [name for name in COSTS if n_ranks > 1 and name != trace.transport]
    return [
        f"{n_ranks} ranks, {n_epochs:,} intervals, by {trace.transport}, {trace.depth} in flight",
        f"network             {tell(network)}",
        f"measured            {scale * measured:.1f} us an interval",
        f"computing           {scale * busy:.1f} us, the busiest rank",
        f"replayed            {scale * ours:.1f} us ({100 * (ours / measured - 1):+.1f} %)",
        *(f"  by {name:<15}  {scale * replay(trace, network, name):.1f} us" for name in names),
    ]
