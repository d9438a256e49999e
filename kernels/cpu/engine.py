"""The CPU engine: advances groups of cells, one after the other, each through the whole epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from kernels.block import Block, Events, Spikes
from kernels.cable import make_cable
from kernels.cpu.layout import group_cells
from kernels.cpu.placement import place_block
from kernels.cpu.pointers import links_of
from kernels.cpu.program import make_program
from kernels.cpu.sampler import Sampler
from kernels.cpu.signatures import calls_of
from kernels.cpu.snapshot import load_state, save_state
from kernels.cpu.state import GroupState
from kernels.cpu.turns import compile_cold
from kernels.errors import NotFinite
from kernels.precision import DOUBLE, Precision
from kernels.preparation import prepare

NOTHING = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))


class CpuEngine:
    """Advances a block on one core; see `kernels.engine.Engine`."""

    def __init__(self, block: Block, precision: Precision = DOUBLE):
        """Lay out the block and compile its functions (or load them from the cache)."""
        self.block, self.precision = block, precision
        prepared = prepare(block, precision)
        self.mechanisms = prepared.mechanisms
        self.storages, self.live = prepared.storages, prepared.live
        self.followed = prepared.followed
        self.spreads = prepared.spreads
        self.program = make_program(
            list(prepared.mechanisms),
            list(prepared.storages),
            list(prepared.keeps),
            self.live,
            {ion.name: ion.valence for ion in block.ions},
            block.celsius,
            links_of(block),
            precision,
            self.spreads,
        )
        self.cable = make_cable(block)
        layout = group_cells(block, self.cable)
        self.placement = place_block(block, layout)
        tables = list(prepared.tables)
        self.groups = [GroupState(self, k, group, tables) for k, group in enumerate(layout)]
        for group in self.groups[:1]:  # of one program: the types are those of every group
            compile_cold(calls_of(self.program, group))
        self.sampler = Sampler(block)
        self.seconds = np.zeros(len(self.groups))  # processor time of each group

    def reset(self) -> None:
        """Initialise at step 0."""
        self.sampler.clear()
        for group in self.groups:
            group.reset()

    def advance(self, first: int, last: int, events: Events) -> Spikes:
        """Advance every group from step `first` to step `last`."""
        samples = self.sampler.open(first, last)
        owner = self.placement.connections.group[events.connection]
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(self.groups) + 1))
        fired = [NOTHING]
        for k, group in enumerate(self.groups):
            mine = order[bounds[k] : bounds[k + 1]]
            connection = self.placement.connections.position[events.connection[mine]]
            begin = time.thread_time()
            group.advance(first, last, events.step[mine], events.time[mine], connection, samples)
            self.seconds[k] += time.thread_time() - begin
            fired.append(group.take_spikes())
            self._check(group, last)
        step, when, source = (np.concatenate(part) for part in zip(*fired, strict=True))
        order = np.lexsort((source, when, step))
        return Spikes(step[order], when[order], source[order])

    def save(self) -> dict[str, np.ndarray]:
        """The whole state; see `kernels.snapshot`."""
        return save_state(self)

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a state that `save` gave; the engine was reset before."""
        load_state(self, state)

    def cell_seconds(self) -> np.ndarray:
        """Processor time spent on each cell since the engine was made, (n_cell,) f8 [s].

        Cells of one group advance together and share its time by their nodes.
        """
        found = np.zeros(self.block.n_cell)
        size = np.diff(self.block.cell_ptr) + 1.0
        for seconds, group in zip(self.seconds, self.groups, strict=True):
            cells = group.layout.cells
            found[cells] = seconds * size[cells] / size[cells].sum()
        return found

    def read(self) -> list[np.ndarray]:
        """Samples since the last read, one (n_sample, n_place) array a probe."""
        return self.sampler.read()

    def sample(self) -> list[np.ndarray]:
        """The state right now, one (n_place,) array a probe."""
        values = [np.zeros(len(probe.place)) for probe in self.block.probes]
        for group in self.groups:
            group.sample_into(values)
        return values

    def _check(self, group: GroupState, step: int) -> None:
        voltage = group.voltage[group.layout.place]
        if np.isfinite(voltage).all():
            return
        bad = int(np.flatnonzero(~np.isfinite(voltage))[0])
        node = int(group.layout.node[bad])
        cell = int(np.searchsorted(self.block.cell_ptr, node, side="right")) - 1
        raise NotFinite(node, cell, step, float(voltage[bad]))


__all__ = ["CpuEngine"]
