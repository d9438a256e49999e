"""The CUDA engine: one launch an epoch for every class of cells, each in a stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kernels.block import Block, Events, Instances, Spikes
from kernels.cable import make_cable
from kernels.cpu.pointers import links_of
from kernels.cpu.sampler import Sampler
from kernels.cuda.arrivals import Arrivals
from kernels.cuda.cards import Card
from kernels.cuda.choice import Chooser, kinds_of
from kernels.cuda.classes import CellClass, Schedules, Variant, classify
from kernels.cuda.common import common_values
from kernels.cuda.device import CudaDevice, Device
from kernels.cuda.diffusion import spread_arrays
from kernels.cuda.layout import I4, I8, place_instances, place_nodes
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.memory import Memory
from kernels.cuda.program import Program, make_program
from kernels.cuda.snapshot import load_state, save_state
from kernels.cuda.state import State
from kernels.errors import KernelsError, NotFinite, QueueOverflow
from kernels.precision import DOUBLE, Precision
from kernels.preparation import Prepared, prepare
from kernels.schedule import Elimination

#: What the kernels tell of a cell (`tell_status`).
IS_NOT_FINITE, IS_FULL, HAS_FIRED = 1, 2, 4
#: Events lie on the device with steps of 32 bits.
MOST_STEPS = np.iinfo(I4).max


class CudaEngine:
    """Advances a block on one device; see `kernels.engine.Engine`.

    Args:
        block: the cells.
        device: where; by default this process's GPU.
        forced: one variant for all cells, in place of the choice by size.
        precision: of states, voltages and the matrix.
    """

    def __init__(
        self,
        block: Block,
        device: Device | None = None,
        forced: Variant | None = None,
        precision: Precision = DOUBLE,
    ):
        self.device = CudaDevice() if device is None else device
        self.block, self.precision = block, precision
        prepared = prepare(block, precision)
        self.program = print_block(block, prepared)
        cable, schedules = make_cable(block), Schedules()
        plans = cable.plans
        card = self.device.card
        how = (card, plans, schedules, precision.n_byte, forced)
        order, self.classes = choose_classes(block, self.program, *how)
        nodes = place_nodes(block, cable, order, self.classes, schedules)
        placed = [place_instances(block, k, nodes) for k in range(len(block.mechanisms))]
        printers = self.program.printers
        diffusion = spread_arrays(block, printers, prepared.spreads, nodes, placed, schedules)
        self.state = State(block, prepared, printers, nodes, placed, diffusion)
        self.memory = Memory(self.device, self.program.fields)
        self.modules = [
            self.device.load(self.program.text, c.variant, "block") for c in self.classes
        ]
        self._turns = longest_first(self.classes, nodes.node_ptr[nodes.arrays["piece_ptr"]])
        state = self.state
        self.arrivals = Arrivals(state.cell_of_connection, state.n_cell, state.event_target)
        self.sampler = Sampler(block)
        self._is_fresh = True  # not advanced since it was reset

    def reset(self) -> None:
        """Initialise at step 0."""
        self.sampler.clear()
        self.state.fill(self.memory)
        self._is_fresh = True
        nothing = Events(np.zeros(0, I8), np.zeros(0), np.zeros(0, I4))
        self._launch("reset", 0, 0, nothing, self.sampler.open(0, 0))
        self._collect(0, 0)

    def advance(self, first: int, last: int, events: Events) -> Spikes:
        """Advance every cell from step `first` to step `last`."""
        return self.advance_beside(first, last, events, lambda: None)

    def advance_beside(
        self, first: int, last: int, events: Events, meanwhile: Callable[[], None]
    ) -> Spikes:
        """The same; `meanwhile` is called while the device computes."""
        if last > MOST_STEPS:
            raise KernelsError(f"step {last}: on a GPU a run has {MOST_STEPS} steps at most")
        samples = self.sampler.open(first, last)
        self._launch("advance", first, last, events, samples)
        meanwhile()
        left = self._collect(first, last)
        self._is_fresh = False
        samples["samples"][:] = left["samples"]
        return self._take_spikes(left)

    def read(self) -> list[np.ndarray]:
        """Samples since the last read, one (n_sample, n_place) array a probe."""
        return self.sampler.read()

    def sample(self) -> list[np.ndarray]:
        """The state right now, one (n_place,) array a probe."""
        arrays: dict[int, np.ndarray] = {}
        names = self.state.sampled_arrays()
        values = []
        for probe in self.block.probes:
            cell, array, place = self.state.locate(probe.variable, np.asarray(probe.place, I8))
            if array < 0:
                place = self.state.nodes.node_ptr[cell] + place
            if array not in arrays:
                name = names[array] if array >= 0 else "voltage"
                n = self.memory.capacity[name] // self.precision.n_byte
                arrays[array] = self.memory.get(name, self.precision.dtype, n)
            values.append(arrays[array][place].astype(np.float64))
        return values

    def save(self) -> dict[str, np.ndarray]:
        """The whole state; see `kernels.snapshot`."""
        return save_state(self)

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a state that `save` gave; the engine was reset before."""
        load_state(self, state)

    # --- an epoch ---

    def _launch(
        self, kernel: str, first: int, last: int, events: Events, samples: dict[str, np.ndarray]
    ) -> None:
        """Start a kernel on all cells."""
        n_source = len(self.state.source)
        self.memory.reserve("spike_step", 8 * ((last - first) // 2 + 1) * n_source)
        self.memory.lay_out(
            {
                "status": (I4, self.state.n_cell),
                "spike_count": (I4, n_source),
                "samples": (np.float64, len(samples["samples"])),
            }
        )
        self.memory.set_scalar("keep_fired", int(self._is_fresh))
        taken = {name: samples[name] for name in ("probe_first", "probe_offset")}
        table = self.memory.send(self.arrivals.arrange(first, events) | taken)
        self.device.synchronize()
        for stream, k in enumerate(self._turns):
            cells = self.classes[k]
            self.device.launch(
                self.modules[k],
                kernel,
                cells.n,
                cells.variant.threads,
                cells.n_shared,
                (table, first, last, cells.first),
                stream,
            )

    def _collect(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Wait for the kernels; what they left."""
        self.device.synchronize()
        left = self.memory.take()
        self._check(left["status"], first, last)
        return left

    def _take_spikes(self, left: dict[str, np.ndarray]) -> Spikes:
        """Crossings of this epoch, and spikes of artificial cells since the last call.

        Row k holds the k-th crossing of every detector: only rows that are used leave the device.
        """
        count = left["spike_count"]
        n_row = int(count.max(initial=0))
        rows = self.memory.get("spike_step", I8, n_row * len(count)).reshape(n_row, len(count))
        taken = np.arange(n_row) < count[:, None]
        step = rows.T[taken]
        source = np.repeat(self.state.source, count)
        time = step * self.block.dt
        if (left["status"] & HAS_FIRED).any():
            more = self._take_fired()
            step, time = np.append(step, more[0]), np.append(time, more[1])
            source = np.append(source, more[2])
        order = np.lexsort((source, time, step))
        return Spikes(step[order], time[order], source[order].astype(I4))

    def _take_fired(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ptr = self.memory.get("fired_ptr", I8, self.state.n_cell + 1)
        count = self.memory.get("fired_count", I8, 2 * self.state.n_cell)[::2]
        index = np.repeat(ptr[:-1] - np.cumsum(count) + count, count) + np.arange(count.sum())
        n = int(ptr[-1])
        fields = (("fired_step", I8), ("fired_time", np.float64), ("fired_source", I4))
        step, time, source = (self.memory.get(name, kind, n)[index] for name, kind in fields)
        return step, time, source

    def _check(self, status: np.ndarray, first: int, last: int) -> None:
        """Raise if self-events or spikes did not fit, or a voltage is no number."""
        if (status & IS_FULL).any():
            n = self.state.n_cell
            n_self, n_fired = (self.memory.get(f"{q}_ptr", I8, n + 1) for q in ("queue", "fired"))
            room = [int(np.diff(ptr).max(initial=0)) for ptr in (n_self, n_fired)]
            raise QueueOverflow(room[0], room[1], first, last)
        wrong = np.flatnonzero(status & IS_NOT_FINITE)
        if not len(wrong):
            return
        nodes = self.state.nodes
        voltage = self.memory.get("voltage", self.precision.dtype, len(nodes.node))
        at = np.flatnonzero(~np.isfinite(voltage))
        first = at[nodes.node[at].argmin()]
        node = int(nodes.node[first])
        cell = int(nodes.cell[nodes.piece[node]])
        raise NotFinite(node, cell, last, float(voltage[first]))


def print_block(block: Block, prepared: Prepared) -> Program:
    """The text of a block."""
    printers = [
        MechanismPrinter(
            k,
            mechanism,
            prepared.storages[k],
            prepared.keeps[k],
            _is_repeated(block.mechanisms[k]),
            prepared.precision,
            common_values(block, prepared, k),
        )
        for k, mechanism in enumerate(prepared.mechanisms)
    ]
    valences = {ion.name: ion.valence for ion in block.ions}
    how = (links_of(block), prepared.precision, prepared.spreads)
    return make_program(printers, prepared.live, valences, block.celsius, *how)


def _is_repeated(group: Instances) -> bool:
    """Whether several instances may sit on one node: point processes always may."""
    placed = group.node[group.node >= 0]
    return group.mechanism.kind == "point" or len(np.unique(placed)) < len(placed)


def choose_classes(
    block: Block,
    program: Program,
    card: Card,
    plans: Sequence[Elimination],
    schedules: Schedules,
    n_byte: int,
    forced: Variant | None = None,
) -> tuple[np.ndarray, list[CellClass]]:
    """Order of the cells and their classes: what the model finds fastest on a card.

    Args:
        block: the cells.
        program: its text.
        card: whose constants.
        plans: of every cell.
        schedules: where schedules are kept.
        n_byte: of a number.
        forced: a variant for all cells in place of the choice.
    """
    serial = serial_cells(block, program)
    if forced is not None:
        variants = [
            _fitted(replace(forced, serial=bool(s), condensed=plan.n_condensed > 0), bool(w))
            for s, w, plan in zip(serial, whole_cells(block), plans, strict=True)
        ]
        return classify(plans, variants, schedules, n_byte)
    whole = whole_cells(block)
    kinds, kind_of_cell = kinds_of(plans, serial, instance_counts(block), whole)
    chooser = Chooser(card, program.printers, schedules)
    chosen = chooser.choose(kinds)
    variants = [chosen[k] for k in kind_of_cell]
    order, classes = classify(plans, variants, schedules, n_byte)
    for k, one in enumerate(classes):
        own = [kind for kind, v in zip(kinds, chosen, strict=True) if v == one.variant]
        room = chooser.shared_to_hold(chooser.group(own, one.variant), one.variant)
        classes[k] = replace(one, n_shared=max(one.n_shared, room))
    return order, classes


def longest_first(classes: Sequence[CellClass], node_ptr: np.ndarray) -> list[int]:
    """An order of launches: the class with the largest cell first, which others then run beside.

    Args:
        classes: whose first cell is their largest.
        node_ptr: (n_cell + 1,) of cells in the order of the device.
    """
    size = np.diff(node_ptr)
    return sorted(range(len(classes)), key=lambda k: -int(size[classes[k].first]))


def _fitted(variant: Variant, whole: bool) -> Variant:
    """A variant that can advance a cell which may have to be whole."""
    return replace(variant, large=True, tile=0) if variant.tile and whole else variant


def whole_cells(block: Block) -> np.ndarray:
    """(n_cell,) bool, cells that cannot be advanced in pieces.

    POINTERs and diffusion reach from node to node, and a voltage that an event sets is what its
    neighbours see.
    """
    whole = np.zeros(block.n_cell, bool)
    for group in block.mechanisms:
        mechanism = group.mechanism
        sets_voltage = mechanism.receive is not None and "v" in mechanism.receive.stores
        if group.pointers or mechanism.diffusing or sets_voltage:
            whole[group.cell] = True
    return whole


def instance_counts(block: Block) -> np.ndarray:
    """(n_cell, n_mechanism) i8 instances."""
    counts = np.zeros((block.n_cell, len(block.mechanisms)), I8)
    for k, group in enumerate(block.mechanisms):
        counts[:, k] = np.bincount(group.cell, minlength=block.n_cell)
    return counts


def serial_cells(block: Block, program: Program) -> np.ndarray:
    """(n_cell,) bool, cells with a mechanism whose events must come one after the other."""
    serial = np.zeros(block.n_cell, bool)
    for group, printer in zip(block.mechanisms, program.printers, strict=True):
        if printer.is_serial:
            serial[group.cell] = True
    return serial
