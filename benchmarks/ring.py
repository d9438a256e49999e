"""The ring: distnet and its peers on one core, the simulation loop alone.

    python benchmarks/ring.py --size medium --dendrites hh --repeats 3 --peers neuron,arbor

Why a ring: it is a network that every simulator can build in the same way, whose activity neither
dies nor explodes, and in which mechanisms, the tree solve, synapses and spike delivery all take
part. Rates are exact everywhere (NEURON: usetable_hh = 0), the step is 0.025 ms, everything is
float64, unless `--precision single` asks distnet for float32: then spikes need not be equal. Each
run is a fresh process; the simulators take turns, so that a busy hour slows them alike; CPU seconds
are the figure to compare. Set-up and compilation are not timed.

Measured with 100 ms and three turns on two virtual cores with AVX-512 (load average 2.5 to 5), ns
of CPU per compartment and step; CoreNEURON with -O3 -march=native -ffast-math, Arbor's wheel as it
is:

    size, dendrites   distnet   NEURON 9.0.2   CoreNEURON   Arbor 0.12.2
    small, hh            21.9            119         37.9           29.4
    medium, hh           15.5             93         27.6           23.5
    large, hh            14.4             86         25.9           23.3
    small, passive       12.0             37         16.6           13.3
    medium, passive       7.7             16         10.5            9.8
    large, passive        6.2             12          9.1            9.0

Single precision beside double, at a load of 3 to 4: medium, hh 11.3 and 16.3; medium, passive 6.5
and 6.5 (the best of six).

Prints one JSON line a simulator, then one with the ratios of the median CPU times and whether
spikes are equal, step for step, with NEURON's. Exit code 1 if distnet's are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import ring_coreneuron
from ring_run import add_model_options

HERE = Path(__file__).resolve().parent
#: name -> the script that runs it, the module it needs
SIMULATORS = {
    "distnet": ("ring_distnet.py", "distnet"),
    "neuron": ("ring_neuron.py", "neuron"),
    "coreneuron": ("ring_neuron.py", "neuron"),
    "arbor": ("ring_arbor.py", "arbor"),
}
ONE_CORE = dict.fromkeys(
    ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def main() -> int:
    options = parse()
    names = ["distnet", *options.peers]
    with tempfile.TemporaryDirectory(prefix="ring-") as folder:
        extra, absent = find_simulators(names, Path(folder))
        present = [name for name in names if name not in absent]
        runs: dict[str, list[dict]] = {name: [] for name in present}
        spikes: dict[str, np.ndarray] = {}
        for _ in range(options.repeats):
            for name in present:
                line, spikes[name] = run_one(name, options, extra.get(name, []), Path(folder))
                runs[name].append(line)
    for name in names:
        print(
            json.dumps(
                summarise(name, runs[name])
                if name in runs
                else {"simulator": name, "absent": absent[name]}
            )
        )
    compared, equal = compare(runs, spikes)
    print(json.dumps(compared))
    return 0 if equal or options.precision == "single" else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_options(parser)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default="neuron,coreneuron,arbor", help="names, or nothing: ''")
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = set(options.peers) - set(SIMULATORS)
    if unknown:
        parser.error(f"no peer {', '.join(sorted(unknown))}; known are {', '.join(SIMULATORS)}")
    return options


def find_simulators(names: list[str], folder: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """More arguments of those that need them; why others are absent."""
    extra: dict[str, list[str]] = {}
    absent: dict[str, str] = {}
    for name in names:
        module = SIMULATORS[name][1]
        found = subprocess.run(
            [sys.executable, "-c", f"import {module}"], env=environment(), capture_output=True
        )
        if found.returncode:
            absent[name] = f"Python cannot import {module}"
        elif name == "coreneuron":
            built = ring_coreneuron.build(folder)
            if isinstance(built, str):
                absent[name] = built
            else:
                extra[name] = ["--mechanisms", str(built)]
    return extra, absent


def environment() -> dict[str, str]:
    """Of a run: one thread, this checkout, no display."""
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(p for p in paths if p)
    return {**os.environ, **ONE_CORE, "PYTHONPATH": path, "NEURON_MODULE_OPTIONS": "-nogui"}


def run_one(
    name: str, options: argparse.Namespace, extra: list[str], folder: Path
) -> tuple[dict, np.ndarray]:
    """One run in a fresh process: its JSON line and its (n_spike, 2) steps and gids."""
    file = folder / f"{name}.npz"
    arguments = ["--size", options.size, "--dendrites", options.dendrites, "--spikes", file]
    arguments += ["--tstop", options.tstop, "--seed", options.seed, *extra]
    arguments += ["--precision", options.precision] if name == "distnet" else []
    if options.cells:
        arguments += ["--cells", options.cells]
    command = [sys.executable, HERE / SIMULATORS[name][0], *arguments]
    done = subprocess.run(
        [str(word) for word in command], env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout}{done.stderr}")
    with np.load(file) as data:
        spikes = np.stack([data["step"], data["gid"]], axis=1)
    return json.loads(done.stdout.splitlines()[-1]), spikes


def summarise(name: str, lines: list[dict]) -> dict:
    """One simulator: medians over its runs."""
    first = lines[0]
    cpu = median(line["cpu_s"] for line in lines)
    work = first["compartments"] * first["steps"]
    return {
        "simulator": name,
        **{key: first[key] for key in ("version", "compartments", "steps", "spikes")},
        "wall_s": round(median(line["wall_s"] for line in lines), 4),
        "cpu_s": round(cpu, 4),
        "ns_per_compartment_step": round(cpu / work * 1e9, 2),
        "repeats": len(lines),
        "all_cpu_s": [round(line["cpu_s"], 4) for line in lines],
    }


def compare(runs: dict[str, list[dict]], spikes: dict[str, np.ndarray]) -> tuple[dict, bool]:
    """Ratios of median CPU times to distnet's; whether spikes equal NEURON's."""
    cpu = {name: median(line["cpu_s"] for line in lines) for name, lines in runs.items()}
    ratios = {name: round(cpu[name] / cpu["distnet"], 2) for name in cpu if name != "distnet"}
    line: dict = {"times_faster_than": ratios, "load": os.getloadavg()[0]}
    if "neuron" not in runs:
        return line, True
    equal = {
        name: bool(np.array_equal(found, spikes["neuron"]))
        for name, found in spikes.items()
        if name != "neuron"
    }
    line["spikes_equal_to_neuron"] = equal
    return line, equal["distnet"]


if __name__ == "__main__":
    sys.exit(main())
