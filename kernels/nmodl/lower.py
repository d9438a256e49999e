"""The tree of a .mod file to a Mechanism."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernels.errors import NmodlError
from kernels.mechanism import AROUND, SPECIAL, Kernel, Mechanism
from kernels.nmodl import tree
from kernels.nmodl.arrays import NeedsMemory, place_memory
from kernels.nmodl.build import assign, mangle, name, num
from kernels.nmodl.c_routines import without_verbatim
from kernels.nmodl.checks import check
from kernels.nmodl.current import make_current
from kernels.nmodl.dataflow import half_set, loads_of, stores_of, zero_unset
from kernels.nmodl.diffusion import lower_diffusion
from kernels.nmodl.function_tables import arguments_of
from kernels.nmodl.library import with_library
from kernels.nmodl.netcons import lower_for_netcons
from kernels.nmodl.optimise import optimise
from kernels.nmodl.problems import together
from kernels.nmodl.solve import advance, solve, solves_in
from kernels.nmodl.symbols import Symbols, make_symbols
from kernels.nmodl.tables import Tables
from kernels.nmodl.translate import Body, Environment, Translator
from kernels.nmodl.watch import Watches


@functools.cache
def _version() -> str:
    """Changes whenever this compiler does: the same text may lower to something else."""
    own = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in own)).hexdigest()


def make_mechanism(file: tree.File, tables: bool = True) -> Mechanism:
    """Check and lower a parsed file.

    Args:
        file: its tree.
        tables: False computes what a TABLE holds exactly instead.

    Raises:
        NmodlError: the file holds what is wrong or not supported.
    """
    file = with_library(without_verbatim(file))
    check(file)
    in_memory: set[str] = set()
    while True:
        try:
            return _lowered(file, tables, in_memory)
        except NeedsMemory as found:
            in_memory.add(found.array)


def _lowered(file: tree.File, tables: bool, in_memory: set[str]) -> Mechanism:
    """The mechanism, with these arrays in its memory."""
    symbols = make_symbols(file)
    symbols.memory |= in_memory
    translator = Translator(file, symbols)
    translator.hooks["advance"] = lambda routine, env, out: advance(translator, routine, out)
    table_maker = Tables(translator)
    if tables:
        translator.table = table_maker.look_up
    lowerings = (_init, _state, _current, _receive, lower_diffusion)
    attempts = [_attempt(lower, translator) for lower in lowerings]
    problems = [found for found in attempts if isinstance(found, NmodlError)]
    if problems:
        raise together(problems)
    initial, states, (body, affine), (receive, receive_init, watch) = attempts[:-1]
    diffuse, diffusing = attempts[-1]
    state, current = _finish(symbols, states), _finish(symbols, body)
    init = _finish(symbols, [*table_maker.side_effects, *initial])
    made = Mechanism(
        name=file.neuron.name,
        kind=file.neuron.kind,
        file=file.at.file,
        digest=hashlib.sha256(f"{_version()} {tables} {file.text}".encode()).hexdigest(),
        parameters=symbols.parameters,
        globals=symbols.globals,
        states=symbols.states,
        assigned=symbols.assigned,
        ions=symbols.ions,
        currents=symbols.currents,
        init=init,
        current=current,
        affine=affine,
        state=state,
        receive=receive,
        receive_init=receive_init,
        watch=watch,
        **_around(translator),
        tables=tuple(table_maker.made.values()),
        diffuse=diffuse,
        diffusing=diffusing,
        function_tables=arguments_of(file),
        memory=place_memory(translator),
        streams=symbols.streams,
    )
    used = {n for k in made.kernels().values() for n in (*k.loads, *k.stores)}
    return replace(
        made,
        pointers=tuple(p for p in symbols.pointers if p in used),
        externals=tuple(n for n in symbols.externals if n in used),
    )


def _attempt(lower: Callable[[Translator], Any], translator: Translator) -> Any:
    """What a function gives, or the error that it raises."""
    try:
        return lower(translator)
    except NmodlError as problem:
        return problem


def _blocks(file: tree.File, keyword: str) -> list[tree.Routine]:
    return [r for r in file.routines if r.keyword == keyword]


def _init(translator: Translator) -> Body:
    out: Body = []
    for state, value in translator.symbols.initial.items():
        out.append(assign(state, name(value) if isinstance(value, str) else num(value)))

    def solve_now(statement: tree.Solve, env: Environment, out: Body) -> None:
        solve(translator, statement, out)

    with translator.hooked(solve=solve_now, event=translator.send):
        for keyword in ("CONSTRUCTOR", "INITIAL"):
            for routine in _blocks(translator.file, keyword):
                translator.block(routine.body, {}, out)
    return out


def _state(translator: Translator) -> Body:
    """The SOLVE statements of the BREAKPOINT, in order; as in NEURON no if or loop holds them.

    Where there is no current, the rest of the BREAKPOINT follows them, as in NEURON.
    """
    out: Body = []
    for routine in _blocks(translator.file, "BREAKPOINT"):
        for statement in solves_in(routine.body):
            solve(translator, statement, out)
    if not translator.symbols.currents:
        out += _breakpoint(translator)
    return out


def _current(translator: Translator) -> tuple[Body, bool]:
    """The rest of the BREAKPOINT, where there is a current."""
    currents = translator.symbols.currents
    out = _breakpoint(translator) if currents else []
    if not out:
        return out, True
    return make_current(_localised(translator.symbols, out), currents)


def _breakpoint(translator: Translator) -> Body:
    """The BREAKPOINT without its SOLVE statements."""
    out: Body = []

    def skip(statement: tree.Solve, env: Environment, out: Body) -> None:
        """SOLVE statements make the state kernel."""

    with translator.hooked(solve=skip):
        for routine in _blocks(translator.file, "BREAKPOINT"):
            translator.block(routine.body, {}, out)
    return out


def _around(translator: Translator) -> dict[str, Any]:
    """BEFORE and AFTER blocks."""
    bodies: dict[str, Body] = {}
    for kernel, (keyword, name_) in AROUND.items():
        for routine in _blocks(translator.file, keyword):
            if routine.name == name_:
                translator.block(routine.body, {}, bodies.setdefault(kernel, []))
    return {kernel: _finish(translator.symbols, body) for kernel, body in bodies.items()}


def _receive(translator: Translator) -> tuple[Kernel | None, Kernel | None, Kernel]:
    found = _blocks(translator.file, "NET_RECEIVE")
    if not found:
        return None, None, Kernel()
    routine = found[0]
    env: Environment = {a.name: _argument(translator.symbols, a.name) for a in routine.args}
    args = tuple(env.values())
    out: Body = []
    watches = Watches(translator, routine)

    def for_netcons(statement: tree.ForNetcons, env: Environment, out: Body) -> None:
        lower_for_netcons(translator, statement, args, env, out)

    with translator.hooked(
        event=translator.send,
        initial=_separately,
        watch=watches.activate,
        fornetcons=for_netcons,
    ):
        translator.block(routine.body, {**env, "flag": watches.flag}, out)
    out = watches.deliver(out)
    receive = _finish(translator.symbols, out, args, _sets_voltage(translator, routine))
    receive_init = None
    for statement in routine.body.statements:
        if isinstance(statement, tree.Initial):
            out = []
            translator.block(statement.body, env, out)
            receive_init = _finish(translator.symbols, out, args)
    watch = _finish(translator.symbols, watches.kernel) if watches.kernel else Kernel()
    return receive, receive_init, watch


def _sets_voltage(translator: Translator, routine: tree.Routine) -> bool:
    """Does NET_RECEIVE itself set v? There it is the node's, elsewhere a copy, as in NEURON."""
    if translator.file.neuron.kind == "artificial" or "v" in {a.name for a in routine.args}:
        return False
    for node in tree.walk(routine.body):
        if isinstance(node, tree.Assign) and node.target.id == "v":
            return True
        if isinstance(node, tree.Call) and node.id == "state_discontinuity":
            first = node.args[0] if node.args else None
            if isinstance(first, tree.Name) and first.id == "v":
                return True
    return False


def _separately(statement: tree.Initial, env: Environment, out: Body) -> None:
    """INITIAL of NET_RECEIVE is a kernel of its own."""


def _argument(symbols: Symbols, argument: str) -> str:
    """An argument of NET_RECEIVE; it hides a variable of the same name."""
    mangled = mangle(argument)
    taken = symbols.knows(mangled) or mangled in SPECIAL or mangled == "flag"
    return f"{mangled}_argument" if taken else mangled


def _localised(
    symbols: Symbols, body: Body, args: tuple[str, ...] = (), voltage: bool = False
) -> Body:
    """Variables that a body sets but may not keep (v, what is only read) become temporaries."""
    keep = symbols.storable() | set(args) | {c.name for c in symbols.currents}
    keep |= {"v"} if voltage else set()
    local = {n for n in stores_of(body) if not n.startswith("_") and n not in keep}
    if not local:
        return body
    renamed = {n: f"_own_{n}" for n in sorted(local)}
    starts = [assign(own, name(n)) for n, own in renamed.items() if n in loads_of(body)]
    return starts + [_Rename(renamed).visit(s) for s in body]


def _finish(
    symbols: Symbols, body: Body, args: tuple[str, ...] = (), voltage: bool = False
) -> Kernel:
    """Simplify a body and say what it reads and sets; whether v is one of that."""
    statements = optimise(zero_unset(_localised(symbols, body, args, voltage)))
    stores = {n for n in stores_of(statements) if not n.startswith("_")}
    loads = loads_of(statements) | half_set(statements) & stores
    return Kernel(statements, tuple(sorted(loads)), tuple(sorted(stores)), args)


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def read(path: str | Path) -> str:
    """The text of a .mod file; old ones are Latin-1."""
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
