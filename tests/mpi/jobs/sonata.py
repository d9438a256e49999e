"""A job on ranks: a SONATA circuit; rank 0 stores spikes and float64 soma voltages.

python sonata.py CONFIG OUT.npz
"""

from __future__ import annotations

import sys

import numpy as np
from mpi4py import MPI

from distnet.exchange import make_exchange
from distnet.recording import Recording
from distnet.simulation import Simulation
from distnet.sonata import load

EVERY = 0.1  # ms


def main(config: str, out: str) -> None:
    sonata = load(config)
    exchange = make_exchange(MPI.COMM_WORLD)

    def somata(cells, mechanisms):
        gids = np.array(sorted(cells), np.int64)
        nodes = np.array([cells[gid].detector[0] for gid in sorted(cells)], np.int32)
        return [Recording("v", gids, nodes, EVERY)]

    simulation = Simulation(sonata.network, sonata.plan.settings, somata, exchange=exchange)
    found = simulation.run(sonata.plan.run.tstop)
    gids = simulation.recordings[0].gid
    parts = exchange.gather((found.spike_gid, found.spike_time, gids, found.samples[0]))
    if parts is None:
        return
    gid, time, column = (np.concatenate([part[k] for part in parts]) for k in range(3))
    voltage = np.zeros((len(found.samples[0]), len(column)))
    voltage[:, column] = np.concatenate([part[3] for part in parts], axis=1)
    order = np.lexsort((gid, time))
    np.savez(out, gid=gid[order], time=time[order], voltage=voltage)


if __name__ == "__main__":
    main(*sys.argv[1:])
