"""Ways to write small mechanisms and to run their kernels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernels.mechanism import Kernel, Mechanism
from kernels.nmodl import loads
from kernels.nmodl.python import run


def density(body: str, declarations: str = "", neuron: str = "NONSPECIFIC_CURRENT i") -> str:
    return f"NEURON {{ SUFFIX x {neuron} }}\nASSIGNED {{ v i }}\n{declarations}\n{body}\n"


@pytest.fixture
def compile_density() -> Callable[..., Mechanism]:
    """`compile_density(body, declarations="", neuron=...)`: a small density mechanism."""

    def make(body: str, declarations: str = "", neuron: str = "NONSPECIFIC_CURRENT i") -> Mechanism:
        return loads(density(body, declarations, neuron), "x.mod")

    return make


@pytest.fixture
def execute() -> Callable[..., dict[str, float]]:
    """`execute(mechanism, kernel, **values)`: run a kernel from default values; returns all."""

    def go(mechanism: Mechanism, kernel: Kernel, **values: float) -> dict[str, float]:
        space = {n: x.default for n, x in {**mechanism.globals, **mechanism.variables()}.items()}
        space |= {"v": -65.0, "dt": 0.025, "t": 0.0, "celsius": 6.3, "diam": 1.0, "area": 100.0}
        return run(kernel, {**space, **values})

    return go
