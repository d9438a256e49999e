"""What the NEURON scripts of these tests share; imported in NEURON's own process only.

A script builds its cells, then calls `simulate`. `p` holds the parameters that the test gave.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from neuron import h

h.load_file("stdlib.hoc")
p: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())


def simulate(
    watched: Sequence, detected: Sequence, at_start: Callable[[], None] | None = None
) -> None:
    """Run with the settings in `p`; store what `read_neuron` of the test will give.

    Args:
        watched: segments whose voltage [mV] is kept at every step, the first at 0.
        detected: segments watched for crossings of p["threshold"].
        at_start: called at initialisation, to send events.
    """
    pc = h.ParallelContext()
    h.dt, h.celsius = p["dt"], p["celsius"]
    h.secondorder = {"backward-euler": 0, "crank-nicolson": 2}[p["method"]]
    h.usetable_hh = 0 if p["exact"] else 1
    voltages = [h.Vector().record(segment._ref_v) for segment in watched]
    crossings, detectors = [], []
    for segment in detected:
        detector = h.NetCon(segment._ref_v, None, sec=segment.sec)
        detector.threshold = p["threshold"]
        times = h.Vector()
        detector.record(times)
        detectors.append(detector)
        crossings.append(times)
    handler = h.FInitializeHandler(at_start) if at_start is not None else None
    pc.set_maxstep(10.0)
    h.finitialize(p["v_init"])
    n_steps = round(p["tstop"] / p["dt"])
    for _ in range(n_steps):
        h.fadvance()
    del handler
    gid = np.repeat(np.arange(len(detected)), [len(times) for times in crossings])
    time = np.concatenate([np.array(times) for times in crossings] or [np.zeros(0)])
    step = np.rint(time / p["dt"]).astype(np.int64)
    order = np.lexsort((gid, step))
    v = np.array([np.array(voltage) for voltage in voltages]).T
    np.savez(sys.argv[2], v=v, step=step[order], gid=gid[order])
