"""Ions whose variables are words of Python: ion n has the current `in`, ion s the current `is`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.block import Probe
from kernels.nmodl import loads
from kernels.single import single_block

TEXT = """
NEURON {{ SUFFIX leak USEION {ion} READ e{ion} WRITE i{ion} VALENCE 1 RANGE g }}
PARAMETER {{ g = 0.001 }}
ASSIGNED {{ v e{ion} i{ion} }}
BREAKPOINT {{ i{ion} = g*(v - e{ion}) }}
"""


@pytest.mark.parametrize("ion", ["n", "s", "na"])
def test_the_current_of_the_ion(engine, ion):
    block = single_block(loads(TEXT.format(ion=ion)))
    probe = Probe(f"{ion}.i", np.zeros(1, np.int64), 1)
    made = engine(dataclasses.replace(block, probes=(probe,)))
    made.reset()
    (current,) = made.sample()
    assert current[0] == pytest.approx(0.001 * (-65.0 - block.ions[0].e[0]), rel=1e-12)
