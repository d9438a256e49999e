"""Text of a .mod file to tokens, each with its position."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernels.errors import NmodlError

#: Comparison, reaction and other signs of more than one character, longest first.
SIGNS = ("<->", "<<", "->", "<=", ">=", "==", "!=", "&&", "||")

_TOKEN = re.compile(
    r"(?P<space>[ \t\f\v\x00\x1a\xa0\ufeff]+)"
    r"|(?P<newline>\r\n|\n|\r)"
    r"|(?P<comment>[:?][^\r\n]*)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r'|(?P<string>"[^"\r\n]*")'
    r"|(?P<sign>" + "|".join(re.escape(s) for s in SIGNS) + r"|[^\w\s])"
    r"|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Position:
    """Where something stands in a .mod file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Token:
    """One word of NMODL: kind is name, number, string, sign, verbatim, title, other or end."""

    kind: str
    text: str
    at: Position
    start: int  # offset in the text
    stop: int


class Source:
    """A text and the places of its lines."""

    def __init__(self, text: str, file: str):
        self.text, self.file = text, file
        self.lines = re.split(r"\r\n|\n|\r", text)

    def error(self, at: Position, message: str) -> NmodlError:
        """An error at a position of this text (or of an included one), with the line itself."""
        text = self.line(at.line) if at.file == self.file else ""
        return NmodlError(at.file, at.line, at.column, message, text)

    def line(self, number: int) -> str:
        """The text of a line."""
        return self.lines[number - 1] if number <= len(self.lines) else ""


def scan(source: Source) -> list[Token]:
    """Cut a text into tokens; comments and white space are dropped.

    Raises:
        NmodlError: COMMENT or VERBATIM is not closed.
    """
    tokens: list[Token] = []
    text, offset, line, begin = source.text, 0, 1, 0
    depth = 0  # of braces: TITLE stands outside of them
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        assert match is not None  # the last alternative takes any character
        kind, word, stop = str(match.lastgroup), match.group(), match.end()
        at = Position(source.file, line, offset - begin + 1)
        if kind == "name" and word in ("COMMENT", "VERBATIM"):
            stop = _close(source, at, word, stop)
            if word == "VERBATIM":
                tokens.append(Token("verbatim", text[match.end() : stop], at, offset, stop))
        elif kind == "name" and word == "TITLE" and not depth:
            stop = _end_of_line(text, stop)
            tokens.append(Token("title", text[match.end() : stop].strip(), at, offset, stop))
        elif kind not in ("space", "newline", "comment"):
            depth += (word == "{") - (word == "}")
            tokens.append(Token(kind, word, at, offset, stop))
        breaks = list(re.finditer(r"\r\n|\n|\r", text[offset:stop]))
        if breaks:
            line, begin = line + len(breaks), offset + breaks[-1].end()
        offset = stop
    at = Position(source.file, line, offset - begin + 1)
    tokens.append(Token("end", "end of file", at, offset, offset))
    return tokens


def _close(source: Source, at: Position, word: str, start: int) -> int:
    """Offset just after the END word of a COMMENT or VERBATIM."""
    match = re.compile(rf"\bEND{word}\b").search(source.text, start)
    if match is None:
        raise source.error(at, f"{word} is never closed; expected END{word}")
    return match.end()


def _end_of_line(text: str, start: int) -> int:
    match = re.compile(r"[\r\n]").search(text, start)
    return len(text) if match is None else match.start()
