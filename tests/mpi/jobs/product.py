"""A job on ranks: many runs in one process each; rank 0 writes the digest of all bits of each.

python product.py RUNS.json OUT.jsonl

A run names a circuit and the choices that must not change a bit; `save` and `restart` are folders
of checkpoints. The digest covers every spike and the soma voltages of the last quarter.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import cache
from pathlib import Path

import networks
import numpy as np
from mpi4py import MPI

from distnet import catalogue
from distnet.cell_network import CellNetwork
from distnet.checkpoint import Checkpoint, Saving
from distnet.exchange import make_exchange
from distnet.network import Network
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation
from distnet.sonata import load
from kernels import preparation

DT = 0.025
#: Duration and time between samples of each circuit [ms].
SPAN = {"ring": (30.0, 0.1), "sonata": (50.0, 0.1), "random": (16.0, 1.0)}


def random_network(n: int = 2000, fan_in: int = 8, seed: int = 3) -> CellNetwork:
    """Placed cells of twelve kinds; connections near and far; noisy generators and trains."""
    rng = np.random.default_rng(seed)
    network = CellNetwork()
    kinds = [networks.make_cell(k % 4, 1 + 2 * (k % 3), k % 5 > 0) for k in range(12)]
    position = rng.uniform(0, 500, (n, 3))
    for gid in range(n):
        network.add_cell(kinds[gid % 12], position=position[gid].tolist())
    stims = [
        network.add_artificial("NetStim", start=0.5, interval=4.0 + 0.1 * k, number=1e9, noise=0.5)
        for k in range(40)
    ]
    for gid in stims:
        network._positions[gid] = (0.0, 0.0, 0.0)
    trains = [network.add_spike_train(np.sort(rng.uniform(0, 16, 4))) for _ in range(40)]
    for gid in range(n):
        near = np.argsort(((position - position[gid]) ** 2).sum(axis=1), kind="stable")[1:21]
        sources = np.append(rng.choice(near, fan_in // 2), rng.choice(n, fan_in - fan_in // 2))
        n_process = 1 + (gid % 12) % 4
        for source in sources.tolist():
            process, delay = int(rng.integers(n_process)), float(rng.uniform(1.0, 3.0))
            network.connect(source, (gid, process), float(rng.uniform(0.002, 0.01)), delay)
        driver = stims[gid % 40] if gid % 3 else trains[gid % 40]
        network.connect(driver, (gid, 0), 0.03, float(rng.uniform(1.0, 2.0)))
    return network


@cache
def circuit(name: str) -> tuple[Network, Settings]:
    """A network, and the settings of its runs."""
    if name == "ring":
        return networks.ring(), Settings(dt=DT)
    if name == "random":
        return random_network(), Settings(dt=DT)
    sonata = load(os.environ["SONATA_CONFIG"])
    return sonata.network, sonata.plan.settings


def run(wish: dict) -> str | None:
    """Run once; the digest on rank 0."""
    network, settings = circuit(wish["circuit"])
    tstop, every = SPAN[wish["circuit"]]
    exchange = make_exchange(MPI.COMM_WORLD, wish["transport"])

    def somata(cells, mechanisms):
        gids = np.array(sorted(cells), np.int64)
        return [Recording("v", gids, np.zeros(len(gids), np.int32), every)]

    backend = wish.get("backend", "cpu")
    simulation = Simulation(
        network, settings, somata, backend, exchange, wish["partition"], wish["intervals"]
    )
    saving = Saving(Path(wish["save"]), exchange, tstop / 2) if "save" in wish else None
    restart = Checkpoint.open(Path(wish["restart"])) if "restart" in wish else None
    found = simulation.run(tstop, saving=saving, restart=restart)
    gids = simulation.recordings[0].gid
    last = found.samples[0][-int(tstop / 4 / every) :]
    parts = exchange.gather((found.spike_gid, found.spike_time, gids, last))
    if hasattr(exchange, "close"):
        exchange.close()
    if parts is None:
        return None
    gid, time, column = (np.concatenate([part[k] for part in parts]) for k in range(3))
    voltage = np.concatenate([part[3] for part in parts], axis=1)[:, np.argsort(column)]
    order = np.lexsort((gid, time))
    digest = hashlib.sha256(time[order].tobytes() + gid[order].tobytes() + voltage.tobytes())
    owned = min(len(part[2]) for part in parts)
    return f"{digest.hexdigest()[:16]} {len(time)} spikes, at least {owned} cells a rank"


def remember(function):
    """The same answer for the same mechanism: many runs compile the same files."""
    kept = {}

    def ask(mechanism, *constants):
        key = id(mechanism), str(constants)
        if key not in kept:
            kept[key] = mechanism, function(mechanism, *constants)
        return kept[key][1]

    return ask


catalogue.load = cache(catalogue.load)
preparation.specialise = remember(preparation.specialise)
preparation.hoist = remember(preparation.hoist)


def main(wishes: str, out: str) -> None:
    for wish in json.loads(Path(wishes).read_text()):
        found = run(wish)
        if found is not None:
            with Path(out).open("a") as file:
                file.write(json.dumps({**wish, "found": found}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
