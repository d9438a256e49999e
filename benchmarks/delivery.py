"""Delivery of spikes on one rank: compiled bins of one step against sorting with NumPy.

Both take the spikes of an epoch of 20 steps and give the events of the next in the order that an
engine wants. `python benchmarks/delivery.py` prints nanoseconds per event, medians of all epochs
after the first five, in processor time.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from distnet.exchange import SPIKE
from distnet.lower import Lowered
from distnet.routing import EventQueue, Routing

DT, EPOCH = 0.025, 20
DELAY = (1.0, 5.0)  # ms


class SortedQueue:
    """Events in bins of an epoch, expanded and sorted with NumPy."""

    def __init__(self, routing: Routing, n_gids: int):
        self.routing = routing
        self.row_of_gid = np.full(n_gids, -1, np.int32)
        self.row_of_gid[routing.heard] = np.arange(len(routing.heard))
        self.bins: dict[int, list[tuple[np.ndarray, ...]]] = {}

    def add(self, spikes: np.ndarray) -> None:
        of = self.routing
        row = self.row_of_gid[spikes["gid"]]
        spikes, row = spikes[row >= 0], row[row >= 0]
        count = of.row_ptr[row + 1] - of.row_ptr[row]
        whose = np.repeat(np.arange(len(spikes)), count)
        k = of.row_ptr[row][whose] + np.arange(len(whose)) - (np.cumsum(count) - count)[whose]
        due = spikes["step"][whose].astype(np.int64) + of.delay_steps[k]
        events = (due, spikes["time"][whose] + of.delay[k], spikes["gid"][whose], of.connection[k])
        number = due // EPOCH
        order = np.argsort(number, kind="stable")
        numbers, first = np.unique(number[order], return_index=True)
        for n, part in zip(numbers.tolist(), np.split(order, first[1:]), strict=False):
            self.bins.setdefault(n, []).append(tuple(array[part] for array in events))

    def take(self, first: int, last: int) -> tuple[np.ndarray, ...]:
        parts = self.bins.pop(first // EPOCH, None)
        if parts is None:
            return (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
        step, when, gid, connection = (np.concatenate(a) for a in zip(*parts, strict=True))
        order = np.lexsort((connection, gid, when, step))
        return step[order], when[order], connection[order]


def make_routing(n_synapses: int, n_gids: int, rng: np.random.Generator) -> Routing:
    none = np.zeros(0, np.int64)
    source = rng.integers(0, n_gids, n_synapses)
    delay = rng.uniform(*DELAY, n_synapses)
    return Routing(Lowered(None, none, none, source, delay, ()), n_gids, DT)  # type: ignore[arg-type]


def make_spikes(first: int, n: int, n_gids: int, rng: np.random.Generator) -> np.ndarray:
    spikes = np.zeros(n, SPIKE)
    spikes["gid"] = rng.integers(0, n_gids, n)
    spikes["step"] = first + rng.integers(0, EPOCH, n)
    spikes["time"] = spikes["step"] * DT
    return spikes


def measure(queue: EventQueue | SortedQueue, n: int, n_gids: int, n_epochs: int) -> float:
    """Nanoseconds per event."""
    rng = np.random.default_rng(2)
    found = []
    for epoch in range(n_epochs):
        spikes = make_spikes(epoch * EPOCH, n, n_gids, rng)
        begin = time.process_time()
        events = queue.take(epoch * EPOCH, (epoch + 1) * EPOCH)
        queue.add(spikes)
        seconds = time.process_time() - begin
        n_events = len(events.step if isinstance(queue, EventQueue) else events[0])
        if epoch >= n_epochs // 2 and n_events:
            found.append(1e9 * seconds / n_events)
    return float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--synapses", type=int, default=1_000_000)
    parser.add_argument("--gids", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    routing = make_routing(args.synapses, args.gids, np.random.default_rng(1))
    print(f"{'spikes':>8} {'events':>8} {'bins ns':>8} {'NumPy ns':>9} {'ratio':>6}")
    for n in (5, 50, 500, 5_000, 50_000):
        bins = measure(EventQueue(routing, EPOCH), n, args.gids, args.epochs)
        plain = measure(SortedQueue(routing, args.gids), n, args.gids, args.epochs)
        events = n * args.synapses // args.gids
        print(f"{n:>8} {events:>8} {bins:>8.0f} {plain:>9.0f} {plain / bins:>6.1f}")


if __name__ == "__main__":
    main()
