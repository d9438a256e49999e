"""Step 0 of a group of cells, in NEURON's order.

Voltages; ions, with reversal potentials that follow concentrations; parameters and default states;
INITIAL of every mechanism, those that write a concentration first; INITIAL of every connection;
currents that never change into the matrix's own part; the other currents once, so that they can be
sampled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.cpu.solver import REVERSALS, update_reversal
from kernels.mechanism import IonUse
from kernels.precision import RESTS, split
from kernels.storage import ion_variables, writes_concentration

if TYPE_CHECKING:
    from kernels.cpu.state import GroupState


def initialise(state: GroupState) -> None:
    """Bring all arrays of a group to step 0."""
    block, program = state.engine.block, state.engine.program
    state.voltage[:] = 0.0
    state.voltage[state.layout.place] = block.v_init[state.layout.node]
    state.diagonal[:], state.right[:] = 1.0, 0.0
    state.detector_above[:] = False
    state.self_count[:], state.spike_count[:] = 0, 0
    _reset_ions(state)
    for k in range(len(state.slices)):
        _fill(state, k)
    _run_all(state, "before_initial")
    for k, group in enumerate(block.mechanisms):
        if len(state.slices[k].index):
            state.run("init", k)
            if "derive" in program.functions[k]:
                state.run("derive", k)
        if writes_concentration(group.mechanism):
            _follow(state, group.mechanism.ions)
    _reset_connections(state)
    _run_all(state, "after_initial")
    _run_all(state, "before_breakpoint")
    for name, array in state.ions.items():
        if name.endswith("_i"):
            array[:] = 0.0
    _add_constant_currents(state)
    for k, functions in enumerate(program.functions):
        kernel = "observe" if program.constant[k] else "current"
        if kernel in functions and len(state.slices[k].index):
            state.run(kernel, k)
    _run_all(state, "before_step")


def _run_all(state: GroupState, kernel: str) -> None:
    """Run a kernel of every mechanism that has it."""
    for k, functions in enumerate(state.engine.program.functions):
        if kernel in functions and len(state.slices[k].index):
            state.run(kernel, k)


def _add_constant_currents(state: GroupState) -> None:
    """Conductances, and currents at 0 mV, of constant mechanisms into the matrix's own part."""
    n = state.layout.n_node
    voltage = state.voltage.copy()
    state.voltage[:], state.diagonal[:], state.right[:] = 0.0, 0.0, 0.0
    for k, constant in enumerate(state.engine.program.constant):
        if constant and len(state.slices[k].index):
            state.run("current", k)
    state.leak[:] = state.diagonal[:n]
    state.static[:] = state.passive + state.leak
    state.constant[:] = state.right[:n]
    state.voltage[:] = voltage


def _reset_ions(state: GroupState) -> None:
    """Concentrations and reversal potentials that change, as the block gives them."""
    for ion in state.engine.block.ions:
        for field in ("e", "ci", "co"):
            array = state.ions.get(f"{ion.name}_{field}")
            if array is not None:
                array[:] = 1.0
                array[state.layout.place] = getattr(ion, field)[state.layout.node]
    for ion in state.engine.block.ions:
        _reverse(state, ion.name)


def _reverse(state: GroupState, name: str) -> None:
    """Set the reversal potentials of an ion that follow its concentrations."""
    arrays = [state.ions.get(f"{name}_{field}") for field in ("ci", "co", "e")]
    local = state.places(state.engine.followed[name][0])
    local = local[local < state.spare]
    if len(local) and all(array is not None for array in arrays):
        valence = next(i.valence for i in state.engine.block.ions if i.name == name)
        follow = REVERSALS[state.engine.precision.name]
        follow(local, *arrays, valence, state.engine.block.celsius)


def _follow(state: GroupState, uses: tuple[IonUse, ...]) -> None:
    """Reversal potentials after INITIAL of a mechanism that wrote a concentration."""
    for use in uses:
        if {"ci", "co"} & use.writes:
            _reverse(state, use.ion)


def _fill(state: GroupState, k: int) -> None:
    """Parameters, ion values that never change, areas and initial states into the tiles."""
    part, storage = state.slices[k], state.engine.storages[k]
    if not len(part.index):
        return
    lanes = state.engine.precision.lanes
    tiles = part.data.reshape(-1, len(storage.slots), lanes)
    filled = np.minimum(np.arange(tiles.shape[0] * lanes), len(part.index) - 1)
    instance = part.index[filled]
    for name, slot in storage.slots.items():
        value = np.broadcast_to(_start(state, k, name, instance), instance.shape)
        tiles[:, slot, :] = value.reshape(-1, lanes)


def _start(state: GroupState, k: int, name: str, instance: np.ndarray) -> np.ndarray | float:
    """Values of a slot at some instances before INITIAL."""
    group, storage = state.engine.block.mechanisms[k], state.engine.storages[k]
    for part, prefix in enumerate(RESTS, start=1):
        if name.removeprefix(prefix) in storage.times and name.startswith(prefix):
            whole = _start(state, k, name.removeprefix(prefix), instance)
            return split(np.asarray(whole, np.float64))[part]
    node, ions = group.node[instance], ion_variables(group.mechanism)
    if name in ions and name not in storage.gathered:
        return _static_ion(state, *ions[name])[node]
    if name in group.parameters:
        return group.parameters[name][instance]
    variables = group.mechanism.variables()
    return variables[name].default if name in variables else _geometry(state, name, node)


def _static_ion(state: GroupState, ion: str, field: str) -> np.ndarray:
    """Values [mV, mM] over the nodes of the block of an ion field that no kernel changes."""
    block = state.engine.block
    if field == "i":
        return np.zeros(block.n_node)
    record = next(i for i in block.ions if i.name == ion)
    values = np.array(getattr(record, field), np.float64)
    if field == "e":
        start, _ = state.engine.followed[ion]
        inside, outside = (np.asarray(c, np.float64) for c in (record.ci, record.co))
        update_reversal(start, inside, outside, values, record.valence, block.celsius)
    return values


def _geometry(state: GroupState, name: str, node: np.ndarray) -> np.ndarray | float:
    """Values of a helper slot, of diam or of area at some nodes of the block."""
    block = state.engine.block
    if name == "_weight":
        return 0.01 * block.area[node]
    if name == "_per_area":
        area = block.area[node]
        return np.where(area > 0.0, 100.0 / np.where(area > 0.0, area, 1.0), 1.0)
    if name == "area":
        return np.where(block.area[node] > 0.0, block.area[node], 100.0)
    return block.diam[node] if name == "diam" else 0.0


def _reset_connections(state: GroupState) -> None:
    """First argument: the weight; the others 0, then INITIAL of NET_RECEIVE."""
    state.weights[:] = 0.0
    state.weights[state.connection_weight] = state.engine.block.weight[state.connections]
    for k, functions in enumerate(state.engine.program.functions):
        if "receive_init" not in functions:
            continue
        shared = state.shared(k)
        for c in np.flatnonzero(state.connection_mechanism == k):
            target = (int(state.connection_instance[c]), state.weights)
            place = (int(state.connection_weight[c]), 0.0)
            head = (shared[0], shared[1], *target, *place)
            functions["receive_init"](*head, *shared[4:], *state.outbox(k))
