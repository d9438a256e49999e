"""Which transport: a cost formula proposes, a short timing decides.

The formula is the LogGP model with the terms of an exchange: rounds of latency, overhead of every
message, bytes through a machine's link, and the spikes that each rank looks at. Its constants are
those of a common interconnect; they need be right only within a factor of `CLOSE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log2

from distnet.exchange.allgather import first_capacity
from distnet.exchange.base import FIRST_SLOT

LATENCY = 1.5e-6  # [s] on the wire
OVERHEAD = 0.7e-6  # [s] at each end of a message
INNER = 0.5e-6  # [s] between ranks of a machine
BANDWIDTH = 25e9  # [B/s] of a machine's link
LOOK_UP = 2e-9  # [s] to see whether a spike has targets here
RECORD = 16  # bytes of a spike, and of a header

#: Transports that cost up to this many times the best by the formula are timed.
CLOSE = 5.0


@dataclass(frozen=True)
class Shape:
    """What the cost depends on."""

    n_ranks: int
    n_nodes: int
    partners: int  # of the rank that has most
    heard: int  # of those, ranks that it listens to
    expected: float  # spikes of a rank in an epoch


def _rounds(n: int) -> int:
    return ceil(log2(n)) if n > 1 else 0


def allgather_cost(shape: Shape) -> float:
    """Each to all [s]."""
    volume = shape.n_ranks * RECORD * (shape.expected + 1)
    return (
        _rounds(shape.n_ranks) * (LATENCY + 2 * OVERHEAD)
        + volume / BANDWIDTH
        + shape.n_ranks * shape.expected * LOOK_UP
    )


def leaders_cost(shape: Shape) -> float:
    """Machine to machine [s]."""
    volume = shape.n_ranks * RECORD * (shape.expected + 1)
    inner = _rounds(ceil(shape.n_ranks / shape.n_nodes))
    return (
        _rounds(shape.n_nodes) * (LATENCY + 2 * OVERHEAD)
        + 2 * inner * (INNER + OVERHEAD)
        + volume / BANDWIDTH
        + shape.n_ranks * shape.expected * LOOK_UP
    )


def neighbours_cost(shape: Shape) -> float:
    """Partner to partner [s]."""
    volume = shape.partners * RECORD * (shape.expected + 1)
    return (
        LATENCY
        + 2 * OVERHEAD * shape.partners
        + volume / BANDWIDTH
        + shape.heard * shape.expected * LOOK_UP
    )


#: Cost of an exchange [s] by the name of its transport.
COSTS: dict[str, Callable[[Shape], float]] = {
    "allgather": allgather_cost,
    "leaders": leaders_cost,
    "neighbours": neighbours_cost,
}


def sends(shape: Shape) -> dict[str, tuple[int, int]]:
    """Messages and bytes that a rank sends in an exchange, by transport.

    Collectives are counted as recursive doubling and binomial trees send them; of leaders, the
    leader's.
    """
    slot = RECORD * (first_capacity(shape.expected) + 1)
    ranks, nodes = shape.n_ranks, shape.n_nodes
    inner = _rounds(ceil(ranks / nodes))
    handed = inner * ranks * slot
    return {
        "allgather": (_rounds(ranks), (ranks - 1) * slot),
        "leaders": (_rounds(nodes) + inner, ceil(ranks / nodes) * (nodes - 1) * slot + handed),
        "neighbours": (shape.partners, shape.partners * RECORD * (FIRST_SLOT + 1)),
    }


def predict(shape: Shape) -> dict[str, float]:
    """Cost of an exchange [s] by each transport that makes sense here, the cheapest first."""
    names = [n for n in COSTS if n != "leaders" or 1 < shape.n_nodes < shape.n_ranks]
    return dict(sorted(((n, COSTS[n](shape)) for n in names), key=lambda item: item[1]))


def candidates(costs: Mapping[str, float]) -> list[str]:
    """The transports worth timing."""
    best = min(costs.values())
    return [name for name, cost in costs.items() if cost <= CLOSE * best]
