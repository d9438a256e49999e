"""The declaring blocks of a .mod file: NEURON, UNITS, PARAMETER, STATE, ASSIGNED, CONSTANT."""

from __future__ import annotations

from kernels.nmodl import tree
from kernels.nmodl.cursor import Cursor
from kernels.nmodl.scanner import Token

#: Words of a NEURON block that are followed by names.
NAME_LISTS = (
    "RANGE", "GLOBAL", "POINTER", "BBCOREPOINTER", "RANDOM", "EXTERNAL",
    "NONSPECIFIC_CURRENT", "ELECTRODE_CURRENT", "ELECTRODE_CURENT", "SECTION",
)  # fmt: skip
KINDS = {"SUFFIX": "density", "POINT_PROCESS": "point", "ARTIFICIAL_CELL": "artificial"}


def parse_neuron(cursor: Cursor) -> tree.Neuron:
    """The NEURON block."""
    opening = cursor.expect("{")
    kind = name = ""
    ions: list[tree.UseIon] = []
    names: dict[str, list[tree.Name]] = {}
    while not cursor.at("}"):
        token = cursor.token
        if token.kind == "name" and token.text in KINDS:
            cursor.take()
            kind, name = KINDS[token.text], _parse_suffix(cursor)
        elif cursor.accept("USEION"):
            ions.append(_parse_use_ion(cursor, token))
        elif cursor.accept(*NAME_LISTS):
            keyword = token.text.replace("CURENT", "CURRENT")
            names.setdefault(keyword, []).extend(_parse_names(cursor))
        elif cursor.accept("REPRESENTS"):
            cursor.take()
        elif cursor.accept("THREADSAFE"):
            if cursor.token.kind == "name" and cursor.peek().text == ",":
                _parse_names(cursor)
        else:
            words = ", ".join([*KINDS, "USEION", *NAME_LISTS[:8], "THREADSAFE"])
            raise cursor.error(f"expected one of {words}")
    cursor.expect("}")
    listed = {keyword: tuple(found) for keyword, found in names.items()}
    return tree.Neuron(opening.at, kind, name, tuple(ions), listed)


def _parse_suffix(cursor: Cursor) -> str:
    """A name, which here may begin with a digit."""
    token = cursor.take()
    if token.kind == "number" and cursor.token.kind == "name" and cursor.token.start == token.stop:
        return token.text + cursor.take().text
    if token.kind not in ("name", "number"):
        raise cursor.error("expected the name of the mechanism", token)
    return token.text


def _parse_names(cursor: Cursor) -> list[tree.Name]:
    names = []
    while True:
        token = cursor.name()
        names.append(tree.Name(token.at, token.text))
        if not cursor.accept(","):
            return names


def _parse_use_ion(cursor: Cursor, token: Token) -> tree.UseIon:
    ion = cursor.name("the name of an ion").text
    reads: list[str] = []
    writes: list[str] = []
    valence: float | None = None
    while cursor.at("READ", "WRITE", "VALENCE", "REPRESENTS"):
        word = cursor.take().text
        if word == "VALENCE":
            valence = cursor.number("a valence")
        elif word == "REPRESENTS":
            cursor.take()
        else:
            (reads if word == "READ" else writes).extend(n.id for n in _parse_names(cursor))
    return tree.UseIon(token.at, ion, tuple(reads), tuple(writes), valence)


def parse_units(cursor: Cursor) -> list[tree.UnitDefinition]:
    """The UNITS block."""
    cursor.expect("{")
    found = []
    while not cursor.at("}"):
        token = cursor.token
        if cursor.accept("UNITSON", "UNITSOFF"):
            continue
        if cursor.at("("):
            name = cursor.unit()
            cursor.expect("=")
            if not cursor.at("("):
                raise cursor.error("expected a unit in parentheses")
            found.append(tree.UnitDefinition(token.at, name, cursor.unit()))
            continue
        name = cursor.name("a unit in parentheses or the name of a constant").text
        cursor.expect("=")
        found.append(_parse_unit_constant(cursor, token, name))
    cursor.expect("}")
    return found


def _parse_unit_constant(cursor: Cursor, token: Token, name: str) -> tree.UnitDefinition:
    if not cursor.at("("):
        value = cursor.number("a unit in parentheses or a number")
        return tree.UnitDefinition(token.at, name, "", cursor.unit(), value, True)
    definition = cursor.unit()
    if not cursor.at("("):
        raise cursor.error("expected the unit to convert to, in parentheses")
    return tree.UnitDefinition(token.at, name, definition, cursor.unit(), None, True)


def parse_declarations(cursor: Cursor) -> list[tree.Declaration]:
    """The body of PARAMETER, ASSIGNED, STATE or CONSTANT: names, values, units, limits."""
    cursor.expect("{")
    found = []
    while not cursor.at("}"):
        if cursor.accept("UNITSON", "UNITSOFF", ",", ";"):
            continue
        found.append(_parse_declaration(cursor))
    cursor.expect("}")
    return found


def _parse_declaration(cursor: Cursor) -> tree.Declaration:
    token = cursor.name("the name of a variable or }")
    value, length = None, 0
    if cursor.accept("["):
        length = cursor.integer("the length of an array")
        cursor.expect("]")
    if cursor.accept("="):
        value = cursor.number()
        while cursor.accept(","):  # one value an element
            cursor.number()
    unit = cursor.unit()
    while cursor.at("<", "FROM", "START"):
        value = _parse_limits(cursor, value)
        unit = cursor.unit() or unit
    return tree.Declaration(token.at, token.text, value, unit, length)


def _parse_limits(cursor: Cursor, value: float | None) -> float | None:
    """<low, high>, <tolerance>, FROM low TO high, START value."""
    if cursor.accept("<"):
        cursor.number()
        if cursor.accept(","):
            cursor.number()
        cursor.expect(">")
    elif cursor.accept("FROM"):
        cursor.number()
        cursor.expect("TO")
        cursor.number()
    else:
        cursor.expect("START")
        value = cursor.number()
    return value
