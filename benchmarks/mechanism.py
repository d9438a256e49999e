"""Time of a mechanism's state and current kernels for one instance, here and in NEURON.

    python benchmarks/mechanism.py [--instances 4096]

Both run hh without tables on one core in one process, one after the other, several times; the best
time of each counts. NEURON's is that of a step of a cable with hh less that of one without.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable

import numpy as np
from neuron import h

from kernels import make_engine
from kernels.block import Instances
from kernels.nmodl import find, load
from kernels.single import single_block

ROUNDS, STEPS = 7, 200


def best(run: Callable[[], None]) -> float:
    """Processor time of the fastest of several runs [s]."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return min(times)


def distnet_time(n: int) -> float:
    """State and current of hh [ns an instance and step]."""
    mechanism = load(find()["hh"], tables=False)
    one = single_block(mechanism)
    repeated = {
        name: np.repeat(getattr(one, name), n)
        for name in ("axial", "capacitance", "area", "diam", "v_init")
    }
    ions = tuple(
        dataclasses.replace(ion, **{f: np.repeat(getattr(ion, f), n) for f in ("e", "ci", "co")})
        for ion in one.ions
    )
    node = np.arange(n, dtype=np.int32)
    block = dataclasses.replace(
        one,
        **repeated,
        ions=ions,
        cell_ptr=np.array([0, n], np.int64),
        parent=node - 1,
        mechanisms=(Instances(mechanism, node, np.zeros(n, np.int32)),),
    )
    engine = make_engine(block, "cpu")
    engine.reset()
    (group,) = engine.groups

    def run() -> None:
        for _ in range(STEPS):
            group.run("current", 0)
            group.run("state", 0)

    return best(run) / STEPS / n * 1e9


def neuron_time(n: int) -> float:
    """The same in NEURON."""
    h.usetable_hh = 0
    times = []
    for name in ("hh", None):
        section = h.Section()
        section.nseg = n
        if name:
            section.insert(name)
        h.finitialize(-65)

        def run() -> None:
            for _ in range(STEPS):
                h.fadvance()

        times.append(best(run))
        del section
    return (times[0] - times[1]) / STEPS / n * 1e9


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=4096)
    n = parser.parse_args().instances
    ours, theirs = distnet_time(n), neuron_time(n)
    print(f"hh, {n} instances, ns an instance and step, one core")
    print(f"  distnet  {ours:7.1f}")
    print(f"  NEURON   {theirs:7.1f}")
    print(f"  distnet takes {ours / theirs:.2f} of NEURON's time")


if __name__ == "__main__":
    main()
