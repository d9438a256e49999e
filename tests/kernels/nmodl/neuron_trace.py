"""Run mechanisms in NEURON, one compartment each, and write what they saw and did at every step.

Run as a script, so that compiled mechanisms stay out of the tests' own process:
``python neuron_trace.py TASK.json OUT.npz``.
"""

import json
import sys
from pathlib import Path

import numpy as np

DT, CELSIUS, DIAM = 0.025, 25.0, 20.0


def main(task_file: str, out: str) -> None:
    from neuron import h

    task = json.loads(Path(task_file).read_text())
    if task["library"]:
        h.nrn_load_dll(task["library"])
    h.load_file("stdrun.hoc")
    arrays: dict[str, np.ndarray] = {}
    for item in task["items"]:
        for name, rows in trace(h, item).items():
            arrays[f"{item['key']}/{name}"] = np.array(rows)
    np.savez(out, **arrays)


def trace(h, item: dict) -> dict[str, list[float]]:
    """Values at the start of every step, and at the end of the last."""
    section = h.Section(name="cell")
    section.L = section.diam = DIAM
    if item["mechanism"] != "pas":
        section.insert("pas")
        section(0.5).pas.g = 1e-4
    for other in item["beside"]:
        section.insert(other)
    segment = section(0.5)
    if item["kind"] == "density":
        section.insert(item["mechanism"])
        target = getattr(segment, item["mechanism"])
    else:
        target = getattr(h, item["mechanism"])(segment)
    for name, value in item["set"].items():
        setattr(target, name, value)
    if hasattr(h, "usetable_" + item["mechanism"]):
        setattr(h, "usetable_" + item["mechanism"], int(item["tables"]))
    clamp = h.IClamp(segment)
    clamp.dur = 1e9
    connections = [h.NetCon(None, target) for _ in item["events"]]
    h.celsius, h.dt, h.steps_per_ms = CELSIUS, DT, 1 / DT
    h.finitialize(-65)
    for connection, (step, weight) in zip(connections, item["events"], strict=True):
        connection.weight[0] = weight
        connection.event((step + 0.2) * DT)
    rows: dict[str, list[float]] = {n: [] for n in ["v", *item["variables"], *item["ions"]]}

    def keep() -> None:
        rows["v"].append(segment.v)
        for name in item["variables"]:
            on_target = hasattr(target, name)
            rows[name].append(getattr(target if on_target else segment, name))
        for name in item["ions"]:
            rows[name].append(getattr(segment, name))

    keep()
    for step in range(item["steps"]):
        t = step * DT
        clamp.amp = 0.12 * np.sin(2 * np.pi * t / 9) + (0.15 if t % 14 > 10 else -0.045)
        h.fadvance()
        keep()
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
