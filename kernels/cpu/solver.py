"""Solving the cable equation of a group: one symmetric tree matrix a lane.

The matrix of a cell has `diagonal` on its diagonal and `-axial[i]` between node i and its first
parent. Rows are eliminated from the last to the first, as `kernels.schedule.Elimination` has it:
from row `n_plain` on a node may be condensed, before it Hines' elimination is left. A node adds to
others when its turn comes: that order is the bits of the sums, the same for any number of lanes.
"""

from __future__ import annotations

import numpy as np

from kernels.cpu.numerics import FUNCTIONS, single_functions
from kernels.jit import inlined, kept


@kept
def solve_cable(lanes, n, n_plain, parent, other, axial, coupling, far_coupling, diagonal, right):
    """Solve in place: `right` becomes the new voltage, `diagonal` its inverse pivots.

    Args:
        lanes: cells side by side.
        n: number of places, lanes * rows.
        n_plain: places before the first that may be condensed; n: none is.
        parent: (n,) i4 place of the parent; unused in the first row.
        other: (n,) i4 place of the other neighbour, -1: none; read from `n_plain` on.
        axial: (n,) f8 [uS] to the first parent; 0 in idle places.
        coupling: (n,) f8 [uS] becomes that to the parent; `axial` itself if none is condensed.
        far_coupling: (n,) f8 [uS] becomes that to the other; used from `n_plain` on.
        diagonal: (n,) f8 [uS]
        right: (n,) f8 [nA]
    """
    if n_plain < n:
        for i in range(n):
            coupling[i] = axial[i]
    for i in range(n - 1, n_plain - 1, -1):
        diagonal[i] = 1.0 / diagonal[i]
        inverse = diagonal[i]
        p, o = parent[i], other[i]
        factor = coupling[i] * inverse
        diagonal[p] -= factor * coupling[i]
        right[p] += factor * right[i]
        if o >= 0:
            far = coupling[o]
            far_factor = far * inverse
            diagonal[o] -= far_factor * far
            right[o] += far_factor * right[i]
            coupling[o] = factor * far
            far_coupling[i] = far
    for i in range(n_plain - 1, lanes - 1, -1):
        diagonal[i] = 1.0 / diagonal[i]
        inverse = diagonal[i]
        p = parent[i]
        factor = coupling[i] * inverse
        diagonal[p] -= factor * coupling[i]
        right[p] += factor * right[i]
    _substitute(lanes, n, n_plain, parent, other, coupling, far_coupling, diagonal, right)


@inlined
def _substitute(lanes, n, n_plain, parent, other, coupling, far_coupling, diagonal, right):
    """From the roots to the tips, with inverse pivots in `diagonal`."""
    for i in range(min(lanes, n)):
        right[i] = right[i] / diagonal[i]
    for i in range(lanes, n_plain):
        right[i] = (right[i] + coupling[i] * right[parent[i]]) * diagonal[i]
    for i in range(n_plain, n):
        known = right[i] + coupling[i] * right[parent[i]]
        if other[i] >= 0:
            known += far_coupling[i] * right[other[i]]
        right[i] = known * diagonal[i]


_nernst = FUNCTIONS["nernst"]
_nernst_single, _float32 = single_functions()["nernst"], np.float32
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@kept
def update_reversal(place, inside, outside, reversal, valence, celsius):
    """Reversal potentials [mV] from concentrations [mM], at some places."""
    for i in place:
        reversal[i] = _nernst(inside[i], outside[i], valence, celsius)


@kept
def update_reversal_single(place, inside, outside, reversal, valence, celsius):
    """The same in float32."""
    z, celsius_single = _float32(valence), _float32(celsius)
    for i in place:
        reversal[i] = _nernst_single(inside[i], outside[i], z, celsius_single)


#: By name of the precision.
REVERSALS = {"double": update_reversal, "single": update_reversal_single}


@kept
def prepare_matrix(n, storage, static, constant, voltage, diagonal, right):
    """Start a step: `diagonal` = `static`, `right` = stored charge over the step + `constant`.

    `storage` (n,) f8 [uS] is the capacitance over the implicit step, `static` (n,) f8 [uS] that
    plus the axial conductances of the node and constant conductances, `constant` (n,) f8 [nA] what
    constant currents add (`kernels.constant`).
    """
    for i in range(n):
        diagonal[i] = static[i]
        right[i] = storage[i] * voltage[i] + constant[i]


@kept
def update_voltage(n, half_step, right, voltage):
    """Take over the solution; of a half step (Crank-Nicolson) make a whole one."""
    if half_step:
        for i in range(n):
            voltage[i] = 2.0 * right[i] - voltage[i]
    else:
        for i in range(n):
            voltage[i] = right[i]


@kept
def prepare_change(n, leak, static, constant, voltage, diagonal, right):
    """Start a step of single precision: `right` = what constant currents bring at this voltage.

    `leak` (n,) f4 [uS] are constant conductances.
    """
    for i in range(n):
        diagonal[i] = static[i]
        right[i] = constant[i] - leak[i] * voltage[i]


@inlined
def _coupled(coupling, difference):
    """The size of a coupling and what flows through it; nothing through one that was made."""
    return abs(coupling), max(coupling, _ZERO) * difference


@kept
def solve_change(
    lanes, n, n_plain, parent, other, axial, coupling, far_coupling, voltage, diagonal, right
):
    """Solve as `solve_cable` does, in single precision: `right` becomes the change of the voltage.

    What flows between two neighbours at the present voltage is added to both when the first of them
    is eliminated: the difference of two voltages loses nothing in float32, where a sum of stored
    charges would. A coupling that condensing made is negative here: it carries a change, no flow.
    """
    if n_plain < n:
        for i in range(n):
            coupling[i] = axial[i]
    for i in range(n - 1, n_plain - 1, -1):
        diagonal[i] = _ONE / diagonal[i]
        inverse = diagonal[i]
        p, o = parent[i], other[i]
        near, flow = _coupled(coupling[i], voltage[p] - voltage[i])
        right[i] += flow
        factor = near * inverse
        diagonal[p] -= factor * near
        if o >= 0:
            far, far_flow = _coupled(coupling[o], voltage[o] - voltage[i])
            right[i] += far_flow
            far_factor = far * inverse
            diagonal[o] -= far_factor * far
            right[o] += far_factor * right[i] - far_flow
            coupling[o] = -(factor * far)
            far_coupling[i] = far
        right[p] += factor * right[i] - flow
    for i in range(n_plain - 1, lanes - 1, -1):
        diagonal[i] = _ONE / diagonal[i]
        inverse = diagonal[i]
        p = parent[i]
        near, flow = _coupled(coupling[i], voltage[p] - voltage[i])
        right[i] += flow
        factor = near * inverse
        diagonal[p] -= factor * near
        right[p] += factor * right[i] - flow
    if n_plain < n:
        for i in range(n):
            coupling[i] = abs(coupling[i])
    _substitute(lanes, n, n_plain, parent, other, coupling, far_coupling, diagonal, right)


@kept
def add_change(n, half_step, right, voltage):
    """Add the change of a step; that of half a step (Crank-Nicolson) twice."""
    if half_step:
        for i in range(n):
            voltage[i] += right[i] + right[i]
    else:
        for i in range(n):
            voltage[i] += right[i]
