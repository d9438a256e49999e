"""The experiment that both simulators do with one mechanism.

Two cells of one compartment each hold the mechanism under test, and `pas`: the first is held by a
voltage clamp that steps, the second gets a current pulse. A point process receives the same events
in both; an artificial cell stands alone and receives them too. Ions that the mechanism reads are
moved by companions, small mechanisms written here: one adds a current of the ion, one lets its
inner concentration drift. Every variable is compared at every step.

The time step is a power of two, so that NEURON's time, a sum of half steps, is exact and nothing
depends on its rounding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kernels.mechanism import Mechanism
from kernels.nmodl.build import mangle
from kernels.nmodl.random import OWN

DT = 0.03125  # ms
STEPS = 640
CELSIUS = 24.0
V_INIT = -65.0
DIAM = 20.0  # um, and the length
PAS = {"g": 1e-4, "e": -65.0}
#: duration [ms] and level [mV] of the three steps; series resistance [MOhm]
VCLAMP = {"dur1": 3.0, "amp1": -85.0, "dur2": 9.0, "amp2": -12.0, "dur3": 9.0, "amp3": -55.0}
VCLAMP_RS = 0.01
ICLAMP = {"delay": 2.0, "dur": 12.0, "amp": 0.3}  # ms, ms, nA
#: times [ms] at which a point process hears a spike, and the weight
EVENTS = (1.5, 2.125, 4.0, 4.03, 4.5, 9.7, 15.3)
DELAY = 0.5  # ms
WEIGHT = 0.0007

#: Parameters that are 0 by default and would leave the mechanism silent.
_STRENGTH = re.compile(r"^(g|p|perm)(bar|max|max\w*|\w*bar|)$|^i?max$", re.IGNORECASE)
STRENGTH = 1e-4
#: Parameters that say when something begins; where that is late, it begins at START.
_BEGIN = re.compile(r"start|del|delay|onset|tstart", re.IGNORECASE)
START = 2.0  # ms
NOISE = 0.5  # of generators whose trains are regular by default

#: Names that NEURON has already, and those of ions (recordings would be ambiguous).
TAKEN = frozenset(
    {
        *("hh", "pas", "fastpas", "capacitance", "extracellular", "morphology", "na_ion", "k_ion"),
        *("ca_ion", "ExpSyn", "Exp2Syn", "IClamp", "SEClamp", "VClamp", "AlphaSynapse", "NetStim"),
        *("IntFire1", "IntFire2", "IntFire4", "APCount", "OClamp", "PatternStim", "VecStim"),
        *("PointProcessMark", "na", "k", "ca"),
    }
)
_DEFINED = re.compile(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)(\s+)(\w+)")

FIELDS = {"e": "e{}", "ci": "{}i", "co": "{}o", "i": "i{}"}

_CURRENT = """\
NEURON {{ SUFFIX {name} USEION {ion} WRITE i{ion} {valence} }}
PARAMETER {{ g = 2e-5 reversal = 40 }}
ASSIGNED {{ v i{ion} }}
BREAKPOINT {{ i{ion} = g*(v - reversal) }}
"""
_CONCENTRATION = """\
NEURON {{ SUFFIX {name} USEION {ion} WRITE {ion}i {valence} }}
PARAMETER {{ first = {first} last = {last} tau = 6 }}
STATE {{ {ion}i }}
INITIAL {{ {ion}i = first }}
BREAKPOINT {{ SOLVE drift METHOD cnexp }}
DERIVATIVE drift {{ {ion}i' = (last - {ion}i)/tau }}
"""
_RANGES = {"na": (10.0, 14.0), "k": (54.4, 50.0), "ca": (5e-5, 2e-3)}


def without_clash(text: str) -> str:
    """The text, its mechanism renamed where NEURON has one of that name or ions are called so."""
    match = _DEFINED.search(text)
    if match is None or match[3] not in TAKEN:
        return text
    return text[: match.start()] + match[1] + match[2] + f"own_{match[3]}" + text[match.end() :]


def companions(mechanism: Mechanism) -> dict[str, str]:
    """Name -> .mod text of what moves the ions that a mechanism reads."""
    made: dict[str, str] = {}
    for use in mechanism.ions:
        valence = "" if use.valence is None else f"VALENCE {use.valence:g}"
        given: dict[str, Any] = {"ion": use.ion, "valence": valence}
        if "i" in use.reads:
            name = f"zz_current_{use.ion}"
            made[name] = _CURRENT.format(name=name, **given)
        if "ci" in use.reads and "ci" not in use.writes:
            first, last = _RANGES.get(use.ion, (1.0, 1.5))
            name = f"zz_drift_{use.ion}"
            made[name] = _CONCENTRATION.format(name=name, first=first, last=last, **given)
    return made


def settings_of(mechanism: Mechanism) -> dict[str, float]:
    """Parameters that both simulators set: so that something flows, and streams are the same."""
    found = {
        name: STRENGTH
        for name, variable in mechanism.parameters.items()
        if variable.default == 0.0 and _STRENGTH.match(name)
    }
    for name, variable in mechanism.parameters.items():
        if _BEGIN.fullmatch(name.rstrip("_")) and variable.default > 0.5 * STEPS * DT:
            found[name] = START
        if name == "noise" and variable.default == 0.0:
            found[name] = NOISE
    for stream, ids in streams(mechanism).items():
        found |= {f"{stream}__id{k + 1}": float(part) for k, part in enumerate(ids)}
    return found


def streams(mechanism: Mechanism) -> dict[str, tuple[int, int, int]]:
    """Identities of the random streams that a mechanism names."""
    named = [stream for stream in mechanism.streams if stream != OWN]
    return {stream: (101, 7 + k, 3) for k, stream in enumerate(named)}


def candidates(mechanism: Mechanism) -> dict[str, tuple[str, int]]:
    """Variables to compare, by our name -> NEURON's name and index; -1 is no array."""
    found: dict[str, tuple[str, int]] = {}
    ions = {use.variable(f) for use in mechanism.ions for f in FIELDS}
    for name in [*mechanism.states, *mechanism.assigned, *(c.name for c in mechanism.currents)]:
        element = re.fullmatch(r"(\w+?)_(\d+)_", name)
        if name not in ions:
            found[name] = (element[1], int(element[2])) if element else (_plain(name), -1)
    return found


def _plain(name: str) -> str:
    """The name in the .mod file of a variable that bodies call otherwise."""
    return name[:-1] if name.endswith("_") and mangle(name[:-1]) == name else name


def ion_variables(mechanism: Mechanism) -> dict[str, str]:
    """Probes of ions, "na.ci", -> NEURON's names."""
    return {
        f"{use.ion}.{field}": FIELDS[field].format(use.ion)
        for use in mechanism.ions
        for field in sorted(use.reads | use.writes)
    }


def task(mechanism: Mechanism) -> Mapping[str, Any]:
    """What NEURON's process is told."""
    return {
        "name": mechanism.name,
        "kind": mechanism.kind,
        "set": {_plain(n): x for n, x in settings_of(mechanism).items() if "__id" not in n},
        "streams": streams(mechanism),
        "companions": list(companions(mechanism)),
        "candidates": candidates(mechanism),
        "ions": ion_variables(mechanism),
        "events": list(EVENTS) if mechanism.receive is not None else [],
        "dt": DT,
        "steps": STEPS,
        "celsius": CELSIUS,
        "v_init": V_INIT,
        "diam": DIAM,
        "pas": PAS,
        "vclamp": VCLAMP,
        "rs": VCLAMP_RS,
        "iclamp": ICLAMP,
        "delay": DELAY,
        "weight": WEIGHT,
    }
