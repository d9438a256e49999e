"""States that move along the cable, with every matrix written out; see `kernels.diffusion`."""

from __future__ import annotations

import numpy as np

from kernels.diffusion import Spread
from kernels.mechanism import Diffusing
from kernels.reference.instances import Fields, Population


def move_states(population: Population, spread: Spread, fields: Fields) -> None:
    """Move the states of one mechanism, whose kernel `diffuse` has run."""
    for one in population.mechanism.diffusing:
        for first, last in zip(spread.ptr[:-1], spread.ptr[1:], strict=True):
            if last > first:
                _move(population, spread, fields, one, range(first, last))


def _move(
    population: Population,
    spread: Spread,
    fields: Fields,
    one: Diffusing,
    cell: range,
) -> None:
    values = [population.values[i] for i in cell]
    node = population.group.node[cell.start : cell.stop]
    ion = fields.get(population.ions.get(one.state, ("", "")))
    state = np.array([v[one.state] for v in values]) if ion is None else ion[node]
    volume, flow = (np.array([v[name] for v in values]) for name in (one.volume, one.flow))
    conductance = np.zeros((len(cell), len(cell)))
    for i in cell:
        if spread.first_parent[i] >= 0:
            a, b = i - cell.start, spread.first_parent[i] - cell.start
            conductance[a, b] = conductance[b, a] = (flow[a] + flow[b]) * spread.reach[i]
    matrix = np.diag(volume * spread.share[cell.start : cell.stop] + conductance.sum(axis=1))
    inflow = (conductance * (state[None, :] - state[:, None])).sum(axis=1)
    state = state + np.linalg.solve(matrix - conductance, inflow)
    if ion is not None:
        ion[node] = state
        return
    for v, value in zip(values, state.tolist(), strict=True):
        v[one.state] = value
