"""The step in plain NumPy: every matrix written out in full, every instance run by Python."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from kernels.block import Block, Events, Spikes
from kernels.diffusion import make_spreads
from kernels.errors import NotFinite
from kernels.intrinsics import nernst
from kernels.mechanism import Kernel
from kernels.reference.diffusion import move_states
from kernels.reference.instances import Population
from kernels.reference.snapshot import load_state, save_state
from kernels.storage import reversal_nodes, writes_concentration

ROW = 64  # room for the arguments of a connection
ROUND = 1e-9  # steps: what counts as the very middle of a step


class ReferenceEngine:
    """Advances a block, slowly; see `kernels.engine.Engine`."""

    def __init__(self, block: Block):
        self.block = block
        self.populations = [Population(block, group) for group in block.mechanisms]
        for population in self.populations:
            population.join(self.populations)
        self.followed = {ion.name: reversal_nodes(block, ion.name) for ion in block.ions}
        implicit = block.dt if block.method == "backward-euler" else 0.5 * block.dt
        self.storage = block.capacitance / implicit
        self.spreads = make_spreads(block)
        self.matrices = [self._matrix(cell) for cell in range(block.n_cell)]
        self.source_of = {
            (int(m), int(i)): k for k, (m, i) in enumerate(block.source_instance) if m >= 0
        }

    def _matrix(self, cell: int) -> np.ndarray:
        """(n, n) conductances between the nodes of a cell, plus stored charge over dt [uS]."""
        block = self.block
        first, last = block.cell_ptr[cell], block.cell_ptr[cell + 1]
        matrix = np.diag(self.storage[first:last])
        for node in range(first, last):
            parent = block.parent[node]
            if parent >= 0:
                i, j, g = node - first, parent - first, block.axial[node]
                matrix[i, i] += g
                matrix[j, j] += g
                matrix[i, j] -= g
                matrix[j, i] -= g
        return matrix

    # --- initialisation ---

    def reset(self) -> None:
        """Initialise at step 0."""
        block = self.block
        self.voltage = block.v_init.astype(np.float64).copy()
        self.fields = {
            (ion.name, field): np.array(getattr(ion, field), np.float64)
            for ion in block.ions
            for field in ("e", "ci", "co")
        }
        self.fields |= {(ion.name, "i"): np.zeros(block.n_node) for ion in block.ions}
        self.above = np.zeros(len(block.source_node), bool)
        self.pending: list[tuple] = []
        self.weights: list[list[float]] = []
        self.count = itertools.count()
        self.fired: list[tuple[int, float, int]] = []
        self.rows: list[list[np.ndarray]] = [[] for _ in block.probes]
        for population in self.populations:
            population.reset()
        for ion in self.followed:
            self._reverse(ion, 0)
        self._run_all("before_initial", 0.0)
        for m, population in enumerate(self.populations):
            for i in range(population.group.n):
                self._run(m, population.mechanism.init, i, 0.0, 0, self.no_arguments(m))
            if writes_concentration(population.mechanism):
                for use in population.mechanism.ions:
                    self._reverse(use.ion, 0)
        self.weights = [self._arguments(c) for c in range(len(block.weight))]
        self._run_all("after_initial", 0.0)
        self._run_all("before_breakpoint", 0.0)
        self._currents(0.0)
        self._run_all("before_step", 0.0)

    def _run_all(self, kernel: str, t: float) -> None:
        """Run a kernel of every instance of every mechanism."""
        for population in self.populations:
            if getattr(population.mechanism, kernel).body:
                for i in range(population.group.n):
                    population.run(
                        getattr(population.mechanism, kernel), i, self.fields, self.voltage, t
                    )

    def no_arguments(self, m: int) -> list[float]:
        """What a self-event of INITIAL carries: it belongs to no connection."""
        receive = self.populations[m].mechanism.receive
        return [0.0] * len(receive.args) if receive else []

    def _arguments(self, connection: int) -> list[float]:
        m, i = (int(k) for k in self.block.connection_target[connection])
        mechanism = self.populations[m].mechanism
        arguments = [float(self.block.weight[connection])]
        arguments += [0.0] * (len(mechanism.receive.args) - 1 if mechanism.receive else 0)
        if mechanism.receive_init is not None:
            self._run(m, mechanism.receive_init, i, 0.0, 0, arguments)
        return arguments

    def _reverse(self, ion: str, when: int) -> None:
        """Reversal potentials from concentrations: when = 0 at initialisation, 1 in a step."""
        valence = next(one.valence for one in self.block.ions if one.name == ion)
        for node in self.followed[ion][when]:
            inside, outside = (float(self.fields[ion, f][node]) for f in ("ci", "co"))
            self.fields[ion, "e"][node] = nernst(inside, outside, valence, self.block.celsius)

    def _run(
        self,
        m: int,
        kernel: Kernel,
        i: int,
        t: float,
        step: int,
        arguments: list[float],
        flag: float = 0.0,
    ) -> None:
        """Run init or a NET_RECEIVE kernel, with what it may call."""
        population = self.populations[m]
        extra = dict(zip(kernel.args, arguments, strict=False)) | {"flag": flag}
        functions = {
            "net_send": lambda delay, f: self._send(t + delay, f, m, i, arguments),
            "net_move": lambda time: self._move(time, m, i),
            "net_event": lambda time: self._fire(step, time, m, i),
            **self._connections_of(m, arguments),
            "train": lambda index: self._train(m, i, int(index)),
        }
        values = population.run(kernel, i, self.fields, self.voltage, t, extra, functions)
        for k, name in enumerate(kernel.args[: len(arguments)]):
            arguments[k] = values[name]

    def _connections_of(self, m: int, arguments: list[float]) -> dict[str, Callable]:
        """What FOR_NETCONS calls: row k of connection c lies at ROW * c + k, others below 0."""
        if not self.populations[m].mechanism.loops_over_connections:
            return {}
        known = [c for c, one in enumerate(self.weights) if one is arguments]

        def cell(place: float) -> tuple[list[float], int]:
            c, k = divmod(int(place), ROW)
            return (self.weights[c] if c >= 0 else arguments), k

        def set_netcon(place: float, value: float) -> None:
            row, k = cell(place)
            row[k] = value

        def netcon(place: float) -> float:
            row, k = cell(place)
            return row[k]

        row = float(ROW * known[0] if known else -ROW)
        return {"row": lambda: row, "netcon": netcon, "set_netcon": set_netcon}

    def _train(self, m: int, i: int, index: int) -> float:
        if self.populations[m].mechanism.loops_over_connections:
            onto = (self.block.connection_target == (m, i)).all(axis=1)
            return float(np.append(ROW * np.flatnonzero(onto), -1)[index])
        trains = self.block.mechanisms[m].trains
        times = trains[i] if trains else ()
        return float(times[index]) if index < len(times) else -1.0

    def _send(self, time: float, flag: float, m: int, i: int, arguments: list[float]) -> None:
        heapq.heappush(self.pending, (time, next(self.count), flag, m, i, arguments))

    def _move(self, time: float, m: int, i: int) -> None:
        mine = [one for one in self.pending if one[3:5] == (m, i)]
        if mine:
            last = max(mine, key=lambda one: one[1])
            self.pending.remove(last)
            heapq.heapify(self.pending)
            heapq.heappush(self.pending, (time, *last[1:]))

    def _fire(self, step: int, time: float, m: int, i: int) -> None:
        if (m, i) in self.source_of:
            self.fired.append((step, time, self.source_of[m, i]))

    # --- a step ---

    def advance(self, first: int, last: int, events: Events) -> Spikes:
        """Advance from step `first` to step `last`."""
        for step in range(first, last):
            due = events.step == step
            self._step(step, zip(events.time[due], events.connection[due], strict=True))
        fired = sorted(self.fired, key=lambda one: (one[0], one[1], one[2]))
        self.fired = []
        return Spikes(
            np.array([one[0] for one in fired], np.int64),
            np.array([one[1] for one in fired], np.float64),
            np.array([one[2] for one in fired], np.int32),
        )

    def _step(self, step: int, events: Iterable[tuple[float, int]]) -> None:
        dt = self.block.dt
        for rows, probe, values in zip(self.rows, self.block.probes, self.sample(), strict=True):
            if step % probe.every == 0:
                rows.append(values)
        self._find_spikes(step)
        waiting = list(events)
        if any(population.mechanism.watch.body for population in self.populations):
            self._deliver(step, waiting, (step + ROUND) * dt)
            self._watch(step)
        self._deliver(step, waiting, (step + 0.5 + ROUND) * dt)
        self._run_all("before_breakpoint", (step + 0.5) * dt)
        conductance, right = self._currents((step + 0.5) * dt)
        self._solve(conductance, right, step)
        self._run_all("state", (step + 1) * dt)
        self._run_all("diffuse", (step + 1) * dt)
        for m, spread in self.spreads.items():
            move_states(self.populations[m], spread, self.fields)
        for kernel in ("after_solve", "before_step"):
            self._run_all(kernel, (step + 1) * dt)

    def _find_spikes(self, step: int) -> None:
        for k, node in enumerate(self.block.source_node):
            if node >= 0:
                above = self.voltage[node] > self.block.source_threshold[k]
                if above and not self.above[k]:
                    self.fired.append((step, step * self.block.dt, k))
                self.above[k] = above

    def _watch(self, step: int) -> None:
        """Compare the conditions of WATCH on the state at the start of the step."""
        for m, population in enumerate(self.populations):
            if population.mechanism.watch.body:
                for i in range(population.group.n):
                    arguments = self.no_arguments(m)
                    t = step * self.block.dt
                    self._run(m, population.mechanism.watch, i, t, step, arguments)

    def _deliver(self, step: int, waiting: list[tuple[float, int]], limit: float) -> None:
        """Deliver what is due up to a time [ms]; `waiting` loses its events up to then."""
        while True:
            has_self = self.pending and self.pending[0][0] <= limit
            is_due = waiting and waiting[0][0] <= limit
            if is_due and not (has_self and self.pending[0][0] < waiting[0][0]):
                time, connection = waiting.pop(0)
                m, i = (int(k) for k in self.block.connection_target[connection])
                arguments, flag = self.weights[connection], 0.0
            elif has_self:
                time, _, flag, m, i, arguments = heapq.heappop(self.pending)
            else:
                return
            receive = self.populations[m].mechanism.receive
            assert receive is not None
            self._run(m, receive, i, float(time), step, arguments, flag)

    def _currents(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        conductance, right = np.zeros(self.block.n_node), self.storage * self.voltage
        for ion in self.followed:
            self._reverse(ion, 1)
            self.fields[ion, "i"][:] = 0.0
        for population in self.populations:
            if population.mechanism.current.body:
                for i in range(population.group.n):
                    population.add_current(i, self.fields, self.voltage, t, conductance, right)
        return conductance, right

    def _solve(self, conductance: np.ndarray, right: np.ndarray, step: int) -> None:
        for cell, matrix in enumerate(self.matrices):
            here = slice(self.block.cell_ptr[cell], self.block.cell_ptr[cell + 1])
            if not len(matrix):
                continue
            new = np.linalg.solve(matrix + np.diag(conductance[here]), right[here])
            if not np.isfinite(new).all():
                bad = int(np.flatnonzero(~np.isfinite(new))[0])
                raise NotFinite(bad + int(here.start), cell, step + 1, float(new[bad]))
            if self.block.method == "crank-nicolson":
                new = 2.0 * new - self.voltage[here]
            self.voltage[here] = new

    # --- state ---

    def save(self) -> dict[str, np.ndarray]:
        """The whole state; see `kernels.snapshot`."""
        return save_state(self)

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a state that `save` gave; the engine was reset before."""
        load_state(self, state)

    # --- samples ---

    def read(self) -> list[np.ndarray]:
        """Samples since the last read, one (n_sample, n_place) array a probe."""
        taken = [
            np.array(rows).reshape(len(rows), len(probe.place))
            for rows, probe in zip(self.rows, self.block.probes, strict=True)
        ]
        self.rows = [[] for _ in self.block.probes]
        return taken

    def sample(self) -> list[np.ndarray]:
        """The state right now, one (n_place,) array a probe."""
        return [self._values(probe.variable, probe.place) for probe in self.block.probes]

    def _values(self, variable: str, place: np.ndarray) -> np.ndarray:
        if variable == "v":
            return self.voltage[place]
        first, _, last = variable.partition(".")
        for population in self.populations:
            if population.mechanism.name == first:
                return np.array([population.values[i][last] for i in place])
        return self.fields[first, last][place]
