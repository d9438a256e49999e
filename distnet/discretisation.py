"""Rules for the number of segments of each section."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distnet.errors import InputError
from distnet.morphology.morphology import Morphology, Section

#: A rule: (morphology, Ra [ohm cm], cm [uF/cm2]) -> segments, each (n_section,).
Rule = Callable[[Morphology, np.ndarray, np.ndarray], np.ndarray]


def n_segments(n: int) -> Rule:
    """The same number of segments in every section."""
    if n < 1 or n != int(n):
        raise InputError("n_segments", f"n is {n}; it must be 1 or more")
    return lambda morphology, Ra, cm: np.full(len(morphology), int(n), dtype=np.int32)


def nseg_rule(dl: float) -> Rule:
    """1 + 2 int(L / dl) segments: an odd number, each between dl/3 and dl [um] long or so."""
    _require_positive("nseg_rule", "dl", dl)
    return lambda morphology, Ra, cm: 1 + 2 * (morphology.lengths / dl).astype(np.int32)


def max_length(length: float) -> Rule:
    """As few segments as keep each at most `length` [um] long."""
    _require_positive("max_length", "length", length)
    return lambda morphology, Ra, cm: np.ceil(morphology.lengths / length).astype(np.int32)


def d_lambda(fraction: float = 0.1, frequency: float = 100.0) -> Rule:
    """An odd number of segments, each at most a fraction of the length constant at a frequency.

    This is NEURON's d_lambda rule: int((L / (fraction lambda_f) + 0.9) / 2) 2 + 1 segments, where
    lambda_f at `frequency` [Hz] is the function below. Set Ra and cm before using it.
    """
    _require_positive("d_lambda", "fraction", fraction)
    _require_positive("d_lambda", "frequency", frequency)

    def rule(morphology: Morphology, Ra: np.ndarray, cm: np.ndarray) -> np.ndarray:
        ratio = [
            section.length / (fraction * lambda_f(section, frequency, Ra[i], cm[i]))
            for i, section in enumerate(morphology)
        ]
        return ((np.array(ratio) + 0.9) / 2).astype(np.int32) * 2 + 1

    return rule


def lambda_f(section: Section, frequency: float, Ra: float, cm: float) -> float:
    """Length constant [um] of a section at a frequency, far above that of its membrane.

    Between two 3-D points the diameter is the mean of theirs (Hines & Carnevale 2001; NEURON's
    `lambda_f`, whose value at cm = 0 is taken too).

    Args:
        section: with 3-D points or a cylinder.
        frequency: [Hz].
        Ra: [ohm cm].
        cm: [uF/cm2].
    """
    if cm == 0.0:
        return 1e10
    if section.points is None:
        return float(1e5 * np.sqrt(section.diam / (4 * np.pi * frequency * Ra * cm)))
    diam = section.points[:, 3].astype(np.float64)
    electrotonic = np.sum(np.diff(section.arc) / np.sqrt(diam[:-1] + diam[1:]))
    electrotonic *= np.sqrt(2.0) * 1e-5 * np.sqrt(4 * np.pi * frequency * Ra * cm)
    return float(section.length / electrotonic)


def _require_positive(rule: str, what: str, value: float) -> None:
    if not (value > 0.0 and np.isfinite(value)):
        raise InputError(rule, f"{what} is {value}; it must be positive")
