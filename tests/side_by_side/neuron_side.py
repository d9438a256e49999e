"""NEURON's results of one .mod file: built once, run once, kept by content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from side_by_side import protocol

from kernels.mechanism import Mechanism

HERE = Path(__file__).resolve().parent
BUILD_SECONDS, RUN_SECONDS = 180, 120


class NeuronFailed(Exception):
    """NEURON cannot build or run a file."""


def cache() -> Path:
    """Where builds and results are kept."""
    given = os.environ.get("DISTNET_SIDE_BY_SIDE")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / "distnet_side_by_side"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def traces(text: str, folder: Path, mechanism: Mechanism) -> dict[str, np.ndarray]:
    """What NEURON gives for this file; from the cache if it was done before.

    Args:
        text: the .mod text.
        folder: where files that it includes are.
        mechanism: the same text, lowered by distnet: names the variables.

    Raises:
        NeuronFailed: it cannot be built, or its run fails.
    """
    task = json.dumps(protocol.task(mechanism), sort_keys=True)
    others = protocol.companions(mechanism)
    library = _build(text, folder, others)
    scripts = (HERE / "neuron_process.py").read_text()
    key = _hash(library.parent.parent.name, task, scripts)
    result = cache() / f"result_{key}.npz"
    failure = result.with_suffix(".failed")
    if failure.exists():
        raise NeuronFailed(failure.read_text())
    if not result.exists():
        _run(library, task, result, failure)
    with np.load(result) as data:
        return dict(data)


def _build(text: str, includes: Path, others: Mapping[str, str]) -> Path:
    """The shared library of a .mod text and its companions."""
    folder = cache() / f"build_{_hash(text, *others.values())}"
    library = folder / "x86_64" / "libnrnmech.so"
    failure = folder / "failed"
    if library.exists():
        return library
    if failure.exists():
        raise NeuronFailed(failure.read_text())
    folder.mkdir(exist_ok=True)
    (folder / "mechanism_under_test.mod").write_text(text)
    for name, other in others.items():
        (folder / f"{name}.mod").write_text(other)
    for include in includes.glob("*.inc"):
        (folder / include.name).write_bytes(include.read_bytes())
    command = [str(Path(sys.executable).parent / "nrnivmodl"), "."]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
        output = done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        output = "takes too long"
    if not library.exists():
        failure.write_text(f"does not build: {_complaint(output)}")
        raise NeuronFailed(failure.read_text())
    return library


def _complaint(output: str) -> str:
    """The lines of a long output that say what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [re.sub(r"/\S*/", "", line) for line in lines if not line.startswith("NOTE")]
    telling = [n for n in lines if re.search(r"error|Illegal|cannot|undeclared", n, re.IGNORECASE)]
    return " / ".join((telling or lines[-3:])[:3])[:400]


def _run(library: Path, task: str, result: Path, failure: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        given, out = Path(scratch) / "task.json", Path(scratch) / "out.npz"
        given.write_text(task)
        script = str(HERE / "neuron_process.py")
        command = [sys.executable, script, str(library), str(given), str(out)]
        environment = {**os.environ, "NEURON_MODULE_OPTIONS": "-nogui"}
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                env=environment,
            )
            output = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            output = "takes too long"
        if not out.exists():
            lines = [line for line in output.splitlines() if line.strip()]
            failure.write_text("does not run: " + " / ".join(lines[-3:])[:400])
            raise NeuronFailed(failure.read_text())
        out.rename(result)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
