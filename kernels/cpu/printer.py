"""A mechanism as Python text for numba: one function a kernel, over tiles of instances.

Data of a mechanism is one flat array: tile, slot, lane. A tile holds as many instances as a vector
of 512 bits has numbers, eight (sixteen of single precision), and, slot after slot, the values of
every stored variable, so a kernel reads one stream, and LLVM sees without any run-time check that
no two slots overlap. A function gathers voltages and ion values into slots, computes all lanes in a
loop that vectorises, and scatters; the last tile is filled with instances on a spare node that is
never solved.
"""

from __future__ import annotations

import ast

from kernels.constant import is_constant
from kernels.mechanism import AROUND, Kernel, Mechanism
from kernels.precision import DOUBLE, Precision
from kernels.storage import Storage, own_currents

#: What self-events and spikes of artificial cells need, after the other arguments of a kernel.
OUTBOX = (
    "mechanism, source, step, self_time, self_flag, self_mechanism, self_instance, self_weight, "
    "self_count, spike_step, spike_time, spike_source, spike_count"
)


def ion_arrays(storage: Storage) -> list[str]:
    """Names of the arrays over nodes that a mechanism's functions take."""
    return [f"{ion}_{field}" for ion, field in dict.fromkeys(storage.gathered.values())]


def arguments(storage: Storage) -> str:
    """The arguments that init, current and state functions share."""
    head = ["data", "node", "n", "lanes", "voltage", "diagonal", "right", *ion_arrays(storage)]
    return ", ".join([*head, "table", "dt", "t"])


def sends(kernel: Kernel | None) -> bool:
    """Whether a kernel calls net_send, net_event or net_move."""
    if kernel is None:
        return False
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("net_send", "net_event", "net_move")
        for statement in kernel.body
        for node in ast.walk(statement)
    )


#: Names of the printed functions' own variables; a mechanism's variable of that name is renamed.
RESERVED = frozenset(
    [
        "data",
        "node",
        "n",
        "voltage",
        "diagonal",
        "right",
        "table",
        "d",
        "o",
        "k",
        "l",
        "i",
        "w",
        "places",
        "weights",
        "conductance",
        "outward",
        "train",
        "train_ptr",
        "send",
        "move",
        "fire",
        "lanes",
    ]
) | frozenset(OUTBOX.split(", "))


def local_name(name: str) -> str:
    """Name of a mechanism's variable in the printed text."""
    return f"{name}_own" if name in RESERVED else name


class _Calls(ast.NodeTransformer):
    """Gives intrinsic calls their compiled names, self-events their arguments.

    `memory` is where element 0 of the instance's memory lies in a tile, "d[" excluded; elements
    are `lanes` apart.
    """

    def __init__(self, memory: str = "", lanes: int = DOUBLE.lanes):
        self.memory, self.lanes = memory, lanes

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Call) and _called(node.value) == "set_element":
            place, value = (ast.unparse(self.visit(argument)) for argument in node.value.args)
            return ast.parse(f"d[{self.memory} + int({place}) * {self.lanes}] = {value}").body[0]
        if isinstance(node.value, ast.Call) and _called(node.value) == "set_netcon":
            place, value = (ast.unparse(self.visit(argument)) for argument in node.value.args)
            return ast.parse(f"weights[int({place})] = {value}").body[0]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(local_name(node.id), node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id  # type: ignore[attr-defined]
        node.args = [self.visit(argument) for argument in node.args]
        text = ", ".join(ast.unparse(argument) for argument in node.args)
        if name == "table":
            return ast.parse(f"table[int({text})]", mode="eval").body
        if name == "element":
            return ast.parse(f"d[{self.memory} + int({text}) * {self.lanes}]", mode="eval").body
        if name == "net_send":
            time, flag = (ast.unparse(argument) for argument in node.args)
            return self._outbox(f"send(t + ({time}), {flag}, i, w")
        if name == "net_move":
            return self._outbox(f"move({text}, i, w")
        if name == "net_event":
            return self._outbox(f"fire({text}, i, w")
        if name == "netcon":
            return ast.parse(f"weights[int({text})]", mode="eval").body
        if name == "row":
            return ast.parse("float(w)", mode="eval").body
        if name == "train":
            return ast.parse(f"train[train_ptr[i] + int({text})]", mode="eval").body
        return ast.parse(f"{name}_({text})", mode="eval").body

    @staticmethod
    def _outbox(head: str) -> ast.AST:
        return ast.parse(f"{head}, {OUTBOX})", mode="eval").body


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def body_lines(
    body: tuple[ast.stmt, ...], memory: str = "", lanes: int = DOUBLE.lanes
) -> list[str]:
    """A kernel's body as text."""
    lines: list[str] = []
    for statement in body:
        renamed = _Calls(memory, lanes).visit(ast.parse(ast.unparse(statement)).body[0])
        lines += ast.unparse(ast.fix_missing_locations(renamed)).splitlines()
    return lines


def _indent(lines: list[str], depth: int) -> list[str]:
    return ["    " * depth + line for line in lines]


class MechanismPrinter:
    """Prints the functions of one mechanism."""

    def __init__(
        self,
        mechanism: Mechanism,
        storage: Storage,
        keep: frozenset[str],
        precision: Precision = DOUBLE,
    ):
        self.mechanism, self.storage, self.keep = mechanism, storage, keep
        self.slots, self.own = storage.slots, own_currents(mechanism)
        self.single, self.lanes = precision.is_single, precision.lanes

    def text(self) -> str:
        """All functions: init, current, state, receive, receive_init, where there is something."""
        m = self.mechanism
        parts = [self._loop("init", m.init, scalar=sends(m.init))]
        if m.derive.body:
            parts.append(self._loop("derive", m.derive))
        if m.current.body:
            parts.append(self._loop("current", m.current, current=True))
        if m.current.body and self.keep and is_constant(m):
            parts.append(self._loop("observe", m.current))
        if m.state.body:
            parts.append(self._loop("state", m.state))
        if m.receive is not None:
            parts.append(self._receive("receive", m.receive))
        if m.receive_init is not None:
            parts.append(self._receive("receive_init", m.receive_init))
        kernels = m.kernels()
        parts += [self._loop(n, kernels[n]) for n in (*AROUND, "diffuse") if n in kernels]
        if "watch" in kernels:
            parts.append(self._loop("watch", m.watch, scalar=True))
        head = "# single precision\n" if self.single else ""
        return head + "\n\n".join("\n".join(part) for part in parts) + "\n"

    # --- pieces ---

    def _place(self, name: str, lane: str) -> str:
        return f"d[{self._index(self.slots[name], lane)}]"

    def _index(self, slot: int, lane: str) -> str:
        return f"{slot * self.lanes} + {lane}" if lane else f"{slot * self.lanes}"

    def _body(self, kernel: Kernel, lane: str) -> list[str]:
        first = self.mechanism.memory[0] if self.mechanism.memory else ""
        place = self._index(self.slots[first], lane) if first else ""
        given = [f"{name} = to_single_({name})" for name in ("dt", "flag")] if self.single else []
        used = {n.id for s in kernel.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        typed = [line for line in given if line.split()[0] in used and not kernel.wide]
        return typed + body_lines(kernel.body, place, self.lanes)

    def _loads(self, kernel: Kernel, lane: str) -> list[str]:
        lines = []
        for name in kernel.loads:
            if name in kernel.args or (name != "v" and name not in self.slots):
                continue
            value = self._place("_v" if name == "v" else name, lane)
            if name in self.storage.times:
                value = f"get_wide(d, {self._parts(name, lane)})"
            elif self.single and kernel.wide:
                value = f"to_double_({value})"
            lines.append(f"{local_name(name)} = {value}")
        return lines

    def _parts(self, name: str, lane: str) -> str:
        return ", ".join(self._index(slot, lane) for slot in self.storage.parts(name))

    def _stores(self, kernel: Kernel, lane: str) -> list[str]:
        names = [n for n in kernel.stores if n in self.slots and n not in kernel.args]
        return [
            f"put_wide(d, {self._parts(name, lane)}, {local_name(name)})"
            if name in self.storage.times
            else f"{self._place(name, lane)} = {local_name(name)}"
            for name in names
        ]

    def _gathers(self, kernel: Kernel, lane: str) -> list[str]:
        loaded = set(kernel.loads)
        lines = [f"{self._place('_v', lane)} = voltage[o]"] if "v" in loaded else []
        for name, (ion, field) in self.storage.gathered.items():
            if name in loaded and name not in self.own:
                lines.append(f"{self._place(name, lane)} = {ion}_{field}[o]")
        return lines

    def _scatters(self, kernel: Kernel, lane: str) -> list[str]:
        lines = []
        for name, (ion, field) in self.storage.gathered.items():
            if name in kernel.stores and field != "i":
                lines.append(f"{ion}_{field}[o] = {self._place(name, lane)}")
        return lines

    def _current_stores(self, lane: str) -> list[str]:
        weight = "_g, _i"
        if self.mechanism.kind == "density":
            weight = f"{self._place('_weight', lane)} * _g, {self._place('_weight', lane)} * _i"
        inward = "-outward" if self.single else "conductance * v - outward"
        return [
            f"conductance, outward = {weight}",
            f"{self._place('_g', lane)} = conductance",
            f"{self._place('_i', lane)} = {inward}",
        ]

    def _current_scatters(self, lane: str) -> list[str]:
        lines = [
            f"diagonal[o] += {self._place('_g', lane)}",
            f"right[o] += {self._place('_i', lane)}",
        ]
        for current in self.mechanism.currents:
            if current.name in self.storage.gathered:
                ion, field = self.storage.gathered[current.name]
                scale = f" * {self._place('_per_area', lane)}" if "_per_area" in self.slots else ""
                lines.append(f"{ion}_{field}[o] += {self._place(current.name, lane)}{scale}")
        return lines

    def _loop(
        self, name: str, kernel: Kernel, current: bool = False, scalar: bool = False
    ) -> list[str]:
        lane = "" if scalar else "l"
        stride = len(self.slots) * self.lanes
        extra = f", {OUTBOX}, train, train_ptr" if scalar else ""
        lines = [f"def {name}_{self.mechanism.name}({arguments(self.storage)}{extra}):"]
        if scalar:
            # a self-event of INITIAL belongs to no connection: its arguments are the last, all 0
            n_argument = len(self.mechanism.receive.args) if self.mechanism.receive else 0
            lines += [f"    w = -{max(1, n_argument)}", "    for i in range(n):"]
            lines.append(f"        d = data[i // {self.lanes} * {stride} + i % {self.lanes}:]")
            inner = ["o = node[i]", *self._gathers(kernel, lane), *self._loads(kernel, lane)]
            inner += [*self._body(kernel, ""), *self._stores(kernel, lane)]
            return lines + _indent(inner + self._scatters(kernel, lane), 2)
        compute = [*self._loads(kernel, lane), *self._body(kernel, lane)]
        if current and "v" not in kernel.loads:
            compute.insert(0, f"v = {self._place('_v', lane)}")
        compute += self._stores(kernel, lane)
        gathers, scatters = self._gathers(kernel, lane), self._scatters(kernel, lane)
        if current:
            if "v" not in kernel.loads:
                gathers.insert(0, f"{self._place('_v', lane)} = voltage[o]")
            compute += self._current_stores(lane)
            scatters += self._current_scatters(lane)
        for piece, over_places in ((gathers, True), (compute, False), (scatters, True)):
            lines += _indent(self._over_tiles(piece, over_places, stride), 1)
        return lines if len(lines) > 1 else [*lines, "    pass"]

    def _over_tiles(self, piece: list[str], over_places: bool, stride: int) -> list[str]:
        """A loop of its own over all tiles.

        Gathering all before computing lets the stores retire: a wide load straight after narrow
        stores to the same place stalls. `lanes` is a constant, but LLVM must not know: it would
        unroll the loop before its vectoriser sees it.
        """
        if not piece:
            return []
        size = self.lanes
        lines = [f"for k in range((n + {size - 1}) // {size}):"]
        lines.append(f"    d = data[k * {stride}:(k + 1) * {stride}]")
        if over_places:
            lines.append(f"    places = node[k * {size}:(k + 1) * {size}]")
            lines += [f"    for l in range({size}):", "        o = places[l]"]
        else:
            lines.append("    for l in range(lanes):")
        return lines + _indent(piece, 2)

    def _receive(self, name: str, kernel: Kernel) -> list[str]:
        stride = len(self.slots) * self.lanes
        shared = arguments(self.storage).replace("n, lanes, ", "i, weights, w, flag, ", 1)
        extra = f", {OUTBOX}, train, train_ptr"
        lines = [f"def {name}_{self.mechanism.name}({shared}{extra}):"]
        inner = [f"d = data[i // {self.lanes} * {stride} + i % {self.lanes}:]", "o = node[i]"]
        inner += [*self._gathers(kernel, ""), *self._loads(kernel, "")]
        used = set(kernel.loads) | set(kernel.stores)
        inner += [
            f"{local_name(a)} = weights[w + {k}]" for k, a in enumerate(kernel.args) if a in used
        ]
        inner += [*self._body(kernel, ""), *self._stores(kernel, "")]
        inner += [
            f"weights[w + {k}] = {local_name(a)}"
            for k, a in enumerate(kernel.args)
            if a in kernel.stores
        ]
        inner += self._scatters(kernel, "")
        inner += ["voltage[o] = v"] if "v" in kernel.stores else []
        return lines + _indent(inner, 1)
