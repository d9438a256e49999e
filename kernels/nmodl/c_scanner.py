"""C of VERBATIM blocks to tokens: comments, conditionals and macros done.

Statements of NMODL that stand between two VERBATIM blocks are tokens of kind "hole", so that an
`if` or `#if` may begin in one block and end in another.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kernels.errors import NmodlError
from kernels.nmodl.scanner import Position
from kernels.nmodl.verbatim import DEFINED

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\r\n]*", re.DOTALL)
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)[ \t]*(.*)")
_DEFINE = re.compile(r"(\w+)(\([^)]*\))?\s*(.*)")
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<hole>\x01\d+\x01)"
    r"|(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFuUlL]*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<sign><<=|>>=|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|<<|>>|::|[^\w\s])",
    re.DOTALL,
)
_CONDITION = re.compile(r"\s*(defined\s*\(\s*\w+\s*\)|defined\s+\w+|\w+|&&|\|\||!=|==|[<>!()]=?)")
_VERSION = re.compile(
    r"NRN_VERSION_(EQ|NE|GT|LT|GTEQ|LTEQ)\s*\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)"
)
_VERSIONS: dict[str, Callable[..., bool]] = {
    "EQ": operator.eq, "NE": operator.ne, "GT": operator.gt,
    "LT": operator.lt, "GTEQ": operator.ge, "LTEQ": operator.le,
}  # fmt: skip
NEURON = (9, 0, 2)  # the version of NEURON that files are told
MAX_EXPANSIONS = 20
MAX_TOKENS = 50_000


@dataclass(frozen=True)
class CToken:
    """One word of C: kind is name, number, text, sign, hole or end."""

    kind: str
    text: str
    at: Position


@dataclass
class Macros:
    """What #define says: name -> arguments (None: no function) and tokens."""

    known: dict[str, tuple[tuple[str, ...] | None, tuple[CToken, ...]]] = field(
        default_factory=dict
    )


def scan_c(pieces: Sequence[tuple[str, Position]], macros: Macros) -> list[CToken]:
    """Cut text into tokens.

    Args:
        pieces: code, with a hole as its number between two signs of code 1, and where it begins.
        macros: those known so far; more are added.

    Raises:
        NmodlError: a conditional that is not understood, or a sign that C does not have.
    """
    tokens: list[CToken] = []
    active: list[bool] = []
    for code, at in pieces:
        code = _COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]) or " ", code)
        code = re.sub(r"\r\n?", "\n", code).replace("\\\n", "  ")
        for number, line in enumerate(code.split("\n")):
            here = Position(at.file, at.line + number, at.column if number == 0 else 1)
            directive = _DIRECTIVE.match(line)
            if directive:
                _direct(directive[1], directive[2].strip(), here, active, macros)
            elif all(active):
                tokens += _tokens(line, here)
    return _expand(tokens, macros)


def numbers(macros: Macros) -> dict[str, float]:
    """Macros that are a number: code outside of VERBATIM knows them, too."""
    found: dict[str, float] = {}
    for name, (args, tokens) in macros.known.items():
        words = [t.text for t in tokens if t.text not in "()"]
        sign = -1.0 if words[:1] == ["-"] else 1.0
        words = words[words[:1] == ["-"] :]
        is_number = [t.kind for t in tokens if t.text in words] == ["number"]
        if args is None and len(words) == 1 and is_number and words[0][:2].lower() != "0x":
            found[name] = sign * float(words[0].rstrip("uUlLfF"))
    return found


def _tokens(line: str, at: Position) -> Iterator[CToken]:
    offset = 0
    while offset < len(line):
        match = _TOKEN.match(line, offset)
        here = Position(at.file, at.line, at.column + offset)
        if match is None:
            raise _error(here, f"C: found {line[offset]!r}")
        if match.lastgroup != "space":
            yield CToken(str(match.lastgroup), match[0], here)
        offset = match.end()


def _direct(word: str, rest: str, at: Position, active: list[bool], macros: Macros) -> None:
    """One line that begins with #."""
    if word in ("ifdef", "ifndef"):
        active.append(_is_defined(rest.split()[0] if rest else "", macros) == (word == "ifdef"))
    elif word == "if":
        active.append(_holds(rest, at, macros))
    elif word in ("else", "elif", "endif") and not active:
        raise _error(at, f"C: #{word} without #if")
    elif word == "else":
        active[-1] = not active[-1]
    elif word == "elif":
        active[-1] = not active[-1] and _holds(rest, at, macros)
    elif word == "endif":
        active.pop()
    elif word == "define" and all(active):
        match = _DEFINE.match(rest)
        if match is not None:
            args = None
            if match[2] is not None:
                args = tuple(a.strip() for a in match[2][1:-1].split(",") if a.strip())
            macros.known[match[1]] = (args, tuple(_tokens(match[3], at)))
    elif word == "undef" and all(active):
        macros.known.pop(rest, None)


def _is_defined(name: str, macros: Macros) -> bool:
    return name in DEFINED or name in macros.known


def _compare_version(match: re.Match[str]) -> str:
    version = tuple(map(int, match.groups()[1:]))
    return f" {int(_VERSIONS[match[1]](NEURON, version))} "


def _holds(text: str, at: Position, macros: Macros) -> bool:
    """The value of an #if: names that nobody defined are 0."""
    text = _VERSION.sub(_compare_version, text)
    words: list[str] = []
    offset = 0
    while offset < len(text.rstrip()):
        match = _CONDITION.match(text, offset)
        if match is None:
            raise _error(at, f"C: #if {text} is not understood")
        words.append(match[1])
        offset = match.end()
    if any(re.match(r"\w", a) and b == "(" for a, b in itertools.pairwise(words)):
        raise _error(at, f"C: #if {text} is not understood")
    python = {"&&": " and ", "||": " or ", "!": " not "}
    out = []
    for word in words:
        if word.startswith("defined"):
            out.append(str(_is_defined(re.findall(r"\w+", word)[1], macros)))
        elif word.isdigit() or not re.match(r"\w", word):
            out.append(python.get(word, word))
        else:
            args, tokens = macros.known.get(word, ((), ()))
            value = tokens[0].text if args is None and len(tokens) == 1 else "0"
            out.append(value if value.isdigit() else str(int(word in DEFINED)))
    try:
        return bool(eval("".join(out), {"__builtins__": {}}))  # digits and signs
    except (SyntaxError, TypeError) as problem:
        raise _error(at, f"C: #if {text} is not understood") from problem


def _expand(tokens: list[CToken], macros: Macros, depth: int = 0) -> list[CToken]:
    """Put macros in."""
    out: list[CToken] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if len(out) > MAX_TOKENS:
            raise _error(token.at, f"macros give more than {MAX_TOKENS} words")
        if token.kind != "name" or token.text not in macros.known or depth > MAX_EXPANSIONS:
            out.append(token)
            continue
        args, body = macros.known[token.text]
        given: list[list[CToken]] = []
        if args is not None:
            if i >= len(tokens) or tokens[i].text != "(":
                out.append(token)
                continue
            given, i = _arguments(tokens, i + 1)
        put: list[CToken] = []
        for part in body:
            if args and part.text in args and args.index(part.text) < len(given):
                put += given[args.index(part.text)]
            else:
                put.append(replace(part, at=token.at))
        out += _expand(put, macros, depth + 1)
    return out


def _arguments(tokens: list[CToken], i: int) -> tuple[list[list[CToken]], int]:
    """The arguments of a macro from just after its parenthesis, and where they end."""
    given: list[list[CToken]] = [[]]
    depth = 1
    while i < len(tokens):
        text = tokens[i].text
        depth += (text in "([{") - (text in ")]}") if tokens[i].kind == "sign" else 0
        i += 1
        if depth == 0:
            break
        if text == "," and depth == 1:
            given.append([])
        else:
            given[-1].append(tokens[i - 1])
    return given, i


def _error(at: Position, message: str) -> NmodlError:
    return NmodlError(at.file, at.line, at.column, f"VERBATIM: {message}")
