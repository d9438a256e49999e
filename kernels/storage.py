"""Which variables of a block need memory: decided once, the same for every engine."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.mechanism import IonUse, Kernel, Mechanism
from kernels.nmodl.build import mangle
from kernels.precision import RESTS

FIELDS = ("e", "ci", "co", "i")


def ion_variables(mechanism: Mechanism) -> dict[str, tuple[str, str]]:
    """Name in bodies -> (ion, field), for every ion variable that the mechanism uses."""
    return {
        mangle(use.variable(name)): (use.ion, name)
        for use in mechanism.ions
        for name in FIELDS
        if name in use.reads | use.writes
    }


def own_currents(mechanism: Mechanism) -> frozenset[str]:
    """Currents of ions that a mechanism writes and does not READ: what it reads is its own."""
    uses = (use for use in mechanism.ions if "i" in use.writes and "i" not in use.reads)
    return frozenset(use.variable("i") for use in uses)


def live_ion_fields(block: Block) -> frozenset[tuple[str, str]]:
    """(ion, field) pairs whose value changes during a run, or is sampled.

    A concentration lives where a mechanism writes it, a reversal potential where it follows such a
    concentration or is written, a current where a mechanism reads it; and all that POINTERs stand
    for, as they may write it.
    """
    uses = [use for group in block.mechanisms for use in group.mechanism.ions]
    live = {(use.ion, name) for use in uses for name in use.writes if name != "i"}
    live |= {(use.ion, "i") for use in uses if "i" in use.reads}
    for use in uses:
        if "e" in use.reads and {(use.ion, "ci"), (use.ion, "co")} & live:
            live |= {(use.ion, "e"), (use.ion, "ci"), (use.ion, "co")}
    names = {ion.name for ion in block.ions}
    names -= {group.mechanism.name for group in block.mechanisms}
    pointed = [pointer.variable for group in block.mechanisms for pointer in group.pointers]
    for variable in [*(probe.variable for probe in block.probes), *pointed]:
        first, _, last = variable.partition(".")
        if first in names and last in FIELDS:
            live.add((first, last))
    return frozenset(live)


def writes_concentration(mechanism: Mechanism) -> bool:
    """Whether the mechanism sets an inner or outer concentration of an ion."""
    return any({"ci", "co"} & use.writes for use in mechanism.ions)


def reversal_nodes(block: Block, ion: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the reversal potential of an ion follows its concentrations.

    NEURON's rule: at initialisation where a node uses both a concentration and the reversal
    potential, and at every step where a mechanism also writes a concentration there.

    Returns:
        (n,) i8 nodes at initialisation, and those of them at every step.
    """
    concentration = np.zeros(block.n_node, bool)
    written = np.zeros(block.n_node, bool)
    reversal = np.zeros(block.n_node, bool)
    for group in block.mechanisms:
        for use in group.mechanism.ions:
            if use.ion != ion or not group.n:
                continue
            used = use.reads | use.writes
            if {"ci", "co"} & used:
                concentration[group.node] = True
            if {"ci", "co"} & use.writes:
                written[group.node] = True
            if "e" in used:
                reversal[group.node] = True
    start = concentration & reversal
    return np.flatnonzero(start), np.flatnonzero(start & written)


@dataclass(frozen=True)
class Storage:
    """Memory of one mechanism: a slot for every variable that outlives a kernel.

    `slots` maps a variable, or one of the helpers `_v` (voltage gathered), `_weight` (nA per
    mA/cm2), `_per_area` (mA/cm2 per nA), `_i`, `_g`, to its slot. `gathered` are the ion variables
    that live in arrays over nodes; they have a slot to be gathered into. `times`, of single
    precision only, have two slots more; see `kernels.precision.split`.
    """

    slots: dict[str, int]
    gathered: dict[str, tuple[str, str]]
    times: frozenset[str] = frozenset()

    def parts(self, name: str) -> tuple[int, int, int]:
        """The three slots of a time."""
        high, *rest = (self.slots[prefix + name] for prefix in ("", *RESTS))
        return high, rest[0], rest[1]


def _kernels(mechanism: Mechanism) -> list[Kernel]:
    return list(mechanism.kernels().values())


def storage_of(
    mechanism: Mechanism,
    live: frozenset[tuple[str, str]],
    keep: frozenset[str] = frozenset(),
    times: frozenset[str] = frozenset(),
) -> Storage:
    """Slots of one mechanism; `keep` names variables to be sampled, `times` is as in `Storage`."""
    ions = ion_variables(mechanism)
    own = mechanism.variables()
    loaded = {name for kernel in _kernels(mechanism) for name in kernel.loads} | keep
    loaded |= {name for one in mechanism.diffusing for name in dataclasses.astuple(one)}
    wanted = list(mechanism.memory)  # side by side
    wanted += [name for name in own if name in loaded and name not in ions]
    wanted += [name for name in ("diam", "area") if name in loaded]
    gathered = {n: f for n, f in ions.items() if f in live and (n in loaded or _sets(mechanism, n))}
    wanted += [n for n in ions if n not in gathered and n in loaded]
    wanted += list(gathered)
    wanted += ["_v"]
    if mechanism.current.body:
        wanted += ["_g", "_i", *(["_weight"] if mechanism.kind == "density" else [])]
        if mechanism.kind == "point" and any(f[1] == "i" for f in gathered.values()):
            wanted.append("_per_area")
    wanted += [name for name in keep if name not in wanted]
    times &= frozenset(wanted)
    wanted += [rest + name for name in sorted(times) for rest in RESTS]
    return Storage({name: k for k, name in enumerate(dict.fromkeys(wanted))}, gathered, times)


def _sets(mechanism: Mechanism, name: str) -> bool:
    return any(name in kernel.stores for kernel in _kernels(mechanism))


def ion_use(mechanism: Mechanism, ion: str) -> IonUse | None:
    """The mechanism's use of an ion, or None."""
    return next((use for use in mechanism.ions if use.ion == ion), None)
