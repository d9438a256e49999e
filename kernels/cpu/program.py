"""The one compiled function of a block: a group of cells through all steps of an epoch.

Its text is printed for the block's list of mechanisms; what runs in a step, and in which order, is
`STEP` below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from kernels.constant import is_constant
from kernels.cpu import cache, events, solver
from kernels.cpu.diffusion import factor_state, move_state, moves, spread_names
from kernels.cpu.numerics import scope_of
from kernels.cpu.pointers import (
    Links,
    add_values,
    copy_one,
    copy_values,
    index_names,
    linked,
)
from kernels.cpu.printer import OUTBOX, MechanismPrinter, arguments, ion_arrays
from kernels.mechanism import AROUND, Mechanism
from kernels.precision import DOUBLE, Precision
from kernels.storage import Storage

QUEUE = (
    "self_time, self_flag, self_mechanism, self_instance, self_weight, self_count, "
    "spike_step, spike_time, spike_source, spike_count"
)

STEP = """\
def advance({arguments}):
    for step in range(first, last):
        now = step * dt
        middle = now + 0.5 * dt
        # sample the state at the start of the step
        due = -1
        for j in range(len(probe_every)):
            probe_row[j] = -1
            if step % probe_every[j] == 0:
                due = j
                row = step // probe_every[j] - probe_first[j]
                probe_row[j] = probe_offset[j] + row * probe_width[j]
        if due >= 0:
{samples}
        # threshold crossings on the voltage just reached
        find_spikes(
            step, dt, voltage, detector_node, detector_threshold, detector_above, detector_source,
            spike_step, spike_time, spike_source, spike_count,
        )
        # events due by the middle of the step, in order of time
        e = event_ptr[step - first]
        watching = {watching}
        limit = (now if watching else middle) + 1e-9 * dt
        while True:
            s = -1
            if self_count[0] > 0:
                s = earliest(limit, self_time, self_count)
            external = e < event_ptr[step - first + 1]
            if external and watching:
                external = event_time[e] <= limit
            if external and s >= 0:
                external = event_time[e] <= self_time[s]
            if external:
                m, i, w = event_mechanism[e], event_instance[e], event_weight[e]
                flag, t = 0.0, event_time[e]
                e += 1
            elif s >= 0:
                m, i, w = self_mechanism[s], self_instance[s], self_weight[s]
                flag, t = self_flag[s], self_time[s]
                remove(s, {self_queue})
            elif watching:
                # conditions of WATCH, after the events up to the start of the step
                watching, limit, t = False, middle + 1e-9 * dt, now
{watches}
                continue
            else:
                break
{receives}
        # currents and conductances at the middle of the step
        t = middle
        {prepare}
{currents}
        # voltages at the end of the step
        {solve}
        {update}(n_place, half_step, right, voltage)
        # states at the end of the step, from the new voltage
        t = now + dt
{states}
"""

_TREE = "lanes, n_place, n_plain, parent, other, axial, coupling, far_coupling"

#: Of each precision: what starts a step, solves the tree and takes over its solution.
_SOLVING = {
    "double": {
        "prepare": "prepare_matrix(n_place, storage, static, constant, voltage, diagonal, right)",
        "solve": f"solve_cable({_TREE}, diagonal, right)",
        "update": "update_voltage",
    },
    "single": {
        "prepare": "prepare_change(n_place, leak, static, constant, voltage, diagonal, right)",
        "solve": f"solve_change({_TREE}, voltage, diagonal, right)",
        "update": "add_change",
    },
}

FIXED = (
    "first, last, dt, half_step, tile_lanes, lanes, n_place, n_plain, parent, other, "
    "axial, coupling, far_coupling, storage, leak, static, constant, voltage, "
    "diagonal, right, detector_node, detector_threshold, detector_above, detector_source, "
    "event_ptr, event_time, event_mechanism, event_instance, event_weight, weights, probe_every, "
    "probe_first, probe_offset, probe_width, probe_row, samples, "
) + QUEUE


@dataclass(frozen=True)
class Program:
    """Compiled functions of a block."""

    advance: Callable[..., None]
    names: tuple[str, ...]  # arguments of advance, in order
    functions: tuple[dict[str, Callable[..., None]], ...]  # per mechanism: init, current, ...
    constant: tuple[bool, ...]  # per mechanism: its current is added once, not at every step


def array_names(n_mechanism: int, live: list[str]) -> list[str]:
    """The arrays that can be sampled: voltage, mechanism data, ion arrays."""
    return ["voltage", *(f"data_{k}" for k in range(n_mechanism)), *live]


def make_program(
    mechanisms: list[Mechanism],
    storages: list[Storage],
    keeps: list[frozenset[str]],
    ion_fields: list[tuple[str, str]],
    valences: dict[str, float],
    celsius: float,
    links: Sequence[Links] = (),
    precision: Precision = DOUBLE,
    moving: Iterable[int] = (),
) -> Program:
    """Print and compile (or load from the cache) the functions of a block."""
    live = [f"{ion}_{field}" for ion, field in ion_fields]
    scope = scope_of(precision)
    scope.update(send=events.send, move=events.move, fire=events.fire)
    functions: list[dict[str, Callable[..., None]]] = []
    modules: list[str] = []
    for mechanism, storage, keep in zip(mechanisms, storages, keeps, strict=True):
        text = MechanismPrinter(mechanism, storage, keep, precision).text()
        module = cache.load(mechanism.name, text, scope)
        modules.append(module.__name__)
        names = [*mechanism.kernels(), "observe"]
        found = {n: getattr(module, f"{n}_{mechanism.name}", None) for n in names}
        functions.append({n: f for n, f in found.items() if f is not None})
    argument_names = [name.strip() for name in FIXED.split(",")]
    for k, functions_of in enumerate(functions):
        argument_names += [f"data_{k}", f"node_{k}", f"n_{k}", f"table_{k}"]
        argument_names += (
            [f"source_{k}", f"train_{k}", f"train_ptr_{k}"] if "receive" in functions_of else []
        )
        of_mechanism = links[k] if links else ()
        argument_names += [n for j in range(len(of_mechanism)) for n in index_names(k, j)]
    argument_names += [name for k in moving for name in spread_names(k, mechanisms[k])]
    argument_names += live
    reversals = []
    for ion in sorted({ion for ion, field in ion_fields if field == "e"} & _followed(mechanisms)):
        argument_names.append(f"{ion}_reversal")
        reversals.append(
            f"update_reversal({ion}_reversal, {ion}_ci, {ion}_co, {ion}_e, {valences[ion]!r}, "
            f"{celsius!r})"
        )
    for array in array_names(len(mechanisms), live):
        argument_names += [f"{array}_probe", f"{array}_place", f"{array}_column"]
    constant = tuple(is_constant(mechanism) for mechanism in mechanisms)
    call = partial(_linked_call, mechanisms, storages, links)
    solving = _SOLVING[precision.name]
    diffusion = []
    for k in moving:
        diffusion += call("diffuse", k) if "diffuse" in functions[k] else []
        diffusion += moves(k, mechanisms[k], storages[k])
    text = _advance_text(
        modules, call, functions, constant, argument_names, live, reversals, diffusion, solving
    )
    advance_scope: dict[str, object] = {
        f"{kernel}_{k}": function
        for k, functions_of in enumerate(functions)
        for kernel, function in functions_of.items()
    }
    advance_scope.update(
        copy_values=copy_values,
        add_values=add_values,
        copy_one=copy_one,
        factor_state=factor_state,
        move_state=move_state,
        find_spikes=events.find_spikes,
        earliest=events.earliest,
        remove=events.remove,
        update_reversal=solver.REVERSALS[precision.name],
        solve_cable=solver.solve_cable,
        prepare_matrix=solver.prepare_matrix,
        update_voltage=solver.update_voltage,
        prepare_change=solver.prepare_change,
        solve_change=solver.solve_change,
        add_change=solver.add_change,
    )
    module = cache.load("advance", text, advance_scope)
    return Program(module.advance, tuple(argument_names), tuple(functions), constant)


def _call(kernel: str, k: int, storage: Storage, extra: str = "") -> str:
    shared = arguments(storage)
    shared = shared.replace("lanes", "tile_lanes")
    for name in ("data", "node", "n", "table"):
        shared = f", {shared}, ".replace(f", {name}, ", f", {name}_{k}, ").strip(", ")
    return f"{kernel}_{k}({shared}{extra})"


def _linked_call(
    mechanisms: Sequence[Mechanism],
    storages: Sequence[Storage],
    links: Sequence[Links],
    kernel: str,
    k: int,
    extra: str = "",
) -> list[str]:
    """The lines that call a kernel."""
    call = _call(kernel, k, storages[k], extra)
    if kernel == "receive":
        call = call.replace(f"n_{k}, tile_lanes, ", "i, weights, w, flag, ", 1)
    return linked(mechanisms[k], links[k], k, kernel, call) if links else [call]


def _followed(mechanisms: list[Mechanism]) -> set[str]:
    """Ions with a reversal potential that may follow concentrations."""
    uses = [use for mechanism in mechanisms for use in mechanism.ions]
    written = {use.ion for use in uses if {"ci", "co"} & use.writes}
    return written & {use.ion for use in uses if "e" in use.reads}


def _advance_text(
    modules: list[str],
    call: Callable[..., list[str]],
    functions: list[dict[str, Callable[..., None]]],
    constant: tuple[bool, ...],
    names: list[str],
    live: list[str],
    reversals: list[str],
    diffusion: list[str],
    solving: dict[str, str],
) -> str:
    currents = reversals + [f"{array}[:] = 0.0" for array in live if array.endswith("_i")]
    states: list[str] = []
    receives: list[str] = []
    watches: list[str] = []
    around: dict[str, list[str]] = {name: [] for name in AROUND}
    for k, functions_of in enumerate(functions):
        kernel = "observe" if constant[k] else "current"
        if kernel in functions_of:
            currents += call(kernel, k)
        if "state" in functions_of:
            states += call("state", k)
        for name in AROUND:
            if name in functions_of:
                around[name] += call(name, k)
        if "watch" in functions_of:
            outbox = OUTBOX.replace("mechanism, source, ", f"{k}, source_{k}, ", 1)
            watches += call("watch", k, f", {outbox}, train_{k}, train_ptr_{k}")
        if "receive" in functions_of:
            outbox = OUTBOX.replace("mechanism, source, ", f"m, source_{k}, ", 1)
            lines = call("receive", k, f", {outbox}, train_{k}, train_ptr_{k}")
            receives.append(f"{'elif' if receives else 'if'} m == {k}:")
            receives += [f"    {line}" for line in lines]
    samples = []
    for array in array_names(len(modules), live):
        samples += [
            f"for j in range(len({array}_probe)):",
            f"    row = probe_row[{array}_probe[j]]",
            "    if row >= 0:",
            f"        samples[row + {array}_column[j]] = {array}[{array}_place[j]]",
        ]
    header = f"# {' '.join(modules)}\n"
    return header + STEP.format(
        **solving,
        arguments=", ".join(names),
        samples=_block(samples, 3),
        receives=_block(receives, 3),
        watching=bool(watches),
        watches=_block(watches, 4),
        currents=_block([*around["before_breakpoint"], *currents], 2),
        states=_block([*states, *diffusion, *around["after_solve"], *around["before_step"]], 2),
        self_queue="self_time, self_flag, self_mechanism, self_instance, self_weight, self_count",
    )


def _block(lines: list[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines or ["pass"])


__all__ = ["Program", "array_names", "ion_arrays", "make_program"]
