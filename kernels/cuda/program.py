"""The CUDA C++ text of a block: functions, a table of pointers, mechanisms, the loop over steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kernels.cpu.pointers import Links
from kernels.cuda.diffusion import spread_fields, spread_functions
from kernels.cuda.expression import literal, place_numbers
from kernels.cuda.functions import intrinsic_functions
from kernels.cuda.mechanism import MechanismPrinter, sends
from kernels.cuda.pointers import BARRIER, link_fields, link_functions, linked, linked_alone
from kernels.precision import DOUBLE, Precision
from kernels.storage import writes_concentration

#: Fields of the table that every block has, in groups of one type.
FIELDS = {
    "double": "dt",
    "long long": "half_step keep_fired n_probe n_weight n_argument n_detector",
    "const long long *": (
        "node_ptr level_first child_first queue_ptr fired_ptr source_ptr entry_ptr entry_place "
        "entry_column probe_every probe_first probe_offset probe_width event_weight "
        "connection_ptr connection_weight connection_instance piece_ptr head_first outlet_ptr "
        "index_first"
    ),
    "const int *": (
        "parent other child child_ptr level_ptr source_node entry_probe entry_array event_ptr "
        "event_step event_mechanism event_instance connection_mechanism head_ptr outlet_child "
        "outlet_slot outlet_target index"
    ),
    "const Real *": "axial storage passive source_threshold",
    "const double *": "event_time",
    "Real *": "voltage diagonal right coupling fixed constant leak left",
    "double *": "self_time self_flag fired_time weights samples",
    "const Global<Real> *": "sampled",
    "int *": (
        "self_mechanism self_instance source_above spike_count fired_source status event_next"
    ),
    "long long *": "self_weight self_count fired_step fired_count spike_step",
}


#: Prints a call: mechanism, function, arguments after the cell, whether a barrier follows.
Caller = Callable[[MechanismPrinter, str, str, bool], list[str]]


@dataclass(frozen=True)
class Program:
    """The text and the layout of its table: every field is eight bytes."""

    text: str
    fields: tuple[str, ...]
    printers: tuple[MechanismPrinter, ...]


def make_program(
    printers: list[MechanismPrinter],
    live: list[tuple[str, str]],
    valences: dict[str, float],
    celsius: float,
    links: Sequence[Links] = (),
    precision: Precision = DOUBLE,
    moving: Collection[int] = (),
) -> Program:
    """Print the text of a block.

    Args:
        printers: of its mechanisms, in order of execution.
        live: (ion, field) pairs that have an array over nodes.
        valences: by ion.
        celsius: [degC]
        links: POINTERs of each mechanism.
        precision: of states, voltages and the matrix.
        moving: mechanisms of which states move along the cable.
    """
    fields = _fields(printers, live) | link_fields(links) | spread_fields(moving)
    call = partial(_call, links)
    real = precision.real
    reversal = {ion: _reversal(ion, valences[ion], celsius, real) for ion in _followed(live)}
    crowded = any(map(_is_crowded, printers))
    pieces = {
        "real": real,
        "largest": precision.largest,
        "single": str(int(precision.is_single)),
        "crowded": str(int(crowded)),
        "functions": intrinsic_functions(precision),
        "fields": "\n".join(f"    {_declared(kind)} {name};" for name, kind in fields.items()),
        "mechanisms": "\n\n".join(
            [q.text() for q in printers]
            + [link_functions(k, own) for k, own in enumerate(links) if own]
            + spread_functions(printers, moving)
        ),
        "receives": _cases(printers, "receive", 4, links),
        "receive_inits": _cases(printers, "receive_init", 12),
        "clears": "\n".join(f"        p->{ion}_i[o] = 0;" for ion, field in live if field == "i"),
        "constants": _calls(call, printers, ("constant",)),
        "currents": _calls(call, printers, ("observe", "current")),
        "states": "\n".join(_state(call, q) for q in printers if "state" in q.functions),
        "watches": _watches(call, printers),
        "before_breakpoints": _each(call, printers, ["before_breakpoint"], "middle"),
        "ends": "".join(_moves(call, printers[k]) for k in moving)
        + _each(call, printers, ["after_solve", "before_step"], "t"),
        "before_initials": _each(call, printers, ["before_initial"], "t"),
        "after_initials": _each(call, printers, ["after_initial", "before_breakpoint"], "t"),
        "before_steps": _each(call, printers, ["before_step"], "t"),
        "reversals": "\n".join(
            f"    {text.format(when='step')}"
            for ion, text in reversal.items()
            if _is_read_and_written(printers, ion)
        ),
        "initial_reversals": "\n".join(
            f"    {text.format(when='start')}" for text in reversal.values()
        ),
        "inits": "\n".join(_initial(call, q, reversal) for q in printers),
    }
    here = Path(__file__).parent
    text = "\n".join((here / name).read_text() for name in ("kernel.cu", "tiles.cu"))
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", piece)
    return Program(place_numbers(text, crowded), tuple(fields), tuple(printers))


def _is_crowded(printer: MechanismPrinter) -> bool:
    """Whether a kernel of a mechanism has more values at once than registers."""
    kernels = printer.mechanism.kernels()
    return any(placed is not kernels[name] for name, placed in printer.placed.items())


def _declared(kind: str) -> str:
    """The type of a field: pointers are `Global`."""
    pointed, star, _ = kind.rpartition("*")
    return f"Global<{pointed.strip()}>" if star else kind


def _fields(printers: list[MechanismPrinter], live: list[tuple[str, str]]) -> dict[str, str]:
    fields = {name: kind for kind, names in FIELDS.items() for name in names.split()}
    for k in range(len(printers)):
        fields |= {f"data_{k}": "Real *", f"node_{k}": "const int *"}
        fields |= {f"{name}_{k}": "const Real *" for name in ("table", "common")}
        fields |= {f"{name}_{k}": "const long long *" for name in ("ptr", "run", "run_ptr")}
        fields |= {f"source_{k}": "const int *", f"train_{k}": "const double *"}
        fields[f"train_ptr_{k}"] = "const long long *"
    for ion, field in live:
        fields[f"{ion}_{field}"] = "Real *"
    for ion in _followed(live):
        for when in ("start", "step"):
            fields |= {f"{ion}_{when}": "const int *", f"{ion}_{when}_ptr": "const long long *"}
    return fields


def _followed(live: list[tuple[str, str]]) -> list[str]:
    """Ions whose reversal potential may follow their concentrations on the device."""
    ions = dict.fromkeys(ion for ion, _ in live)
    return [ion for ion in ions if {(ion, f) for f in ("e", "ci", "co")} <= set(live)]


def _reversal(ion: str, valence: float, celsius: float, real: str) -> str:
    return (
        f"update_reversal(cell, p->{ion}_{{when}}_ptr, p->{ion}_{{when}}, p->{ion}_ci, "
        f"p->{ion}_co, p->{ion}_e, {literal(valence, real)}, {literal(celsius, real)});"
    )


def _is_read_and_written(printers: list[MechanismPrinter], ion: str) -> bool:
    uses = [use for q in printers for use in q.mechanism.ions if use.ion == ion]
    return any({"ci", "co"} & use.writes for use in uses) and any("e" in u.reads for u in uses)


def _call(
    links: Sequence[Links], printer: MechanismPrinter, name: str, arguments: str, barrier: bool
) -> list[str]:
    """The lines that run a kernel of a mechanism for all instances of a cell."""
    k = printer.k
    lines = [f"{name}_{k}(p, cell, {arguments});", *([BARRIER] if barrier else [])]
    kernel = printer.kernel(name)
    return linked(k, links[k], kernel, lines) if links and kernel is not None else lines


def _lines(lines: list[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _state(call: Caller, printer: MechanismPrinter) -> str:
    return _lines(call(printer, "state", "t", printer.touches_ions), 1)


def _initial(call: Caller, printer: MechanismPrinter, reversal: dict[str, str]) -> str:
    """INITIAL of a mechanism, its fixed values, reversal potentials that it changed."""
    queue = "queue, step, " if sends(printer.mechanism.init) else ""
    lines = call(printer, "init", f"{queue}t", True)
    if "derive" in printer.functions:
        lines += call(printer, "derive", "t", True)
    if writes_concentration(printer.mechanism):
        for use in printer.mechanism.ions:
            if {"ci", "co"} & use.writes and use.ion in reversal:
                lines += [reversal[use.ion].format(when="start"), BARRIER]
    return _lines(lines, 1)


def _calls(call: Caller, printers: list[MechanismPrinter], names: tuple[str, ...]) -> str:
    """Calls, in order of execution, a barrier after each."""
    return _lines(
        [
            line
            for q in printers
            for name in q.functions
            if name in names
            for line in call(q, name, "t", True)
        ],
        1,
    )


def _each(call: Caller, printers: list[MechanismPrinter], kernels: list[str], t: str) -> str:
    """Kernels of all mechanisms that have them, one after another."""
    return _lines(
        [
            line
            for name in kernels
            for q in printers
            if name in q.functions
            for line in call(q, name, t, True)
        ],
        1,
    )


def _moves(call: Caller, printer: MechanismPrinter) -> str:
    """Volumes and flows, then the step of every state of a mechanism that moves."""
    lines = call(printer, "diffuse", "t", True) if "diffuse" in printer.functions else []
    return _lines([*lines, f"move_{printer.k}(p, cell);"], 2) + "\n"


def _watches(call: Caller, printers: list[MechanismPrinter]) -> str:
    """Events up to the start of the step, then the conditions of WATCH."""
    watching = [q for q in printers if "watch" in q.functions]
    lines = ["deliver_events(p, cell, queue, step, now, e);"] if watching else []
    for q in watching:
        lines += call(q, "watch", "queue, step, now", False)
    return _lines(lines, 1)


def _cases(
    printers: list[MechanismPrinter], name: str, indent: int, links: Sequence[Links] = ()
) -> str:
    pad = " " * indent
    lines = []
    for q in printers:
        if name in q.functions:
            calls = [f"{name}_{q.k}(p, cell, queue, step, i, w, flag, t);"]
            kernel = q.kernel(name)
            if links and kernel is not None:
                calls = linked_alone(q.k, links[q.k], kernel, calls[0])
            inner = [f"{pad}    {call}" for call in [*calls, "break;"]]
            lines += [f"{pad}case {q.k}:", *inner]
    return "\n".join(lines)
