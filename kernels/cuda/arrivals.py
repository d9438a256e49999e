"""Events of an epoch, brought into the order of the device: by cell, as they come within a cell."""

from __future__ import annotations

import numpy as np

from kernels.block import Events
from kernels.cuda.layout import I4, I8
from kernels.jit import kept


class Arrivals:
    """Sorts the events of a block.

    Args:
        cell: (n_connection,) of the device, that each connection leads to.
        n_cell: of the device.
        targets: (n_connection,) arrays that go to the device with every event.
    """

    def __init__(self, cell: np.ndarray, n_cell: int, targets: dict[str, np.ndarray]):
        self._cell, self._n_cell, self._targets = cell, n_cell, targets

    def arrange(self, first: int, events: Events) -> dict[str, np.ndarray]:
        """Events from step `first` on; `event_ptr` says where those of each cell begin."""
        bounds = np.zeros(self._n_cell + 1, I4)
        order = np.empty(len(events.step), I8)
        n = sort_by_cell(first, events.step, events.connection, self._cell, bounds, order)
        order = order[:n]
        connection = events.connection[order]
        return {
            "event_ptr": bounds,
            "event_step": events.step[order].astype(I4),
            "event_time": events.time[order].astype(np.float64),
            **{name: values[connection] for name, values in self._targets.items()},
        }


@kept
def sort_by_cell(first, step, connection, cell, bounds, order):
    """Stable counting sort: fill bounds (n_cell + 1) and order (n_event); how many are due."""
    for e in range(len(step)):
        if step[e] >= first:
            bounds[cell[connection[e]] + 1] += 1
    for c in range(len(bounds) - 1):
        bounds[c + 1] += bounds[c]
    place = bounds[:-1].copy()
    for e in range(len(step)):
        if step[e] >= first:
            c = cell[connection[e]]
            order[place[c]] = e
            place[c] += 1
    return bounds[-1]
