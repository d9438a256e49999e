"""A reader over tokens: look ahead, take, expect."""

from __future__ import annotations

from kernels.errors import NmodlError
from kernels.nmodl.scanner import Source, Token, scan

MAX_INTEGER = 1000  # length of an array
MAX_DEPTH = 60  # of nested blocks and parentheses


class Cursor:
    """Walks the tokens of one text."""

    def __init__(self, source: Source):
        self.source = source
        self.tokens = scan(source)
        self.i = 0
        self.depth = 0
        self.defines: dict[str, float] = {}

    @property
    def token(self) -> Token:
        return self.tokens[self.i]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.i + ahead, len(self.tokens) - 1)]

    def at(self, *texts: str) -> bool:
        """Is the next token one of these signs or names?"""
        return self.token.kind in ("name", "sign") and self.token.text in texts

    def take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.i += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        return self.take() if self.at(*texts) else None

    def expect(self, *texts: str) -> Token:
        if not self.at(*texts):
            raise self.error("expected " + " or ".join(f'"{t}"' for t in texts))
        return self.take()

    def name(self, what: str = "a name") -> Token:
        if self.token.kind != "name":
            raise self.error(f"expected {what}")
        return self.take()

    def error(self, expected: str, token: Token | None = None) -> NmodlError:
        token = token or self.token
        found = token.text if token.kind == "end" else f'"{token.text.strip()[:40]}"'
        return self.source.error(token.at, f"{expected}, found {found}")

    def enter(self) -> None:
        """Count one more level of nesting."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.source.error(self.token.at, f"nested more than {MAX_DEPTH} levels deep")

    def leave(self) -> None:
        self.depth -= 1

    def unit(self) -> str:
        """The text of a unit in parentheses, or "" where none stands."""
        if not self.at("("):
            return ""
        opening = self.take()
        while not self.at(")"):
            if self.token.kind == "end" or self.at("{", "}", "("):
                raise self.error('expected ")" after a unit')
            self.take()
        closing = self.take()
        return self.source.text[opening.stop : closing.start].strip()

    def number(self, what: str = "a number") -> float:
        """A number with an optional sign, or a DEFINEd name."""
        sign = 1.0
        while self.at("-", "+"):
            sign = -sign if self.take().text == "-" else sign
        if self.token.kind == "name" and self.token.text in self.defines:
            return sign * self.defines[self.take().text]
        if self.token.kind != "number":
            raise self.error(f"expected {what}")
        return sign * float(self.take().text)

    def integer(self, what: str) -> int:
        token = self.token
        value = self.number(what)
        if not 0 <= value <= MAX_INTEGER or value != int(value):
            raise self.source.error(
                token.at, f"{what} must be a whole number up to {MAX_INTEGER}, found {value:g}"
            )
        return int(value)
