"""What single precision changes in a network: spikes and voltages beside those of double.

    python benchmarks/precision.py --circuit CONFIG --tstop 500
    python benchmarks/precision.py --ring medium --dendrites pas --tstop 100

Prints a JSON line for single precision, and as a scale one for double precision with half the time
step: what the step itself gets wrong. Voltages are those of the somata each 0.1 ms. A spike is
matched with the next one of the same cell within 2 ms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ring_model as ring
from ring_distnet import build

from distnet import sonata
from distnet.network import Network
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

EVERY = 0.1  # [ms] between samples
WINDOW = 2.0  # [ms] between spikes that are taken for one


@dataclass(frozen=True)
class Found:
    """What a run gave."""

    gid: np.ndarray  # (n_spike,) i8
    time: np.ndarray  # (n_spike,) f8 [ms]
    voltage: np.ndarray  # (n_sample, n_cell) f8 [mV]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--circuit", type=Path, help="a SONATA configuration")
    what.add_argument("--ring", choices=ring.SIZES, help="cells of the ring")
    parser.add_argument("--dendrites", choices=("hh", "pas"), default="hh", help="of the ring")
    parser.add_argument("--cells", type=int, help="of the ring")
    parser.add_argument("--tstop", type=float, default=100.0, help="[ms]")
    options = parser.parse_args()
    double = run(options, "double", 1)
    for name, other in (
        ("single precision", run(options, "single", 1)),
        ("half the time step", run(options, "double", 2)),
    ):
        print(json.dumps({"changed": name, **compare(double, other)}))


def run(options: argparse.Namespace, precision: str, parts: int) -> Found:
    """Simulate with the time step divided by `parts`."""
    network, settings = describe(options, precision, parts)
    gid = np.flatnonzero(network.kinds() == 0)
    recording = Recording("v", gid, np.zeros(len(gid), np.int32), EVERY)
    result = Simulation(network, settings, [recording], "cpu").run(options.tstop)
    return Found(result.spike_gid, result.spike_time, result.samples[0])


def describe(options: argparse.Namespace, precision: str, parts: int) -> tuple[Network, Settings]:
    """The network, and how it is simulated."""
    if options.circuit is None:
        model = ring.make_ring(options.ring, options.dendrites, options.cells)
        how = {"celsius": ring.CELSIUS, "v_init": ring.V_INIT, "exact": True}
        return build(model), Settings(dt=ring.DT / parts, precision=precision, **how)
    dt = sonata.load(options.circuit).plan.settings.dt / parts
    loaded = sonata.load(options.circuit, dt=dt, precision=precision)
    return loaded.network, loaded.plan.settings


def compare(one: Found, other: Found) -> dict[str, object]:
    """Spikes that are lost, new and moved; the voltages' distance."""
    shift = np.array(list(shifts(one, other)))
    apart = np.abs(one.voltage - other.voltage)
    before = apart[: int(one.time.min(initial=np.inf) / EVERY)] if len(one.time) else apart
    return {
        "cells": one.voltage.shape[1],
        "spikes": [len(one.time), len(other.time)],
        "matched": len(shift),
        "at_the_same_time": int((np.abs(shift) < 1e-9).sum()),
        "median_shift_ms": float(np.median(np.abs(shift))) if len(shift) else 0.0,
        "largest_shift_ms": float(np.abs(shift).max(initial=0.0)),
        "mV_before_the_first_spike": float(before.max(initial=0.0)),
        "mV_median": float(np.median(apart)),
        "mV_99_percent": float(np.quantile(apart, 0.99)),
        "mV_largest": float(apart.max(initial=0.0)),
    }


def shifts(one: Found, other: Found) -> Iterator[float]:
    """How much later [ms] each spike of `one` is in `other`, where it is there."""
    for gid in np.unique(one.gid):
        left = np.sort(other.time[other.gid == gid]).tolist()
        for when in np.sort(one.time[one.gid == gid]).tolist():
            while left and left[0] < when - WINDOW:
                left.pop(0)
            if left and left[0] <= when + WINDOW:
                yield left.pop(0) - when


if __name__ == "__main__":
    main()
