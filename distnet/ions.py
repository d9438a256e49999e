"""Ions: valences, and the values that hold where a model sets none (NEURON's)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class IonDefaults:
    """Valence, reversal potential [mV], inner and outer concentration [mM]."""

    valence: float
    e: float
    ci: float
    co: float


IONS = {
    "na": IonDefaults(1.0, 50.0, 10.0, 140.0),
    "k": IonDefaults(1.0, -77.0, 54.4, 2.5),
    "ca": IonDefaults(2.0, 12.5 * math.log(2.0 / 5e-5), 5e-5, 2.0),
}


def ion_defaults(name: str, valence: float | None) -> IonDefaults:
    """Of a known ion, or of one that .mod files define with a VALENCE."""
    return IONS.get(name) or IonDefaults(valence or 0.0, 0.0, 1.0, 1.0)
