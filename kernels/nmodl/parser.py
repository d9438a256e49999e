"""Text of a .mod file to its tree."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl.cursor import Cursor
from kernels.nmodl.declarations import parse_declarations, parse_neuron, parse_units
from kernels.nmodl.problems import MOST, together
from kernels.nmodl.scanner import Position, Source, Token
from kernels.nmodl.statements import parse_arguments, parse_block, parse_locals

#: Blocks of statements and what stands between the word and the brace.
ROUTINES = {
    "INITIAL": "", "BREAKPOINT": "", "CONSTRUCTOR": "", "DESTRUCTOR": "",
    "FUNCTION": "name args", "PROCEDURE": "name args", "NET_RECEIVE": "args",
    "DERIVATIVE": "name", "KINETIC": "name", "LINEAR": "name", "NONLINEAR": "name",
    "DISCRETE": "name", "PARTIAL": "name", "BEFORE": "name", "AFTER": "name",
}  # fmt: skip
DECLARATIONS = {
    "PARAMETER": "parameters", "ASSIGNED": "assigned", "STATE": "states", "CONSTANT": "constants",
}  # fmt: skip
_OTHERS = ("NEURON", "UNITS", "LOCAL", "DEFINE", "INCLUDE", "FUNCTION_TABLE", "INDEPENDENT")
MAX_INCLUDES = 20
_UNIT_SIGNS = ("(", ")", "/", "-", "*", "^", ".", ",")


@dataclass
class _Parts:
    """What has been read so far."""

    title: str = ""
    neuron: tree.Neuron | None = None
    units: list[tree.UnitDefinition] = field(default_factory=list)
    declarations: dict[str, list[tree.Declaration]] = field(default_factory=dict)
    locals: list[tree.Declaration] = field(default_factory=list)
    routines: list[tree.Routine] = field(default_factory=list)
    verbatims: list[tree.Verbatim] = field(default_factory=list)
    defines: dict[str, float] = field(default_factory=dict)
    included: int = 0
    texts: list[str] = field(default_factory=list)


def parse(text: str, file: str = "<text>") -> tree.File:
    """Parse a .mod file.

    Args:
        text: the NMODL text.
        file: its path, for messages and for finding what it INCLUDEs.

    Raises:
        NmodlError: the text is not NMODL; the message names the place and what was expected.
    """
    parts = _Parts()
    _parse_text(text, file, parts)
    neuron = parts.neuron or tree.Neuron(Position(file, 1, 1))
    if parts.neuron is None and parts.routines:
        neuron = tree.Neuron(Position(file, 1, 1), "density", _name_of(file))
    declared = {n: tuple(parts.declarations.get(n, ())) for n in DECLARATIONS.values()}
    return tree.File(
        at=Position(file, 1, 1),
        title=parts.title,
        neuron=neuron,
        units=tuple(parts.units),
        defines=parts.defines,
        **declared,
        locals=tuple(parts.locals),
        routines=tuple(parts.routines),
        verbatims=tuple(parts.verbatims),
        text="\n".join(parts.texts),
    )


def _name_of(file: str) -> str:
    """The name of a mechanism without a NEURON block: that of its file, as in NEURON."""
    stem = Path(file).stem
    return stem if re.fullmatch(r"\w+", stem) else ""


def _parse_text(text: str, file: str, parts: _Parts) -> None:
    cursor = Cursor(Source(text, file))
    cursor.defines = parts.defines
    parts.texts.append(text)
    problems: list[NmodlError] = []
    while cursor.token.kind != "end" and len(problems) < MOST:
        try:
            _parse_part(cursor, parts)
        except NmodlError as problem:
            problems.append(problem)
            _recover(cursor)
    if problems:
        raise together(problems)


def _recover(cursor: Cursor) -> None:
    """Go on after an error: to the next word at the beginning of a line that opens a block."""
    cursor.depth = 0
    while cursor.token.kind != "end":
        cursor.take()
        word = cursor.token.text if cursor.token.at.column == 1 else ""
        if word in ROUTINES or word in DECLARATIONS or word in _OTHERS:
            return


def _parse_part(cursor: Cursor, parts: _Parts) -> None:
    token = cursor.token
    if token.kind == "title":
        parts.title = token.text
        cursor.take()
        return
    if token.kind == "verbatim":
        parts.verbatims.append(tree.Verbatim(token.at, token.text))
        cursor.take()
        return
    known = token.kind == "name" and (
        token.text in ROUTINES or token.text in DECLARATIONS or token.text in _OTHERS
    )
    if cursor.accept("UNITSON", "UNITSOFF"):
        return
    if not known:
        raise cursor.error("expected the name of a block such as NEURON, PARAMETER or BREAKPOINT")
    cursor.take()
    word = token.text
    if word in ROUTINES:
        parts.routines.append(_parse_routine(cursor, word, token.at))
    elif word in DECLARATIONS:
        parts.declarations.setdefault(DECLARATIONS[word], []).extend(parse_declarations(cursor))
    else:
        _parse_other(cursor, parts, word, token)


def _parse_other(cursor: Cursor, parts: _Parts, word: str, token: Token) -> None:
    if word == "NEURON":
        parts.neuron = _merge(parts.neuron, parse_neuron(cursor))
    elif word == "UNITS":
        parts.units += parse_units(cursor)
    elif word == "LOCAL":
        for name, length in parse_locals(cursor, token).names:
            parts.locals.append(tree.Declaration(token.at, name, None, "", length))
    elif word == "DEFINE":
        name = cursor.name("a name to define").text
        parts.defines[name] = cursor.number()
    elif word == "INCLUDE":
        _include(cursor, parts)
    elif word == "FUNCTION_TABLE":
        name = cursor.name("the name of a function").text
        args = parse_arguments(cursor)
        unit = cursor.unit()
        empty = tree.Block(token.at)
        parts.routines.append(tree.Routine(token.at, word, name, args, empty, unit))
    else:
        _skip_braces(cursor)


def _parse_routine(cursor: Cursor, word: str, at: Position) -> tree.Routine:
    name = ""
    args: tuple[tree.Argument, ...] = ()
    solvefor: tuple[str, ...] = ()
    if "name" in ROUTINES[word]:
        name = cursor.name(f"a name after {word}").text
    if "args" in ROUTINES[word] and (word != "PROCEDURE" or cursor.at("(")):
        args = parse_arguments(cursor)
    unit = cursor.unit()
    if cursor.accept("SOLVEFOR"):
        names = [cursor.name().text]
        while cursor.accept(","):
            names.append(cursor.name().text)
        solvefor = tuple(names)
    return tree.Routine(at, word, name, args, parse_block(cursor), unit, solvefor)


def _skip_braces(cursor: Cursor) -> None:
    """A block that means nothing here, INDEPENDENT: names, numbers and units."""
    cursor.expect("{")
    while not cursor.accept("}"):
        token = cursor.token
        if token.kind not in ("name", "number") and token.text not in _UNIT_SIGNS:
            raise cursor.error('expected a name, a number, a unit or "}"')
        cursor.take()


def _merge(first: tree.Neuron | None, second: tree.Neuron) -> tree.Neuron:
    """Several NEURON blocks are one."""
    if first is None:
        return second
    names = dict(first.names)
    for keyword, found in second.names.items():
        names[keyword] = names.get(keyword, ()) + found
    kind, name = second.kind or first.kind, second.name or first.name
    return tree.Neuron(first.at, kind, name, first.ions + second.ions, names)


def _include(cursor: Cursor, parts: _Parts) -> None:
    token = cursor.token
    if token.kind != "string":
        raise cursor.error("expected the name of a file in quotes")
    cursor.take()
    parts.included += 1
    path = Path(cursor.source.file).parent / token.text[1:-1]
    if parts.included > MAX_INCLUDES:
        raise cursor.source.error(token.at, f"more than {MAX_INCLUDES} files are included")
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as problem:
        raise NmodlError(
            token.at.file,
            token.at.line,
            token.at.column,
            f"cannot include {path}: {problem.strerror}",
        ) from problem
    _parse_text(text, str(path), parts)
