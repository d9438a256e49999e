"""The kernels of one mechanism as CUDA device functions, over the slots of its storage.

Instances lie in tiles of 32: value s of instance i is at `d[32 * s]`, with d the place of i in
its tile, so that threads of neighbouring instances read neighbouring values, and every address is
one register and a constant. Where several instances of a mechanism sit on one node ("repeated"),
what they add or write there waits in their slots and is taken over in their order by one thread a
node.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable

from kernels.constant import is_constant
from kernels.cuda.expression import REAL, SINGLE, BodyPrinter, variable
from kernels.cuda.functions import call_intrinsic, call_single
from kernels.cuda.layout import TILE
from kernels.cuda.placing import place_kernel
from kernels.cuda.pressure import DOUBLES, WIDE, Format
from kernels.intrinsics import INTRINSICS
from kernels.mechanism import AROUND, Kernel, Mechanism
from kernels.precision import DOUBLE, RESTS, Precision
from kernels.storage import Storage, own_currents

SENDERS = ("net_send", "net_event", "net_move")


def sends(kernel: Kernel | None) -> bool:
    """Whether a kernel calls net_send, net_event or net_move."""
    return kernel is not None and any(name in SENDERS for name in _called(kernel.body))


def _called(body: Iterable[ast.stmt]) -> set[str]:
    return {
        node.func.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


class MechanismPrinter:
    """Prints the functions of mechanism number k of a block."""

    def __init__(
        self,
        k: int,
        mechanism: Mechanism,
        storage: Storage,
        keep: frozenset[str],
        repeated: bool,
        precision: Precision = DOUBLE,
        common: Iterable[str] = (),
    ):
        self.k, self.mechanism, self.storage = k, mechanism, storage
        self.keep, self.repeated = keep, repeated
        self.slots, self.own = device_slots(storage), own_currents(mechanism)
        self.constant = is_constant(mechanism)
        self.precision, self.common = precision, list(common)
        self.placed = {n: self._placed(n, k) for n, k in mechanism.kernels().items()}

    @property
    def functions(self) -> list[str]:
        """Which functions this mechanism has, in the order in which they are printed.

        `constant` adds a current that never changes once, at 0 mV; `observe` computes it for those
        who sample it.
        """
        m = self.mechanism
        wanted: dict[str, object] = {
            "init": m.init,
            "derive": m.derive.body,
            "current": m.current.body and not self.constant,
            "constant": m.current.body and self.constant,
            "observe": m.current.body and self.constant and self.keep,
            "state": m.state.body,
            "receive": m.receive,
            "receive_init": m.receive_init,
            "watch": m.watch.body,
            **{name: getattr(m, name).body for name in (*AROUND, "diffuse")},
        }
        return [name for name, present in wanted.items() if present]

    def kernel(self, function: str) -> Kernel | None:
        """The kernel that a function runs."""
        name = "current" if function in ("constant", "observe") else function
        found: Kernel | None = getattr(self.mechanism, name)
        return found

    @property
    def touches_ions(self) -> bool:
        """Whether an array over nodes that other mechanisms write is read or written."""
        return bool(self.storage.gathered)

    @property
    def is_serial(self) -> bool:
        """Whether events of one cell must be delivered one after the other."""
        m = self.mechanism
        if any(sends(kernel) for kernel in (m.init, m.receive, m.receive_init, m.watch)):
            return True
        if m.receive is not None and set(m.pointers) & {*m.receive.loads, *m.receive.stores}:
            return True
        received = [k for k in (m.receive, m.receive_init) if k is not None]
        return any(self._scattered(k) or "v" in k.stores for k in received)

    def text(self) -> str:
        """All functions."""
        m = self.mechanism
        parts = [f"// --- {m.name} ---"]
        for name in self.functions:
            kernel = self.placed["current" if name in ("constant", "observe") else name]
            if name.startswith("receive"):
                parts.append(self._receive(name, kernel))
            elif name == "watch" or (name == "init" and sends(kernel)):
                parts.append(self._serial(name, kernel))
            else:
                parts.append(self._loop(name, kernel))
        return "\n\n".join(parts)

    # --- pieces ---

    def _placed(self, name: str, kernel: Kernel) -> Kernel:
        """A kernel whose values fit into registers; waiting ones get slots after all others."""
        return place_kernel(
            self.mechanism, name, kernel, self.storage, self.slots, self._form(kernel)
        )

    def _form(self, kernel: Kernel) -> Format:
        """How the values of a kernel lie in registers and slots."""
        if not self.precision.is_single:
            return DOUBLES
        if kernel.wide:
            return WIDE
        printer = BodyPrinter(self._call, known=self._known(kernel))
        printer.statements(kernel.body)
        found = {n for n, kind in printer.types.items() if kind == REAL}
        return Format(1, 1, frozenset({"t"} | found | self.storage.times))

    def _open_instance(self) -> list[str]:
        """The place of instance i in its tile, and its node."""
        return [
            f"Real *d = p->data_{self.k} + {self._place('i')};",
            f"const int o = p->node_{self.k}[i];",
        ]

    def _place(self, i: str) -> str:
        """Where the first slot of an instance lies."""
        return f"({i} / {TILE}) * {TILE * len(self.slots)} + {i} % {TILE}"

    def _slot(self, name: str) -> str:
        return f"d[{TILE * self.slots[name]}]"

    def _parts(self, name: str) -> str:
        return ", ".join(self._slot(prefix + name) for prefix in ("", *RESTS))

    def _array(self, name: str) -> str:
        ion, field = self.storage.gathered[name]
        return f"p->{ion}_{field}[cell.first + o]"

    def _scattered(self, kernel: Kernel) -> list[str]:
        """Ion variables, other than currents, that a kernel writes to their node."""
        gathered = self.storage.gathered
        return [n for n in gathered if n in kernel.stores and gathered[n][1] != "i"]

    def _loads(self, kernel: Kernel, voltage: str) -> list[str]:
        lines = []
        real = self._real(kernel)
        used = {n.id for s in kernel.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        for name in kernel.loads:
            if name in kernel.args:
                continue
            if name == "v":
                lines.append(f"{real} v_ = {voltage};")
            elif name in self.storage.gathered and name not in self.own:
                lines.append(f"{real} {variable(name)} = {self._array(name)};")
                if name in self.keep:
                    lines.append(f"{self._slot(name)} = {variable(name)};")
            elif name in self.storage.times:
                lines.append(f"double {variable(name)} = get_wide({self._parts(name)});")
            elif name in self.common:
                place = f"p->common_{self.k}[{self.common.index(name)}]"
                lines.append(f"{real} {variable(name)} = {place};")
            elif name in self.slots:
                lines.append(f"{real} {variable(name)} = {self._slot(name)};")
        if "dt" in used and "dt" not in self.slots:
            lines.append(f"const {real} dt_ = p->dt;")
        return lines

    def _real(self, kernel: Kernel) -> str:
        """What a kernel computes in."""
        return REAL if kernel.wide else self.precision.real

    def _known(self, kernel: Kernel) -> dict[str, str]:
        """Types of names that come from outside of a kernel in float32."""
        if self._real(kernel) == REAL:
            return {}
        names = {*kernel.loads, *self.slots, "dt"} - {"t"}
        return {n: REAL if n in self.storage.times else SINGLE for n in names}

    def _stores(self, kernel: Kernel, waits: bool) -> list[str]:
        """Values into slots; those of ion variables only where something reads them there."""
        names = [n for n in kernel.stores if n in self.slots and n not in kernel.args]
        shared = set(self.storage.gathered) - self.own
        needed = [n for n in names if n not in shared or waits or n in self.keep]
        return [
            f"put_wide({self._parts(name)}, {variable(name)});"
            if name in self.storage.times
            else f"{self._slot(name)} = {variable(name)};"
            for name in needed
        ]

    def _call(self, name: str, arguments: list[str]) -> tuple[str, str] | None:
        text = ", ".join(arguments)
        if name in ("to_single", "to_double"):
            kind = SINGLE if name == "to_single" else REAL
            return f"({kind})({text})", kind
        if name == "table":
            return f"p->table_{self.k}[(long long)({text})]", self.precision.real
        if name in ("netcon", "set_netcon"):
            value = "" if name == "netcon" else f" = {arguments[1]}"
            return f"p->weights[(long long)({arguments[0]})]{value}", REAL
        if name == "row":
            return "(double)w", REAL
        if name in ("element", "set_element"):
            place = f"{self.slots[self.mechanism.memory[0]]} + (long long)({arguments[0]})"
            value = "" if name == "element" else f" = {arguments[1]}"
            return f"d[{TILE} * ({place})]{value}", self.precision.real
        if name in ("fetch", "keep"):
            value = "" if name == "fetch" else f" = {arguments[1]}"
            return f"hidden(d)[{TILE} * (int)({arguments[0]})]{value}", self.precision.real
        if name in ("fetch_wide", "keep_wide"):
            value = "" if name == "fetch_wide" else f", {arguments[1]}"
            words = "get_words" if name == "fetch_wide" else "put_words"
            place = f"hidden(d) + {TILE} * (int)({arguments[0]})"
            return f"{words}({place}, {TILE}{value})", REAL
        if name == "net_send":
            delay, flag = arguments
            return f"send(queue, t_ + {delay}, {flag}, {self.k}, i, w)", REAL
        if name == "net_move":
            return f"move(queue, {text}, {self.k}, i)", REAL
        if name == "net_event":
            return f"fire(p, cell.index, step, {text}, p->source_{self.k}[i])", REAL
        if name == "train":
            return f"p->train_{self.k}[p->train_ptr_{self.k}[i] + (long long)({text})]", REAL
        own = name.removesuffix("__double")
        if own in INTRINSICS:
            single = self.precision.is_single and name == own and not own.startswith("philox")
            call = call_single if single else call_intrinsic
            return call(INTRINSICS[own].__name__, arguments)
        return call_intrinsic(name, arguments) if name == "nernst" else None

    def _instance(
        self, kernel: Kernel, waits: bool, after: list[str], voltage: str = "cell.voltage[o]"
    ) -> list[str]:
        """Everything for the instance at d, node o: load, compute, store; then what follows."""
        printer = BodyPrinter(self._call, known=self._known(kernel))
        body = printer.statements(kernel.body)
        given = set(kernel.loads) | {"t", "flag", "dt"} | set(kernel.args)
        arguments = [a for a in kernel.args if a in set(kernel.loads) | set(kernel.stores)]
        lines = self._loads(kernel, voltage)
        lines += [
            f"double {variable(a)} = p->weights[w + {kernel.args.index(a)}];" for a in arguments
        ]
        lines += printer.declarations(given) + body + self._stores(kernel, waits)
        lines += [
            f"p->weights[w + {kernel.args.index(a)}] = {variable(a)};"
            for a in arguments
            if a in kernel.stores
        ]
        return lines + after

    # --- functions ---

    def _loop(self, name: str, kernel: Kernel) -> str:
        """A function that runs a kernel for all instances of a cell."""
        scattered = self._scattered(kernel)
        after, late = [], []
        if name in ("current", "constant"):
            if "v" not in kernel.loads:
                kernel = dataclasses.replace(kernel, loads=("v", *kernel.loads))
            weight = f"{self._slot('_weight')} * " if self.mechanism.kind == "density" else ""
            inward = "-outward" if self.precision.is_single else "conductance * v_ - outward"
            after = [
                f"const Real conductance = {weight}_g_, outward = {weight}_i_;",
                f"const Real inward = {inward};",
            ]
            late = self._current_sums()
            if self.repeated:
                after += [f"{self._slot('_g')} = conductance;", f"{self._slot('_i')} = inward;"]
        waits = self.repeated and bool(scattered or late)
        late += [f"{self._array(n)} = {self._late(n)};" for n in scattered]
        voltage = "0" if name == "constant" else "cell.voltage[o]"
        inner = self._instance(kernel, waits, after + ([] if waits else late), voltage)
        arguments = "const Table *p, const Cell &cell, double t_"
        lines = [f"__device__ __forceinline__ void {name}_{self.k}({arguments}) {{"]
        lines += ["    " + line for line in self._over_instances(inner)]
        if waits:
            lines += ["    __syncthreads();"]
            lines += ["    " + line for line in self._over_runs(late)]
        return "\n".join([*lines, "}"])

    def _late(self, name: str) -> str:
        return self._slot(name) if self.repeated else variable(name)

    def _current_sums(self) -> list[str]:
        """What the current of an instance adds to its node."""
        value = {
            "g": self._slot("_g") if self.repeated else "conductance",
            "i": self._slot("_i") if self.repeated else "inward",
        }
        lines = [f"cell.diagonal[o] += {value['g']};", f"cell.right[o] += {value['i']};"]
        for current in self.mechanism.currents:
            if current.name in self.storage.gathered:
                scale = f" * {self._slot('_per_area')}" if "_per_area" in self.slots else ""
                array, own = self._array(current.name), self._late(current.name)
                lines.append(f"{array} += (Real){own}{scale};")
        return lines

    def _over_instances(self, inner: list[str]) -> list[str]:
        """A loop over the instances of a cell; THREADS is a multiple of a tile's width.

        One after the other, and what can be read anew for each is: neither takes registers.
        """
        k = self.k
        return [
            f"const long long first = p->ptr_{k}[cell.index];",
            f"const int n = (int)(p->ptr_{k}[cell.index + 1] - first);",
            f"Real *d = p->data_{k} + {self._place('(first + cell.lane)')};",
            "#pragma unroll 1",
            f"for (int j = cell.lane; j < n; j += THREADS, d += THREADS * {len(self.slots)}) {{",
            "    const long long i = first + j;",
            f"    const int o = p->node_{k}[i];",
            *("    " + line for line in inner),
            "}",
        ]

    def _over_runs(self, inner: list[str]) -> list[str]:
        """A loop over runs of instances on one node, in their order."""
        k = self.k
        return [
            f"const long long last_run = p->run_ptr_{k}[cell.index + 1];",
            "#pragma unroll 1",
            f"for (long long r = p->run_ptr_{k}[cell.index] + cell.lane; r < last_run; "
            "r += THREADS) {",
            f"    const long long end = p->run_{k}[r + 1];",
            "#pragma unroll 1",
            f"    for (long long i = p->run_{k}[r]; i < end; ++i) {{",
            *("        " + line for line in self._open_instance()),
            *("        " + line for line in inner),
            "    }",
            "}",
        ]

    def _serial(self, name: str, kernel: Kernel) -> str:
        """INITIAL that sends: one thread, instance after instance.

        Its self-events belong to no connection: their arguments are the cell's own, all 0.
        """
        k = self.k
        scatters = [f"{self._array(n)} = {variable(n)};" for n in self._scattered(kernel)]
        inner = [*self._open_instance(), *self._instance(kernel, False, scatters)]
        arguments = (
            "const Table *p, const Cell &cell, const Queue &queue, long long step, double t_"
        )
        return "\n".join(
            [
                f"__device__ __forceinline__ void {name}_{k}({arguments}) {{",
                "    if (cell.lane != 0) return;",
                "    const long long w = p->n_weight + cell.index * p->n_argument;",
                f"    const long long last = p->ptr_{k}[cell.index + 1];",
                f"    for (long long i = p->ptr_{k}[cell.index]; i < last; ++i) {{",
                *("        " + line for line in inner),
                "    }",
                "}",
            ]
        )

    def _receive(self, name: str, kernel: Kernel) -> str:
        """A function that runs a kernel for one instance and one connection."""
        scatters = [f"{self._array(n)} = {variable(n)};" for n in self._scattered(kernel)]
        scatters += ["cell.voltage[o] = v_;"] if "v" in kernel.stores else []
        inner = [*self._open_instance(), *self._instance(kernel, False, scatters)]
        arguments = (
            "const Table *p, const Cell &cell, const Queue &queue, long long step, "
            "long long i, long long w, double flag_, double t_"
        )
        return "\n".join(
            [
                f"__device__ __forceinline__ void {name}_{self.k}({arguments}) {{",
                *("    " + line for line in inner),
                "}",
            ]
        )


def device_slots(storage: Storage) -> dict[str, int]:
    """Slots on the device: those of the storage but `_v`, which stays where the voltages are."""
    return {name: slot for slot, name in enumerate(n for n in storage.slots if n != "_v")}
