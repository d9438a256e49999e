"""One file, both simulators: how far they are apart."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import distnet_side, neuron_side, protocol

from distnet.errors import DistnetError
from kernels.errors import KernelsError, NmodlError
from kernels.mechanism import Mechanism
from kernels.nmodl import loads, parse
from kernels.nmodl.catalogue import stand_in
from kernels.nmodl.lower import read
from kernels.nmodl.random import OWN

CLOSED_FORM, ITERATED = 1e-9, 1e-6  # relative
#: A value below this share of the largest of its trace counts as being that large: near a zero
#: crossing what remains is rounding. States are coupled by linear systems, so that the largest of
#: all states of the cell counts too, with the share after it.
FLOOR, STATE_FLOOR = 1e-2, 1e-6
TINY = 1e-30  # absolute: below it everything is zero
#: [mA/cm2] An ion's current below this counts as being that large: it moves no voltage (1e-8 mV in
#: a ms), and that of a pump near its balance is the difference of two far larger fluxes.
CURRENT_FLOOR = 1e-11
#: Methods whose result an iteration decides, in NEURON or here.
ITERATIVE = ("derivimplicit", "sparse", "newton", "runge", "NONLINEAR")
OUTCOMES = ("equal", "DIFFERS", "refused", "skipped", "neuron failed", "FAULT")


@dataclass
class Comparison:
    """What came of one file."""

    file: str
    outcome: str  # one of OUTCOMES
    name: str = ""
    kind: str = ""
    tolerance: float = 0.0
    compared: int = 0  # traces
    worst: float = 0.0  # largest relative difference of a trace
    variable: str = ""  # which has it
    step: int = 0  # the first step beyond the tolerance
    note: str = ""
    active: list[str] = field(default_factory=list)  # what changed during the run

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(path: Path, label: str, backend: str = "cpu") -> Comparison:
    """Run one file in both simulators."""
    text = read(path)
    own = stand_in(text)
    if own is not None:
        note = f"the built-in {own.stem} stands in for it; both need spike trains to play"
        return Comparison(label, "skipped", note=note)
    try:
        text = protocol.without_clash(text)
        mechanism = loads(text, str(path))
    except NmodlError as problem:
        return Comparison(label, "refused", note=f"{problem.line}: {problem.message}")
    except Exception as problem:  # noqa: BLE001  (a fault of ours is a result, too)
        return Comparison(label, "FAULT", note=f"loading: {problem!r:.200}")
    made = Comparison(label, "skipped", mechanism.name, mechanism.kind, tolerance_of(text))
    made.note = reason_to_skip(text, mechanism)
    if made.note:
        return made
    try:
        theirs = neuron_side.traces(text, path.parent, mechanism)
    except neuron_side.NeuronFailed as problem:
        made.outcome, made.note = "neuron failed", str(problem)
        return made
    try:
        ours = distnet_side.traces(text, path.parent, mechanism, theirs, backend)
    except (KernelsError, DistnetError) as problem:
        finite = all(np.isfinite(trace).all() for trace in theirs.values())
        made.outcome = "DIFFERS" if finite else "skipped"
        made.note = f"{problem}" + ("" if finite else " (NEURON's values are not finite either)")
        return made
    except Exception as problem:  # noqa: BLE001
        made.outcome, made.note = "FAULT", f"running: {problem!r:.200}"
        return made
    judge(made, ours, theirs, mechanism.states)
    return made


def ask_neuron(path: Path) -> None:
    """Have NEURON's result of one file made and kept; say nothing if that fails."""
    with suppress(KernelsError, neuron_side.NeuronFailed):
        text = protocol.without_clash(read(path))
        neuron_side.traces(text, path.parent, loads(text, str(path)))


def reason_to_skip(text: str, mechanism: Mechanism) -> str:
    """What a file needs that the experiment does not have."""
    if mechanism.streams == (OWN,):
        return "draws from NEURON's one generator for all, here from a stream of its own"
    names = parse(text).neuron.names.get("POINTER", ())
    wanted = [n.id for n in names if n.id not in mechanism.streams]
    return f"needs the target of POINTER {', '.join(wanted)}" if wanted else ""


def tolerance_of(text: str) -> float:
    """By the methods that a file's SOLVE statements name."""
    words = text.replace("(", " ").split()
    return ITERATED if any(word in ITERATIVE for word in words) else CLOSED_FORM


def judge(
    made: Comparison,
    ours: dict[str, np.ndarray],
    theirs: dict[str, np.ndarray],
    states: Collection[str],
) -> None:
    """Fill in the differences."""
    made.outcome = "equal"
    largest_state = {
        cell: max((_largest(theirs.get(f"{cell}/own.{s}")) for s in states), default=0.0)
        for cell in "01"
    }
    for label, their in theirs.items():
        our = ours[label]
        if our.shape != their.shape:
            made.outcome, made.variable = "DIFFERS", label
            made.note = f"{len(our)} values, NEURON has {len(their)}"
            return
        if not len(their):
            continue
        made.compared += 1
        if np.ptp(their) > 0:
            made.active.append(label)
        is_state = label.partition("/own.")[2] in states
        floor = STATE_FLOOR * largest_state.get(label[0], 0.0) if is_state else 0.0
        if label.endswith(".i") and "/own." not in label:
            floor = CURRENT_FLOOR
        difference = relative(our, their, floor)
        worst = float(difference.max())
        if worst > made.worst or made.compared == 1:
            made.worst, made.variable = worst, label
        if worst > made.tolerance and made.outcome == "equal":
            made.outcome = "DIFFERS"
        if worst > made.tolerance and label == made.variable:
            made.step = int(np.flatnonzero(difference > made.tolerance)[0])
            made.note = f"{our[made.step]!r}, NEURON {their[made.step]!r}"
    if not made.compared:
        made.outcome, made.note = "skipped", "shows nothing that could be compared"


def relative(our: np.ndarray, their: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """(n,) difference at each step over the value, but at least over a floor."""
    same = (our == their) | (np.isnan(our) & np.isnan(their))
    scale = np.maximum(np.abs(their), max(FLOOR * _largest(their), floor, TINY))
    with np.errstate(invalid="ignore"):
        difference = np.abs(our - their) / scale
    return np.where(same, 0.0, np.where(np.isfinite(difference), difference, np.inf))


def _largest(trace: np.ndarray | None) -> float:
    if trace is None:
        return 0.0
    return float(np.abs(trace[np.isfinite(trace)]).max(initial=0.0))
