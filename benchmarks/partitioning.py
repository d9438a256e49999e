"""Partition methods on a synthetic placed network: balance, locality, time.

One large and three small nuclei. The probability of a connection falls exponentially with
distance; 80 % of a cell's connections start from its own place, 20 % from the corresponding place
in a nucleus drawn at random (topographic). Prints one JSON line a method.

Measured with 100,000 cells, 10 million connections and 64 ranks on two busy virtual cores, seconds
of CPU:

    length [um]   method         ranks reached   spike copies/s   imbalance   seconds
    100           longest-first           49.7           21.8 M       1.000      0.05
                  fennel                  18.7            6.6 M       1.020       1.5
                  metis                   18.7            7.3 M       1.030      10.1
                  bisection               18.4            6.5 M       1.001      0.11
                  relaxed                 18.3            6.5 M       1.020       2.8
    50            metis                   10.5            4.7 M       1.030       5.2
                  bisection               11.2            4.7 M       1.001      0.12
                  relaxed                 10.9            4.6 M       1.020       2.6
    33            metis                    7.7            4.5 M       1.030       4.0
                  bisection                8.7            3.8 M       1.001      0.11
                  relaxed                  8.3            3.7 M       1.020       2.3
    30            metis                    6.9            4.4 M       1.030       4.1
                  relaxed                  6.4            4.4 M       1.020       3.0
    25            metis                    5.7            3.7 M       1.030       3.5
                  bisection                7.5            3.3 M       1.001      0.12
                  relaxed                  5.2            3.6 M       1.020       2.2
    15            metis                    3.2            2.1 M       1.030       2.6
                  bisection                6.0            2.7 M       1.001      0.12
                  relaxed                  3.0            1.9 M       1.020       1.9

Bisection alone costs next to nothing, needs no connections, and sends fewer spikes than METIS down
to 25 um; it reaches more ranks where projections between nuclei are sharp, as METIS joins
corresponding places. So does relaxed bisection, which is within 8 % of METIS or better at all
lengths, with fewer spike copies (at 30 um, where its two ways meet, with 0.7 % more).

    python benchmarks/partitioning.py                      # 100,000 cells, 10 million connections
    python benchmarks/partitioning.py --cells 20000 --fan-out 100 --ranks 16
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from partition import CellGraph, Workload, assign, measure

#: Share of the cells, side of the box [um], rate [1/s] and relative cost of the four nuclei.
NUCLEI = (
    (0.85, 1500.0, 1.0, 1.0),
    (0.05, 500.0, 20.0, 2.0),
    (0.05, 500.0, 30.0, 1.5),
    (0.05, 500.0, 10.0, 0.7),
)
LOCAL = 0.8


def place(n: int, draw: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Nucleus, position [um], rate [1/s], cost and place in the nucleus (0 to 1) of each cell."""
    nucleus = draw.choice(len(NUCLEI), n, p=[one[0] for one in NUCLEI])
    side = np.array([one[1] for one in NUCLEI])[nucleus]
    inside = draw.uniform(0, 1, (n, 3))
    position = inside * side[:, None] + 3000.0 * nucleus[:, None] * np.array([1.0, 0, 0])
    rate = np.array([one[2] for one in NUCLEI])[nucleus] * draw.lognormal(0, 0.5, n)
    cost = np.array([one[3] for one in NUCLEI])[nucleus] * draw.normal(1, 0.1, n).clip(0.5)
    return nucleus, position, rate, cost, inside


def connect(
    nucleus: np.ndarray,
    inside: np.ndarray,
    fan_out: int,
    length: float,
    draw: np.random.Generator,
) -> CellGraph:
    """`fan_out` connections a cell, drawn as points and given to the cell of the grid box there."""
    n = len(nucleus)
    boxes = Boxes(nucleus, inside)

    def pieces():
        for first in range(0, n, 5000):
            source = np.repeat(np.arange(first, min(first + 5000, n)), fan_out)
            local = draw.uniform(size=len(source)) < LOCAL
            home = nucleus[source]
            target_nucleus = np.where(local, home, draw.choice(len(NUCLEI), len(source)))
            step = draw.normal(size=(len(source), 3))
            step *= (draw.gamma(3, length, len(source)) / np.linalg.norm(step, axis=1))[:, None]
            side = np.array([one[1] for one in NUCLEI])[target_nucleus]
            point = inside[source] + step / side[:, None]
            yield source, boxes.cell_at(target_nucleus, np.abs(1 - np.abs(1 - point)) % 1, draw)

    return CellGraph.from_pieces(n, pieces())


class Boxes:
    """Cells of each nucleus by boxes of a grid."""

    def __init__(self, nucleus: np.ndarray, inside: np.ndarray):
        count = np.bincount(nucleus, minlength=len(NUCLEI))
        self.n = np.maximum(np.rint((count / 8) ** (1 / 3)), 1).astype(int)  # boxes a side
        self.first = np.concatenate([[0], np.cumsum(self.n**3)])
        box = self.box_of(nucleus, inside)
        self.order = np.argsort(box, kind="stable")
        self.ptr = np.searchsorted(box[self.order], np.arange(self.first[-1] + 1))

    def box_of(self, nucleus: np.ndarray, inside: np.ndarray) -> np.ndarray:
        n = self.n[nucleus]
        at = np.minimum((inside * n[:, None]).astype(int), n[:, None] - 1)
        return self.first[nucleus] + (at[:, 0] * n + at[:, 1]) * n + at[:, 2]

    def cell_at(
        self, nucleus: np.ndarray, inside: np.ndarray, draw: np.random.Generator
    ) -> np.ndarray:
        box = self.box_of(nucleus, inside)
        size = self.ptr[box + 1] - self.ptr[box]
        pick = self.ptr[box] + (draw.uniform(size=len(box)) * size).astype(int)
        return self.order[np.minimum(pick, len(self.order) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--fan-out", type=int, default=100)
    parser.add_argument("--length", type=float, default=100.0, help="of the exponential [um]")
    parser.add_argument("--ranks", type=int, default=64)
    parser.add_argument("--methods", default="longest-first,bisection,relaxed,fennel,metis")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = np.random.default_rng(args.seed)
    nucleus, position, rate, compute, inside = place(args.cells, draw)
    graph = connect(nucleus, inside, args.fan_out, args.length, draw)
    synapses = np.bincount(graph.target, minlength=args.cells)
    cost = 0.5 * compute / compute.mean() + 0.5 * synapses / synapses.mean()
    workload = Workload(cost, position, graph)
    warm = Workload(np.ones(4), np.eye(4, 3), CellGraph.from_pieces(4, []))
    for method in args.methods.split(","):
        assign(warm, 2, method)  # compiles
        wall, cpu = time.perf_counter(), time.process_time()
        answer = assign(workload, args.ranks, method)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found = measure(answer, workload, rate)
        line = {
            "method": method,
            "cells": args.cells,
            "connections": len(graph.target),
            "length": args.length,
            "ranks": args.ranks,
            "imbalance": round(found.imbalance, 4),
            "cut": round(found.cut, 4),
            "ranks_reached": round(found.reached, 2),
            "partners": round(found.partners, 1),
            "spike_copies_per_s": round(found.copies),
            "seconds": round(wall, 2),
            "cpu_seconds": round(cpu, 2),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
