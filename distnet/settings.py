"""How a network is simulated: step, temperature, method, mechanisms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distnet.errors import InputError

METHODS = ("backward-euler", "crank-nicolson")
PRECISIONS = ("double", "single")


@dataclass(frozen=True)
class Settings:
    """Everything about a simulation that is not the network.

    Attributes:
        dt: time step [ms].
        celsius: temperature [degC].
        v_init: initial membrane potential of cells that have none of their own [mV].
        method: "backward-euler" (first order) or "crank-nicolson" (second order).
        globals: GLOBAL variables of mechanisms, (mechanism, variable) -> value.
        exact: mechanisms whose TABLEs are not used (NEURON's usetable = 0); True for all.
        precision: "double", or "single": float32 states and voltages; see `kernels.precision`.
        seed: of all random streams, 0 to 2**32 - 1: the global index of NEURON's Random123.
        function_tables: values of FUNCTION_TABLEs, (mechanism, name) -> (arguments, values); the
            arguments rise, the function is linear between them and constant outside. Of a table
            of several arguments: ((arguments of the first, of the second, ...), array).
        mechanism_folders: folders of .mod files, besides the built-in ones.
    """

    dt: float = 0.025
    celsius: float = 6.3
    v_init: float = -65.0
    method: str = "backward-euler"
    precision: str = "double"
    globals: Mapping[tuple[str, str], float] = field(default_factory=dict)
    exact: bool | frozenset[str] = frozenset()
    seed: int = 0
    function_tables: Mapping[tuple[str, str], tuple[Sequence[Any], Any]] = field(
        default_factory=dict
    )
    mechanism_folders: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not (self.dt > 0.0 and math.isfinite(self.dt)):
            raise InputError("dt", f"the time step is {self.dt} ms; it must be positive")
        if self.method not in METHODS:
            raise InputError("method", f'"{self.method}" is not one of {", ".join(METHODS)}')
        if self.precision not in PRECISIONS:
            raise InputError("precision", f'"{self.precision}" is not one of double, single')
        for name in ("celsius", "v_init"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(name, f"{getattr(self, name)} is not a finite number")
        if not 0 <= self.seed < 2**32:
            raise InputError("seed", f"{self.seed} is not a whole number from 0 to {2**32 - 1}")

    def is_exact(self, mechanism: str) -> bool:
        """Whether a mechanism's TABLEs are left out."""
        return self.exact if isinstance(self.exact, bool) else mechanism in self.exact
