"""LONGITUDINAL_DIFFUSION: taken where nothing can move, refused where a state would."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels import Events, KernelsError, Probe, make_engine
from kernels.block import Block
from kernels.nmodl import loads
from kernels.single import single_block

TEXT = """
NEURON { SUFFIX spread }
PARAMETER { D = 0.6 }
STATE { ca[3] bound }
INITIAL { FROM i = 0 TO 2 { ca[i] = i } }
BREAKPOINT { SOLVE scheme METHOD sparse }
KINETIC scheme {
    COMPARTMENT i, 2 + i {ca}
    LONGITUDINAL_DIFFUSION i, D*(2 + i) {ca}
    FROM i = 0 TO 1 { ~ ca[i] <-> ca[i+1] (3, 1) }
    ~ ca[0] <-> bound (1, 2)
}
"""


def cells(parent: list[int], area: list[float], node: list[int]) -> Block:
    """One cell of these nodes, with the mechanism on some of them."""
    block = single_block(loads(TEXT))
    n = len(parent)
    group = dataclasses.replace(
        block.mechanisms[0], node=np.array(node, np.int32), cell=np.zeros(len(node), np.int32)
    )
    return dataclasses.replace(
        block,
        cell_ptr=np.array([0, n]),
        parent=np.array(parent, np.int32),
        axial=np.array([0.0] + [0.1] * (n - 1)),
        area=np.array(area),
        capacitance=np.array(area) * 1e-5,
        diam=np.full(n, 10.0),
        v_init=np.full(n, -65.0),
        mechanisms=(group,),
    )


def test_a_cell_of_one_compartment_keeps_its_amount():
    block = cells([-1], [1000.0], [0])
    probes = [Probe(f"spread.ca_{i}_", np.zeros(1, np.int64), 1) for i in range(3)]
    probes.append(Probe("spread.bound", np.zeros(1, np.int64), 1))
    engine = make_engine(dataclasses.replace(block, probes=tuple(probes)), "reference")
    engine.reset()
    nothing = np.zeros(0, np.int64)
    engine.advance(0, 5, Events(nothing, nothing.astype(float), nothing.astype(np.int32)))
    values = np.array([array[:, 0] for array in engine.read()])
    amount = np.array([2.0, 3.0, 4.0, 1.0]) @ values
    np.testing.assert_allclose(amount, amount[0], rtol=1e-14)
    assert np.ptp(values[0]) > 0.02


@pytest.mark.parametrize(
    ("parent", "area", "node"),
    [
        ([-1, 0], [9.0, 9.0], [0, 1]),
        ([-1, 0, 1], [9.0, 0.0, 9.0], [0, 2]),  # where two sections meet
        ([-1, 0, 0], [0.0, 9.0, 9.0], [1, 2]),  # both on the first point of the cell
        ([-1, 0, 1, 1], [9.0, 0.0, 9.0, 9.0], [2, 3]),  # two branches
    ],
)
@pytest.mark.parametrize("backend", ["reference", "cpu", "null"])
def test_compartments_that_meet_are_refused(parent, area, node, backend):
    with pytest.raises(KernelsError, match="spread: LONGITUDINAL_DIFFUSION of ca between"):
        make_engine(cells(parent, area, node), backend)


def test_compartments_apart_are_taken():
    make_engine(cells([-1, 0, 1, 2], [9.0, 9.0, 0.0, 9.0], [0, 3]), "reference").reset()
