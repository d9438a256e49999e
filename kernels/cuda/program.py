"""The CUDA C++ text of a block: functions, a table of pointers, mechanisms, the loop over steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kernels.cuda.expression import literal
from kernels.cuda.functions import intrinsic_functions
from kernels.cuda.mechanism import MechanismPrinter, sends
from kernels.storage import writes_concentration

#: Fields of the table that every block has, in groups of one type.
FIELDS = {
    "double": "dt",
    "long long": "half_step n_probe n_weight n_argument spike_room",
    "const long long *": (
        "node_ptr level_first queue_ptr fired_ptr source_ptr entry_ptr entry_place entry_column "
        "probe_every probe_first probe_offset probe_width event_weight connection_ptr "
        "connection_weight connection_instance"
    ),
    "const int *": (
        "parent child child_ptr level_ptr source_node entry_probe entry_array "
        "event_ptr event_step event_mechanism event_instance connection_mechanism"
    ),
    "const double *": "axial storage passive source_threshold event_time",
    "double *": (
        "voltage diagonal right fixed constant self_time self_flag fired_time weights samples"
    ),
    "double *const *": "sampled",
    "int *": ("self_mechanism self_instance source_above spike_count fired_source not_finite"),
    "long long *": "self_weight self_count fired_step fired_count spike_step",
}


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
) -> Program:
    """Print the text of a block.

    Args:
        printers: of its mechanisms, in order of execution.
        live: (ion, field) pairs that have an array over nodes.
        valences: by ion.
        celsius: [degC]
    """
    fields = _fields(printers, live)
    reversal = {ion: _reversal(ion, valences[ion], celsius) for ion in _followed(live)}
    pieces = {
        "functions": intrinsic_functions(),
        "fields": "\n".join(f"    {kind}{_gap(kind)}{name};" for name, kind in fields.items()),
        "mechanisms": "\n\n".join(printer.text() for printer in printers),
        "receives": _cases(printers, "receive", 4),
        "receive_inits": _cases(printers, "receive_init", 12),
        "clears": "\n".join(f"        p->{ion}_i[o] = 0.0;" for ion, field in live if field == "i"),
        "constants": _calls(printers, ("constant",)),
        "currents": _calls(printers, ("observe", "current")),
        "states": "\n".join(_state(q) for q in printers if "state" in q.functions),
        "watches": _watches(printers),
        "before_breakpoints": _each(printers, ["before_breakpoint"], "middle"),
        "ends": _each(printers, ["after_solve", "before_step"], "t"),
        "before_initials": _each(printers, ["before_initial"], "t"),
        "after_initials": _each(printers, ["after_initial", "before_breakpoint"], "t"),
        "before_steps": _each(printers, ["before_step"], "t"),
        "reversals": "\n".join(
            f"        {text.format(when='step')}"
            for ion, text in reversal.items()
            if _is_read_and_written(printers, ion)
        ),
        "initial_reversals": "\n".join(
            f"    {text.format(when='start')}" for text in reversal.values()
        ),
        "inits": "\n".join(_initial(q, reversal) for q in printers),
    }
    text = (Path(__file__).parent / "kernel.cu").read_text()
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", piece)
    return Program(text, tuple(fields), tuple(printers))


def _gap(kind: str) -> str:
    return "" if kind.endswith("*") else " "


def _fields(printers: list[MechanismPrinter], live: list[tuple[str, str]]) -> dict[str, str]:
    fields = {name: kind for kind, names in FIELDS.items() for name in names.split()}
    for k in range(len(printers)):
        fields |= {f"data_{k}": "double *", f"node_{k}": "const int *"}
        fields |= {f"stride_{k}": "long long", f"table_{k}": "const double *"}
        fields |= {f"{name}_{k}": "const long long *" for name in ("ptr", "run", "run_ptr")}
        fields |= {f"source_{k}": "const int *", f"train_{k}": "const double *"}
        fields[f"train_ptr_{k}"] = "const long long *"
    for ion, field in live:
        fields[f"{ion}_{field}"] = "double *"
    for ion in _followed(live):
        for when in ("start", "step"):
            fields |= {f"{ion}_{when}": "const int *", f"{ion}_{when}_ptr": "const long long *"}
    return fields


def _followed(live: list[tuple[str, str]]) -> list[str]:
    """Ions whose reversal potential may follow their concentrations on the device."""
    ions = dict.fromkeys(ion for ion, _ in live)
    return [ion for ion in ions if {(ion, f) for f in ("e", "ci", "co")} <= set(live)]


def _reversal(ion: str, valence: float, celsius: float) -> str:
    return (
        f"update_reversal(cell, p->{ion}_{{when}}_ptr, p->{ion}_{{when}}, p->{ion}_ci, "
        f"p->{ion}_co, p->{ion}_e, {literal(valence)}, {literal(celsius)});"
    )


def _is_read_and_written(printers: list[MechanismPrinter], ion: str) -> bool:
    uses = [use for q in printers for use in q.mechanism.ions if use.ion == ion]
    return any({"ci", "co"} & use.writes for use in uses) and any("e" in u.reads for u in uses)


def _state(printer: MechanismPrinter) -> str:
    call = f"        state_{printer.k}(p, cell, t);"
    return f"{call}\n        __syncthreads();" if printer.touches_ions else call


def _initial(printer: MechanismPrinter, reversal: dict[str, str]) -> str:
    """INITIAL of a mechanism, its fixed values, reversal potentials that it changed."""
    k = printer.k
    queue = "queue, step, " if sends(printer.mechanism.init) else ""
    lines = [f"    init_{k}(p, cell, {queue}t);", "    __syncthreads();"]
    if "derive" in printer.functions:
        lines += [f"    derive_{k}(p, cell, t);", "    __syncthreads();"]
    if writes_concentration(printer.mechanism):
        for use in printer.mechanism.ions:
            if {"ci", "co"} & use.writes and use.ion in reversal:
                lines += [f"    {reversal[use.ion].format(when='start')}", "    __syncthreads();"]
    return "\n".join(lines)


def _calls(printers: list[MechanismPrinter], names: tuple[str, ...]) -> str:
    """Calls, in order of execution, a barrier after each."""
    return "\n".join(
        f"    {name}_{q.k}(p, cell, t);\n    __syncthreads();"
        for q in printers
        for name in q.functions
        if name in names
    )


def _each(printers: list[MechanismPrinter], kernels: list[str], t: str) -> str:
    """Kernels of all mechanisms that have them, one after another."""
    return "\n".join(
        f"    {name}_{q.k}(p, cell, {t});\n    __syncthreads();"
        for name in kernels
        for q in printers
        if name in q.functions
    )


def _watches(printers: list[MechanismPrinter]) -> str:
    """Events up to the start of the step, then the conditions of WATCH."""
    watching = [q.k for q in printers if "watch" in q.functions]
    lines = ["        deliver_events(p, cell, queue, step, now, e);"] if watching else []
    lines += [f"        watch_{k}(p, cell, queue, step, now);" for k in watching]
    return "\n".join(lines)


def _cases(printers: list[MechanismPrinter], name: str, indent: int) -> str:
    pad = " " * indent
    lines = []
    for q in printers:
        if name in q.functions:
            call = f"{name}_{q.k}(p, cell, queue, step, i, w, flag, t);"
            lines += [f"{pad}case {q.k}:", f"{pad}    {call}", f"{pad}    break;"]
    return "\n".join(lines)
