"""A traced run, once more, on a network of given speed.

Every rank computes for as long as it did, epoch by epoch, and goes on when the oldest exchange in
flight is there: after the slowest rank with a collective, after the slowest of those it hears with
neighbours. An exchange takes what LogGP says (`distnet.exchange.loggp`).
"""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from distnet.errors import InputError
from distnet.exchange.choice import COSTS
from distnet.exchange.loggp import LogGP
from distnet.trace import Trace


def _rounds(n: int) -> int:
    return ceil(log2(n)) if n > 1 else 0


def exchange_seconds(trace: Trace, network: LogGP, transport: str) -> np.ndarray:
    """Time of each epoch's exchange, from the last post to the arrival, (n_ranks, n_epochs) f8 [s].

    Bytes are those that were sent, whatever the transport was: slots seldom differ in size.
    """
    n_ranks, n_epochs = trace.busy.shape
    if n_ranks == 1:
        return np.zeros((1, n_epochs))
    start = network.latency + 2.0 * network.overhead
    largest = trace.n_bytes.max(axis=0)
    volume = network.byte * largest * (n_ranks - 1)
    if transport == "allgather":
        return np.tile(_rounds(n_ranks) * start + volume, (n_ranks, 1))
    if transport == "leaders":
        inner = _rounds(ceil(n_ranks / trace.n_nodes))
        return np.tile((_rounds(trace.n_nodes) + 2 * inner) * start + volume, (n_ranks, 1))
    partners = trace.hears | trace.hears.T
    count = partners.sum(axis=1)
    step = max(network.gap, network.overhead)
    fixed = start + step * np.maximum(count - 1, 0) + network.overhead * count
    return fixed[:, None] + network.byte * largest


def replay(trace: Trace, network: LogGP, transport: str | None = None) -> float:
    """Wall time of the run [s].

    Args:
        trace: of a run.
        network: how fast messages are.
        transport: a name of `COSTS`; by default that of the run.

    Raises:
        InputError: there is no such transport.
    """
    transport = transport or trace.transport
    if transport not in COSTS and transport != "local":
        raise InputError("transport", f'"{transport}" is not one of {", ".join(COSTS)}')
    seconds = exchange_seconds(trace, network, transport)
    n_ranks, n_epochs = trace.busy.shape
    heard = np.ones((n_ranks, n_ranks), bool)
    if transport == "neighbours":
        heard = trace.hears | trace.hears.T | np.eye(n_ranks, dtype=bool)
    here = np.zeros(n_ranks)  # when each rank is
    posted = np.zeros((n_epochs, n_ranks))
    for k in range(n_epochs):
        posted[k] = here + trace.busy[:, k]
        here = posted[k]
        oldest = k - trace.depth + 1
        if oldest >= 0:
            last = np.where(heard, posted[oldest][None, :], 0.0).max(axis=1)
            here = np.maximum(here, last + seconds[:, oldest])
    return float(here.max(initial=0.0))
