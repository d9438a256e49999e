"""The experiment in NEURON, in a process of its own.

``python neuron_process.py LIBRARY TASK.json OUT.npz`` stores one array a variable and cell, "0/v",
"0/own.m", "1/ca.i", ..., every step from 0, and the spike times of an artificial cell as "spikes".
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from neuron import h


def main(library: str, task_file: str, out: str) -> None:
    with open(task_file) as stream:
        task = json.load(stream)
    if library and not h.nrn_load_dll(library):
        raise SystemExit(f"NEURON cannot load {library}")
    h.load_file("stdrun.hoc")
    np.savez(out, **run(task))


def run(task: dict[str, Any]) -> dict[str, np.ndarray]:
    """The traces of both cells."""
    h.celsius, h.dt, h.steps_per_ms = task["celsius"], task["dt"], 1.0 / task["dt"]
    kept: list[Any] = []
    traces: dict[str, Any] = {}
    connections: list[Any] = []
    spikes = h.Vector()
    for cell in (0, 1) if task["kind"] != "artificial" else (0,):
        target = artificial(task) if task["kind"] == "artificial" else build(task, cell, kept)
        segment = kept[-1](0.5) if kept else None
        kept.append(target)
        identify(target, task["streams"], kept)
        watch(task, cell, target, segment, traces)
        if task["kind"] == "artificial":
            listener = h.NetCon(target, None)
            listener.record(spikes)
            kept.append(listener)
        connections += [h.NetCon(None, target) for _ in task["events"][:1]]
        if segment is not None:
            kept.append(segment.sec)

    def send() -> None:
        for connection in connections:
            connection.weight[0] = task["weight"]
            for time in task["events"]:
                connection.event(time + task["delay"])

    handler = h.FInitializeHandler(send)
    h.finitialize(task["v_init"])
    for _ in range(task["steps"]):
        h.fadvance()
    del handler
    values = {name: np.array(trace) for name, trace in traces.items()}
    return {**values, "spikes": np.array(spikes)}


def identify(target: Any, streams: dict[str, list[int]], kept: list[Any]) -> None:
    """Give random streams their identities: RANDOM variables, or those that procedures make."""
    others: list[int] = []
    for stream, ids in streams.items():
        try:
            getattr(target, stream).set_ids(*ids)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            others += ids
    if others:
        getattr(target, "setRNGs" if hasattr(target, "setRNGs") else "setRNG")(*others)
    # the Vectors of an inhomogeneous source, which are absent here: 1 Hz from the beginning
    for procedure, value in (("setTbins", 0.0), ("setRate", 1.0)):
        if hasattr(target, procedure):
            kept.append(h.Vector([value]))
            getattr(target, procedure)(kept[-1])


def artificial(task: dict[str, Any]) -> Any:
    """The artificial cell under test."""
    target = getattr(h, task["name"])()
    for name, value in task["set"].items():
        setattr(target, name, value)
    return target


def build(task: dict[str, Any], cell: int, kept: list[Any]) -> Any:
    """One compartment with its clamp; the mechanism in it, or the point process on it."""
    section = h.Section(name=f"cell{cell}")
    section.L = section.diam = task["diam"]
    section.cm, section.Ra = 1.0, 100.0
    section.insert("pas")
    section(0.5).pas.g, section(0.5).pas.e = task["pas"]["g"], task["pas"]["e"]
    for companion in task["companions"]:
        section.insert(companion)
    segment = section(0.5)
    if task["kind"] == "density":
        section.insert(task["name"])
        target = getattr(segment, task["name"])
    else:
        target = getattr(h, task["name"])(segment)
    for name, value in task["set"].items():
        try:
            setattr(target, name, value)
        except (AttributeError, LookupError):
            setattr(h, f"{name}_{task['name']}", value)
    kept.append(clamp(task, cell, segment))
    kept.append(section)
    return target


def clamp(task: dict[str, Any], cell: int, segment: Any) -> Any:
    """The voltage clamp of the first cell, the current clamp of the second."""
    if cell == 0:
        made = h.SEClamp(segment)
        made.rs = task["rs"]
        for name, value in task["vclamp"].items():
            setattr(made, name, value)
    else:
        made = h.IClamp(segment)
        for name, value in task["iclamp"].items():
            setattr(made, name, value)
    return made


def watch(task: dict[str, Any], cell: int, target: Any, segment: Any, traces: dict) -> None:
    """Record what NEURON shows of the candidates."""

    def record(label: str, owner: Any, name: str, index: int = -1) -> None:
        try:
            pointer = getattr(owner, f"_ref_{name}")
            element = pointer if index < 0 else pointer[index]
            of_process = () if task["kind"] == "density" or owner is segment else (owner,)
            traces[f"{cell}/{label}"] = h.Vector().record(*of_process, element)
        except (AttributeError, LookupError, TypeError, RuntimeError):
            pass

    if segment is not None:
        record("v", segment, "v")
        for label, name in task["ions"].items():
            record(label, segment, name)
    for label, (name, index) in task["candidates"].items():
        record(f"own.{label}", target, name, index)


if __name__ == "__main__":
    main(*sys.argv[1:])
