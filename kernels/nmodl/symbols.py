"""What every name of a .mod file is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from kernels.errors import NmodlError
from kernels.mechanism import SPECIAL, Current, IonUse, Variable
from kernels.nmodl import tree
from kernels.nmodl.build import mangle
from kernels.nmodl.random import declare_streams
from kernels.nmodl.scanner import Position
from kernels.nmodl.units import UnitError, UnitTable

POINTERS = ("POINTER", "BBCOREPOINTER")


@dataclass
class Symbols:
    """The tables; keys are names as bodies have them."""

    parameters: dict[str, Variable] = field(default_factory=dict)
    globals: dict[str, Variable] = field(default_factory=dict)
    states: dict[str, Variable] = field(default_factory=dict)
    assigned: dict[str, Variable] = field(default_factory=dict)
    ion_variables: dict[str, bool] = field(default_factory=dict)  # name -> written
    constants: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, int] = field(default_factory=dict)  # .mod name -> length
    memory: set[str] = field(default_factory=set)  # arrays of `kernels.nmodl.arrays`
    routines: dict[str, tree.Routine] = field(default_factory=dict)
    ions: tuple[IonUse, ...] = ()
    currents: tuple[Current, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)  # name -> what it is: RANDOM
    externals: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()  # random; see `kernels.nmodl.random`
    #: states that are concentrations of an ion: kept by the ion
    ion_states: set[str] = field(default_factory=set)
    #: default values that INITIAL gives to states
    initial: dict[str, float | str] = field(default_factory=dict)

    def instance(self) -> dict[str, Variable]:
        """Everything with one value an instance."""
        return {**self.parameters, **self.states, **self.assigned}

    def storable(self) -> set[str]:
        """Variables that a body may change for good."""
        written = {n for n, w in self.ion_variables.items() if w}
        return set(self.instance()) | written

    def knows(self, name: str) -> bool:
        return (
            name in SPECIAL
            or name in self.globals
            or name in self.ion_variables
            or name in self.instance()
        )

    def scalars(self, name: str) -> list[str]:
        """The variables of a .mod name: itself, or the elements of an array."""
        if name not in self.arrays:
            return [mangle(name)]
        return [element(name, i) for i in range(self.arrays[name])]


def element(name: str, i: int) -> str:
    """The variable that holds element i of an array."""
    return f"{mangle(name)}_{i}_"


def make_symbols(file: tree.File) -> Symbols:
    """Sort the names of a file into parameters, globals, states, assigned and the rest.

    Raises:
        NmodlError: a name is declared twice, or a unit is unknown.
    """
    symbols = Symbols()
    symbols.routines = {
        r.name: r for r in file.routines if r.name and r.keyword not in ("BEFORE", "AFTER")
    }
    set_names = set(assigned_names(file))
    _add_constants(file, symbols, set_names)
    _add_ions(file, symbols)
    ranges = {n.id for n in file.neuron.names.get("RANGE", ())}
    declare_streams(file, symbols)
    pointers = {mangle(n.id) for k in POINTERS for n in file.neuron.names.get(k, ())}
    symbols.pointers = tuple(sorted(pointers))
    symbols.assigned.update({name: Variable(name) for name in symbols.pointers})
    for found in file.neuron.names.get("RANDOM", ()):
        symbols.refused[mangle(found.id)] = "RANDOM"
    symbols.externals = tuple(mangle(n.id) for n in file.neuron.names.get("EXTERNAL", ()))
    symbols.globals.update({name: Variable(name) for name in symbols.externals})
    outside = set(SPECIAL) | set(symbols.ion_variables) | set(symbols.refused)
    for declared in (*file.parameters, *file.assigned, *file.states, *file.locals):
        if declared.length:
            symbols.arrays[declared.name] = declared.length
    for declared in file.parameters:
        is_range = declared.name in ranges or declared.name in set_names
        table = symbols.parameters if is_range else symbols.globals
        _declare(symbols, table, declared, outside, default_of(declared))
    _add_states(file, symbols, outside)
    for declared in (*file.assigned, *file.locals):
        _declare(symbols, symbols.assigned, declared, outside, 0.0)
    _add_currents(file, symbols)
    return symbols


def default_of(declared: tree.Declaration) -> float:
    """Value of a PARAMETER or STATE: six digits, as NEURON writes it into the code it makes."""
    return float(f"{declared.value or 0.0:g}")


def _declare(
    symbols: Symbols,
    table: dict[str, Variable],
    declared: tree.Declaration,
    outside: set[str],
    default: float,
) -> None:
    for name in symbols.scalars(declared.name):
        if name in outside or symbols.knows(name):
            continue
        table[name] = Variable(name, declared.unit, default)


def _add_constants(file: tree.File, symbols: Symbols, set_names: set[str]) -> None:
    units = UnitTable()
    for definition in file.units:
        try:
            if not definition.constant:
                units.define(definition.name, definition.definition)
            elif definition.value is not None:
                symbols.constants[mangle(definition.name)] = definition.value
            else:
                value = units.convert(definition.definition, definition.to)
                symbols.constants[mangle(definition.name)] = value
        except UnitError as problem:
            at = definition.at
            raise NmodlError(at.file, at.line, at.column, f"UNITS: {problem}") from problem
    for name, value in file.defines.items():
        symbols.constants[mangle(name)] = value
    for declared in file.constants:
        if declared.name in set_names:
            name, value = mangle(declared.name), float(declared.value or 0.0)
            symbols.parameters[name] = Variable(name, declared.unit, value)
            continue
        symbols.constants[mangle(declared.name)] = float(declared.value or 0.0)


def _add_ions(file: tree.File, symbols: Symbols) -> None:
    uses: list[IonUse] = []
    for use in file.neuron.ions:
        fields = {f"e{use.ion}": "e", f"{use.ion}i": "ci", f"{use.ion}o": "co", f"i{use.ion}": "i"}
        sides: list[frozenset[str]] = []
        for names in (use.reads, use.writes):
            for name in names:
                if name not in fields:
                    message = f"{name} is not a variable of ion {use.ion}: {', '.join(fields)} are"
                    raise _error(use.at, message)
            sides.append(frozenset(fields[n] for n in names))
        if file.neuron.kind == "artificial" and (sides[0] | sides[1]) - {"i"}:
            raise _error(use.at, f"an ARTIFICIAL_CELL is nowhere: it has no ion {use.ion}")
        uses.append(IonUse(use.ion, use.valence, sides[0], sides[1]))
        for name, ion_field in fields.items():
            if ion_field in sides[0] | sides[1]:
                symbols.ion_variables[mangle(name)] = ion_field in sides[1]
    symbols.ions = tuple(uses)


def _add_states(file: tree.File, symbols: Symbols, outside: set[str]) -> None:
    declared_values = {d.name: d for d in file.parameters}
    for declared in file.states:
        start = declared_values.get(f"{declared.name}0")
        default = default_of(declared if start is None else start)
        for name in symbols.scalars(declared.name):
            if name in symbols.ion_variables:
                symbols.ion_states.add(name)
                continue
            if name in outside or symbols.knows(name):
                raise _error(declared.at, f"{declared.name} is declared twice")
            symbols.states[name] = Variable(name, declared.unit, default)
            given = mangle(f"{declared.name}0")
            symbols.initial[name] = given if start is not None else default


def _add_currents(file: tree.File, symbols: Symbols) -> None:
    currents: list[Current] = []
    for use in symbols.ions:
        if "i" in use.writes:
            name = mangle(use.variable("i"))
            currents.append(Current(name, use.ion))
            if "i" not in use.reads:
                symbols.assigned.setdefault(name, Variable(name, "mA/cm2"))
    names = file.neuron.names
    currents += [Current(mangle(n.id)) for n in names.get("NONSPECIFIC_CURRENT", ())]
    electrode = names.get("ELECTRODE_CURRENT", ())
    currents += [Current(mangle(n.id), electrode=True) for n in electrode]
    for current in currents:
        if current.ion is None and not symbols.knows(current.name):
            symbols.assigned[current.name] = Variable(current.name)
    symbols.currents = tuple(currents)


def assigned_names(file: tree.File) -> Iterator[str]:
    """Names of variables that some block sets; arguments and LOCALs that hide them are left out."""
    for routine in file.routines:
        hidden = {a.name for a in routine.args} | {routine.name}
        yield from assigned_in(routine.body, hidden)
        if routine.keyword in ("DERIVATIVE", "KINETIC", "LINEAR", "NONLINEAR"):
            yield from (d.name for d in file.states)


def assigned_in(block: tree.Block, hidden: Collection[str] = ()) -> Iterator[str]:
    """Names that statements of a block set, those of `hidden` and its LOCALs left out."""
    hidden = set(hidden)
    for statement in block.statements:
        if isinstance(statement, tree.Local):
            hidden |= {n for n, _ in statement.names}
        elif isinstance(statement, tree.Assign) and statement.target.id not in hidden:
            yield statement.target.id
        elif isinstance(statement, tree.If):
            yield from assigned_in(statement.body, hidden)
            yield from assigned_in(statement.orelse, hidden)
        elif isinstance(statement, tree.While | tree.From | tree.ForNetcons | tree.Initial):
            yield from assigned_in(statement.body, hidden)


def _error(at: Position, message: str) -> NmodlError:
    return NmodlError(at.file, at.line, at.column, message)
