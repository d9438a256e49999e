"""Solving the cable equation of a group: one symmetric tree matrix a lane.

The matrix of a cell has `diagonal` on its diagonal and `-axial[i]` between node i and its first
parent. Rows are eliminated from the last to the first, as `kernels.schedule.Elimination` has it:
from row `n_plain` on a node may be condensed, before it Hines' elimination is left. A node adds to
others when its turn comes: that order is the bits of the sums, the same for any number of lanes.
"""

from __future__ import annotations

import numpy as np

from kernels.cpu.numerics import FUNCTIONS, single_functions
from kernels.jit import kept


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
def prepare_residual(
    n, lanes, first_parent, axial, leak, static, constant, voltage, diagonal, right
):
    """Start a step of single precision, which solves for the change of the voltage.

    `right` = what constant currents and neighbours bring at the present voltage: the difference of
    two voltages loses nothing in float32, where a sum of stored charges would. Children come before
    the parent, in descending order. `leak` (n,) f4 [uS] are constant conductances, `first_parent`
    (n,) i4 places of the parents before any node is eliminated.
    """
    for i in range(n):
        diagonal[i] = static[i]
        right[i] = constant[i] - leak[i] * voltage[i]
    for i in range(n - 1, lanes - 1, -1):
        p = first_parent[i]
        right[p] -= axial[i] * (voltage[p] - voltage[i])
    for i in range(n - 1, lanes - 1, -1):
        right[i] += axial[i] * (voltage[first_parent[i]] - voltage[i])


@kept
def add_change(n, half_step, right, voltage):
    """Add the change of a step; that of half a step (Crank-Nicolson) twice."""
    if half_step:
        for i in range(n):
            voltage[i] += right[i] + right[i]
    else:
        for i in range(n):
            voltage[i] += right[i]
