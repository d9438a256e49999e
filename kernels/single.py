"""A block of one cell of one compartment with one mechanism: to compile that mechanism alone."""

from __future__ import annotations

import numpy as np

from kernels.block import Block, Instances, Ion
from kernels.function_table import empty_table
from kernels.mechanism import Mechanism

#: Charge of ions that a mechanism may leave unsaid.
VALENCES = {"na": 1.0, "k": 1.0, "ca": 2.0}


def single_block(mechanism: Mechanism) -> Block:
    """One instance, with a connection onto it where it has a NET_RECEIVE."""
    artificial = mechanism.kind == "artificial"
    n_node, n_connection = int(not artificial), int(mechanism.receive is not None)
    node = np.full(1, -1 if artificial else 0, np.int32)

    def each(value: float) -> np.ndarray:
        return np.full(n_node, value)

    ions = tuple(
        Ion(use.ion, _valence(use.ion, use.valence), each(0.0), each(1.0), each(1.0))
        for use in {use.ion: use for use in mechanism.ions}.values()
    )
    return Block(
        dt=0.025,
        celsius=25.0,
        method="backward-euler",
        cell_ptr=np.array([0, n_node], np.int64),
        parent=np.full(n_node, -1, np.int32),
        axial=each(0.0),
        capacitance=each(0.01),
        area=each(1000.0),
        diam=each(10.0),
        v_init=each(-65.0),
        mechanisms=(Instances(mechanism, node, np.zeros(1, np.int32)),),
        ions=ions,
        globals={(mechanism.name, name): 0.0 for name in mechanism.externals},
        source_node=np.full(int(artificial), -1, np.int32),
        source_threshold=np.zeros(int(artificial)),
        source_instance=np.zeros((int(artificial), 2), np.int32),
        connection_target=np.zeros((n_connection, 2), np.int32),
        weight=np.zeros(n_connection),
        function_tables={
            (mechanism.name, name): empty_table(n) for name, n in mechanism.function_tables.items()
        },
    )


def _valence(ion: str, given: float | None) -> float:
    return VALENCES.get(ion, 1.0) if given is None else given
