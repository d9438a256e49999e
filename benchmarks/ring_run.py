"""One run of the ring in one simulator: the command line, the clock and the result on disk."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ring_model as ring


class Stopwatch:
    """Wall and CPU seconds of this process."""

    def start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def take_off(self, brief: Stopwatch, scale: float) -> None:
        """Take off a constant part: what another run took, the rest stretched to the whole."""
        self.wall = (self.wall - brief.wall) * scale
        self.cpu = (self.cpu - brief.cpu) * scale


@dataclass(frozen=True)
class Run:
    """What a simulator gives back."""

    version: str
    watch: Stopwatch
    gid: np.ndarray  # (n_spike,) i8
    step: np.ndarray  # (n_spike,) i8


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which model, common to all simulators."""
    parser.add_argument("--size", choices=ring.SIZES, default="medium", help="of a cell")
    parser.add_argument("--dendrites", choices=ring.DENDRITES, default="hh")
    parser.add_argument(
        "--cells", type=int, help="a multiple of 8; default: about 8,000 compartments"
    )
    parser.add_argument("--tstop", type=float, default=200.0, help="[ms]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", choices=("double", "single"), default="double")


def main(simulator: str, simulate: Callable[..., Run]) -> None:
    """Simulate once; print a JSON line, write the spikes where --spikes says.

    `simulate` takes the model, tstop [ms], the folder of mechanisms, and distnet's the precision.
    """
    parser = argparse.ArgumentParser(description=f"One run of the ring in {simulator}.")
    add_model_options(parser)
    parser.add_argument("--spikes", type=Path, help="where to write gids and steps (.npz)")
    parser.add_argument("--mechanisms", type=Path, help="compiled mechanisms for CoreNEURON")
    options = parser.parse_args()
    model = ring.make_ring(options.size, options.dendrites, options.cells, options.seed)
    own = {"precision": options.precision} if simulator == "distnet" else {}
    run = simulate(model, options.tstop, options.mechanisms, **own)
    order = np.lexsort((run.gid, run.step))
    if options.spikes is not None:
        np.savez(options.spikes, gid=run.gid[order], step=run.step[order])
    line = {
        "version": run.version,
        "compartments": model.n_compartments,
        "steps": round(options.tstop / ring.DT),
        "spikes": len(run.gid),
        "wall_s": run.watch.wall,
        "cpu_s": run.watch.cpu,
    }
    print(json.dumps(line), flush=True)
