"""Units: a small table and the algebra that turns one into another.

Values are those that NEURON 9 calls modern: the SI of 2019 and CODATA 2018. Only what UNITS blocks
define as a constant depends on it; units of variables are kept as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIXES = {
    "yotta": 1e24, "zetta": 1e21, "exa": 1e18, "peta": 1e15, "tera": 1e12, "giga": 1e9,
    "mega": 1e6, "meg": 1e6, "kilo": 1e3, "hecto": 1e2, "deka": 1e1, "deci": 1e-1, "centi": 1e-2,
    "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "femto": 1e-15, "atto": 1e-18,
    "k": 1e3, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15,
    "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip

#: Units by definition; the base units stand for themselves.
BASE = ("m", "kg", "sec", "coul", "K", "candela", "bit")
UNITS = {
    "pi": "3.14159265358979323846", "mole": "6.02214076e23", "mol": "mole", "fuzz": "1",
    "e": "1.602176634e-19 coul", "c": "299792458 m/sec", "faraday": "e-mole",
    "boltzmann": "1.380649e-23 joule/K", "k": "boltzmann", "gasconstant": "k-mole",
    "R": "gasconstant", "planck": "6.62607015e-34 joule-sec",
    "radian": "0.15915494309189535", "degree": "0.002777777777777778",
    "second": "sec", "s": "sec", "minute": "60 sec", "min": "minute", "hour": "3600 sec",
    "hr": "hour", "day": "86400 sec", "ms": "millisec", "us": "microsec",
    "gram": "0.001 kg", "gm": "gram", "g": "gram", "mg": "milligram",
    "meter": "m", "metre": "m", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
    "um": "micrometer", "micron": "micrometer", "angstrom": "1e-10 m",
    "liter": "0.001 m3", "litre": "liter", "l": "liter", "L": "liter", "cc": "cm3",
    "ml": "milliliter", "newton": "kg-m/sec2", "nt": "newton", "joule": "newton-m", "J": "joule",
    "calorie": "4.1868 joule", "cal": "calorie", "watt": "joule/sec", "pascal": "newton/m2",
    "coulomb": "coul", "amp": "coul/sec", "ampere": "amp", "A": "amp",
    "volt": "watt/amp", "V": "volt", "ohm": "volt/amp", "mho": "/ohm",
    "siemens": "/ohm", "siemen": "siemens", "S": "siemens",
    "farad": "coul/volt", "F": "farad", "henry": "sec2/farad",
    "mA": "milliamp", "uA": "microamp", "nA": "nanoamp", "pA": "picoamp", "mV": "millivolt",
    "uS": "microsiemens", "nS": "nanosiemens", "pS": "picosiemens", "mS": "millisiemens",
    "uF": "microfarad", "nF": "nanofarad",
    "degC": "K", "degK": "K", "kelvin": "K", "celsius": "K", "degF": "0.5555555555555556 K",
    "hertz": "/sec", "Hz": "hertz", "percent": "0.01", "%": "0.01",
}  # fmt: skip

_WORD = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\|\d+\.?\d*)?)"
    r"|(?P<name>[A-Za-z%_]+)(?P<power>\d*)|(?P<slash>/)|(?P<dot>[-*.]))"
)
MAX_DEPTH = 30


@dataclass(frozen=True)
class Unit:
    """A factor to base units, and the exponents of the base units."""

    factor: float
    powers: tuple[int, ...] = (0,) * len(BASE)

    def times(self, other: Unit, power: int) -> Unit:
        powers = tuple(a + power * b for a, b in zip(self.powers, other.powers, strict=True))
        factor = self.factor
        for _ in range(abs(power)):
            factor = factor * other.factor if power > 0 else _ratio(factor, other.factor)
        return Unit(factor, powers)


def _ratio(x: float, y: float) -> float:
    return x / y if y != 0 else float("inf")


class UnitError(ValueError):
    """A unit that is not known, or that cannot become another."""


class UnitTable:
    """The units of the table and those that a file defines."""

    def __init__(self) -> None:
        self.definitions = dict(UNITS)

    def define(self, name: str, definition: str) -> None:
        """(name) = (definition). A name that means itself changes nothing."""
        own = {n for n, _ in re.findall(r"([A-Za-z%_]+)(\d*)", definition)}
        if name not in own:
            self.definitions[name] = definition

    def convert(self, source: str, target: str) -> float:
        """How many `target` one `source` is.

        Raises:
            UnitError: a unit is unknown, or the two measure different things.
        """
        one, other = self.evaluate(source), self.evaluate(target)
        if one.powers != other.powers:
            raise UnitError(f"({source}) and ({target}) do not measure the same quantity")
        if other.factor == 0:
            raise UnitError(f"({target}) is too small to convert to")
        return one.factor / other.factor

    def evaluate(self, text: str, depth: int = 0) -> Unit:
        """A unit text such as `uM/ms`, `/mM-ms`, `10000 coulomb`; after "/" all divides."""
        if depth > MAX_DEPTH:
            raise UnitError(f"unit ({text}) is defined by itself")
        unit, sign, offset = Unit(1.0), 1, 0
        text = text.strip()
        while offset < len(text):
            match = _WORD.match(text, offset)
            if match is None:
                raise UnitError(f'"{text[offset:].strip()}" is not a unit')
            offset = match.end()
            if match["slash"]:
                sign = -1
            elif match["number"]:
                number, _, divisor = match["number"].partition("|")
                if float(number) == 0 or float(divisor or 1) == 0:
                    raise UnitError(f"unit ({text}) is zero")
                unit = unit.times(Unit(float(number) / float(divisor or 1)), sign)
            elif match["name"]:
                if len(match["power"]) > 2:
                    raise UnitError(f"unit ({text}) has the power {match['power']}")
                power = sign * int(match["power"] or 1)
                unit = unit.times(self._look_up(match["name"], depth), power)
        return unit

    def _look_up(self, name: str, depth: int) -> Unit:
        if name in BASE:
            return Unit(1.0, tuple(int(b == name) for b in BASE))
        if name in self.definitions:
            return self.evaluate(self.definitions[name], depth + 1)
        if name.endswith("s") and len(name) > 2 and self._knows(name[:-1]):
            return self._look_up(name[:-1], depth + 1)
        for prefix in sorted(PREFIXES, key=len, reverse=True):
            rest = name[len(prefix) :]
            if name.startswith(prefix) and rest and self._knows(rest):
                found = self._look_up(rest, depth + 1)
                return Unit(PREFIXES[prefix] * found.factor, found.powers)
        if name in PREFIXES:
            return Unit(PREFIXES[name])
        raise UnitError(f"({name}) is not a known unit")

    def _knows(self, name: str) -> bool:
        if name in BASE or name in self.definitions:
            return True
        return name.endswith("s") and (name[:-1] in BASE or name[:-1] in self.definitions)
