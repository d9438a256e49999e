"""Files with VERBATIM blocks to files without: every routine that the simulation reaches."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl import verbatim as table
from kernels.nmodl.c_declare import file_variables
from kernels.nmodl.c_parser import C, CParser
from kernels.nmodl.c_scanner import CToken, Macros, numbers, scan_c
from kernels.nmodl.c_scope import NULL, FileFacts, Known, Scope
from kernels.nmodl.c_translate import CTranslator
from kernels.nmodl.returns import is_plain
from kernels.nmodl.scanner import Position
from kernels.nmodl.tree import walk

#: Blocks that run by themselves.
ROOTS = ("INITIAL", "BREAKPOINT", "NET_RECEIVE", "CONSTRUCTOR", "BEFORE", "AFTER")
_POINTERS = ("POINTER", "BBCOREPOINTER")
_DEREFERENCED = re.compile(r"\b(_p_\w+)|\(\s*(?:void|double)\s*\*+\s*\)\s*\(?\s*&\s*(\w+)")


def without_verbatim(file: tree.File) -> tree.File:
    """Translate the C of a file.

    Raises:
        NmodlError: a block that is reached holds C that is not understood.
    """
    if not any(map(_has_verbatim, file.routines)) and not file.verbatims:
        return file
    macros = Macros()
    pieces = [(_code(v), _after_word(v)) for v in file.verbatims]
    try:
        tokens = scan_c(pieces, macros)
    except NmodlError:
        if _needs_c(file):
            raise
        tokens = []
    own = _functions(tokens)
    values = {**numbers(macros), **_constants(tokens)}
    file = replace(file, defines={**_undeclared(values, file), **file.defines})
    file = _with_c_functions(file, own)
    facts = _facts(file)
    reached = _reached(file)
    rewriter = _Rewriter(facts, macros, own, file_variables(tokens))
    routines = []
    for routine in file.routines:
        if routine.keyword != "DESTRUCTOR":
            is_reached = _key(routine) in reached
            routines.append(rewriter.routine(routine) if is_reached else routine)
    used = {n.id for n in walk(routines) if isinstance(n, tree.Name)}
    kept = [d for d in rewriter.statics if d.name in used]
    assigned = (*file.assigned, *(d for d in kept if d.length))
    parameters = (*file.parameters, *(d for d in kept if not d.length))
    neuron = _neuron(file, facts)
    return replace(
        file,
        routines=tuple(routines),
        neuron=neuron,
        parameters=parameters,
        assigned=assigned,
    )


def _needs_c(file: tree.File) -> bool:
    """Does a routine that is reached hold C?"""
    reached = _reached(file)
    return any(_has_verbatim(r) for r in file.routines if _key(r) in reached)


def left_out(file: tree.File) -> tuple[str, ...]:
    """Routines whose C nothing that a run reaches calls: only hoc could, and there is none."""
    reached = _reached(file)
    found = [r for r in file.routines if r.name and _key(r) not in reached and _has_verbatim(r)]
    return tuple(r.name for r in found)


def _code(verbatim: tree.Verbatim) -> str:
    return verbatim.code.removesuffix("ENDVERBATIM")


def _after_word(statement: tree.Statement) -> Position:
    """Where the C of a VERBATIM block begins."""
    at = statement.at
    return Position(at.file, at.line, at.column + len("VERBATIM"))


# ---- what a file is ---------------------------------------------------------------------------


def _all_c(file: tree.File) -> str:
    texts = [_code(v) for v in file.verbatims]
    texts += [v.code for r in file.routines for v in _verbatims(r.body)]
    return "\n".join(texts)


def _verbatims(node: object) -> list[tree.Verbatim]:
    return [n for n in walk(node) if isinstance(n, tree.Verbatim)]


def _has_verbatim(routine: tree.Routine) -> bool:
    return any(not is_plain(v) for v in _verbatims(routine.body))


def _facts(file: tree.File) -> FileFacts:
    text = _all_c(file)
    declared = (*file.parameters, *file.assigned, *file.states, *file.constants, *file.locals)
    names = {d.name for d in declared} | set(file.defines)
    names |= {n.id for found in file.neuron.names.values() for n in found}
    for use in file.neuron.ions:
        names |= {*use.reads, *use.writes}
    pointers = {n.id for k in _POINTERS for n in file.neuron.names.get(k, ())}
    used = {a or b for a, b in _DEREFERENCED.findall(text)}
    roles = {c: table.role(c, text) for c in used}
    vectors = [c for c in used if roles[c] == "vector"]
    known: dict[str, Known] = {}
    for c in used:
        name = c.removeprefix("_p_")
        if roles[c] == "stream":
            known[c] = Known("stream", name)
        elif roles[c] == "vector":
            played = file.neuron.kind == "artificial" and len(vectors) == 1
            known[c] = Known("vector", name) if played else NULL
    plain = {p for p in pointers if f"_p_{p}" not in known and p not in known}
    return FileFacts(
        frozenset(names),
        frozenset(r.name for r in file.routines if r.name),
        file.neuron.name,
        known,
        frozenset(plain),
        text,
    )


def _undeclared(values: dict[str, float], file: tree.File) -> dict[str, float]:
    declared = (*file.parameters, *file.assigned, *file.states, *file.constants, *file.locals)
    taken = {d.name for d in declared} | {u.name for u in file.units}
    return {name: value for name, value in values.items() if name not in taken}


def _neuron(file: tree.File, facts: FileFacts) -> tree.Neuron:
    """The NEURON block with streams in the place of pointers to them."""
    served = {c.removeprefix("_p_") for c in facts.pointers}
    streams = sorted(k.name for k in facts.pointers.values() if k.kind == "stream")
    names = {
        keyword: tuple(n for n in found if keyword not in _POINTERS or n.id not in served)
        for keyword, found in file.neuron.names.items()
    }
    more = tuple(tree.Name(file.neuron.at, s) for s in dict.fromkeys(streams))
    names["RANDOM"] = names.get("RANDOM", ()) + more
    return replace(file.neuron, names=names)


# ---- what is reached --------------------------------------------------------------------------


def _key(routine: tree.Routine) -> str:
    return routine.name if routine.name and routine.keyword not in ROOTS else routine.keyword


def _reached(file: tree.File) -> set[str]:
    """Routines that a run may call."""
    by_key: dict[str, list[tree.Routine]] = {}
    for routine in file.routines:
        by_key.setdefault(_key(routine), []).append(routine)
    reached: set[str] = set()
    waiting = [k for k in by_key if k in ROOTS]
    while waiting:
        key = waiting.pop()
        if key in reached:
            continue
        reached.add(key)
        for routine in by_key[key]:
            waiting += [n for n in _called(routine) if n in by_key]
    return reached


def _called(routine: tree.Routine) -> set[str]:
    found: set[str] = set()
    for node in walk(routine.body):
        if isinstance(node, tree.Call):
            found.add(node.id)
        elif isinstance(node, tree.Solve):
            found.add(node.block)
        elif isinstance(node, tree.Verbatim):
            words = re.findall(r"[A-Za-z]\w*", node.code)
            found |= set(words) | {w.rpartition("_")[0] for w in words}
    return found


# ---- functions that C defines -----------------------------------------------------------------


def _functions(tokens: list[CToken]) -> dict[str, list[CToken]]:
    """Functions defined outside of blocks: name -> tokens from parenthesis to last brace."""
    found: dict[str, list[CToken]] = {}
    i = 0
    while i < len(tokens):
        if tokens[i].text == "{":
            start, i = i, _closing(tokens, i)
            opening = start - 1
            while opening > 0 and tokens[opening].text != "(":
                opening -= 1
            if start and tokens[start - 1].text == ")" and tokens[opening - 1].kind == "name":
                found[tokens[opening - 1].text] = tokens[opening:i]
        else:
            i += 1
    return found


def _constants(tokens: list[CToken]) -> dict[str, float]:
    """const int NAME = number; outside of blocks."""
    found = {}
    for i, token in enumerate(tokens):
        if token.text == "=" and i > 2 and tokens[i - 1].kind == "name":
            words = [t.text for t in tokens[i + 1 : i + 4]]
            sign = -1.0 if words[0] == "-" else 1.0
            words = words[1:] if words[0] == "-" else words[:2]
            is_constant = "const" in (tokens[i - 2].text, tokens[i - 3].text)
            if is_constant and words[-1] == ";" and re.fullmatch(r"\d[\d.eE]*", words[0]):
                found[tokens[i - 1].text] = sign * float(words[0])
    return found


def _closing(tokens: Sequence[CToken], i: int) -> int:
    """Just after the brace that closes the one at i."""
    depth = 0
    while i < len(tokens):
        depth += (tokens[i].text == "{") - (tokens[i].text == "}")
        i += 1
        if depth == 0:
            break
    return i


def _with_c_functions(file: tree.File, own: dict[str, list[CToken]]) -> tree.File:
    """The functions of C that something reaches, as FUNCTIONs with an empty body yet."""
    taken = {r.name for r in file.routines}
    made = []
    for name, tokens in own.items():
        if name in taken:
            continue
        at = tokens[0].at
        args = []
        for k, token in enumerate(tokens):
            if token.text == "{":
                break
            following = tokens[k + 1].text if k + 1 < len(tokens) else ""
            is_last = token.kind == "name" and following in ",)"
            if is_last and token.text not in (*table.HANDED_ON, "void"):
                args.append(tree.Argument(token.at, token.text))
        words = " ".join(t.text for t in tokens if t.kind == "name")
        body = tree.Block(at, (tree.Verbatim(at, words),))  # what it calls
        made.append(tree.Routine(at, "FUNCTION", name, tuple(args), body))
    return replace(file, routines=(*file.routines, *made))


# ---- rewriting --------------------------------------------------------------------------------


class _Rewriter:
    """Rewrites one routine."""

    def __init__(
        self,
        facts: FileFacts,
        macros: Macros,
        own: dict[str, list[CToken]],
        variables: Sequence[C],
    ):
        self.facts, self.macros, self.own = facts, macros, own
        self.statics: list[tree.Declaration] = []
        self.outside = Scope("")  # what C declares outside of routines
        translator = CTranslator(facts, lambda k, inner: ())
        for node in variables:
            with contextlib.suppress(NmodlError):  # who uses it is refused
                translator.statement(node, self.outside, [])
        self.statics += translator.statics

    def routine(self, routine: tree.Routine) -> tree.Routine:
        args = tuple(a.name for a in routine.args)
        function = routine.name if routine.keyword == "FUNCTION" else ""
        scope = replace(
            self.outside.inner(),
            function=function,
            locals=set(args),
            args=args if routine.keyword == "NET_RECEIVE" else (),
            given=args if routine.keyword in ("FUNCTION", "PROCEDURE") else (),
        )
        tokens = self.own.get(routine.name)
        if tokens is not None and function:
            start = next(k for k, t in enumerate(tokens) if t.text == "{")
            body = self._translate(tokens[start:], routine.at, (), scope)
            return replace(routine, body=tree.Block(routine.at, tuple(body)))
        return replace(routine, body=self.block(routine.body, scope))

    def block(self, block: tree.Block, scope: Scope) -> tree.Block:
        """A block without C; the scope is its own."""
        scope = scope.inner()
        is_c = any(isinstance(s, tree.Verbatim) and not is_plain(s) for s in block.statements)
        out: list[tree.Statement] = []
        if not is_c:
            for statement in block.statements:
                out += self.statement(statement, scope)
        else:
            pieces: list[tuple[str, Position]] = []
            for k, statement in enumerate(block.statements):
                code = statement.code if isinstance(statement, tree.Verbatim) else f"\x01{k}\x01"
                pieces.append((code, _after_word(statement)))
            tokens = scan_c(pieces, self.macros)
            out = self._translate(tokens, block.at, block.statements, scope)
        return tree.Block(block.at, tuple(out))

    def _translate(
        self,
        tokens: Sequence[CToken],
        at: Position,
        holes: Sequence[tree.Statement],
        scope: Scope,
    ) -> list[tree.Statement]:
        parser = CParser(tokens, at)
        nodes = parser.statements()
        if parser.token.kind != "end":
            raise parser.error("expected a statement")
        translator = CTranslator(self.facts, lambda k, inner: self.statement(holes[k], inner))
        out: list[tree.Statement] = []
        translator.statements(nodes, scope, out)
        self.statics += translator.statics
        return out

    def statement(self, statement: tree.Statement, scope: Scope) -> list[tree.Statement]:
        """A statement of NMODL with what stands in its blocks rewritten."""
        match statement:
            case tree.Local():
                scope.locals |= {name for name, _ in statement.names}
            case tree.If():
                body = self.block(statement.body, scope)
                orelse = self.block(statement.orelse, scope)
                return [replace(statement, body=body, orelse=orelse)]
            case tree.Initial() | tree.While() | tree.ForNetcons():
                return [replace(statement, body=self.block(statement.body, scope))]
            case tree.From():
                scope.locals.add(statement.index)
                return [replace(statement, body=self.block(statement.body, scope))]
        return [statement]
