"""C of VERBATIM blocks to a small tree: what mechanisms use of expressions and statements.

++ and -- are of kind "step" before a variable and "later" behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernels.errors import NmodlError
from kernels.nmodl.c_scanner import CToken
from kernels.nmodl.scanner import Position
from kernels.nmodl.verbatim import TYPES, WHOLE

MAX_DEPTH = 60
LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")
CASTS = ("static_cast", "reinterpret_cast", "const_cast")


@dataclass(frozen=True)
class C:
    """A node: kind says what `text` and `parts` are."""

    kind: str
    at: Position
    text: str = ""
    parts: tuple[C, ...] = ()


class CParser:
    """Reads statements from tokens."""

    def __init__(self, tokens: Sequence[CToken], at: Position):
        end = tokens[-1].at if tokens else at
        self.tokens = [*tokens, CToken("end", "end of VERBATIM", end)]
        self.i = 0
        self.depth = 0

    # ---- reading ------------------------------------------------------------------------------

    @property
    def token(self) -> CToken:
        return self.tokens[self.i]

    def peek(self, ahead: int = 1) -> CToken:
        return self.tokens[min(self.i + ahead, len(self.tokens) - 1)]

    def take(self) -> CToken:
        token = self.token
        if token.kind != "end":
            self.i += 1
        return token

    def accept(self, *texts: str) -> CToken | None:
        is_word = self.token.kind in ("sign", "name")
        return self.take() if is_word and self.token.text in texts else None

    def expect(self, text: str) -> CToken:
        found = self.accept(text)
        if found is None:
            raise self.error(f'expected "{text}"')
        return found

    def error(self, message: str) -> NmodlError:
        at, found = self.token.at, self.token.text
        text = f'VERBATIM: C: {message}, found "{found}"'
        return NmodlError(at.file, at.line, at.column, text)

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels deep")

    # ---- statements ---------------------------------------------------------------------------

    def statements(self) -> tuple[C, ...]:
        """All statements up to the end, or to the brace that closes a block."""
        out: list[C] = []
        while self.token.kind != "end" and self.token.text != "}":
            out.append(self.statement())
        return tuple(out)

    def statement(self) -> C:
        """One statement."""
        token = self.token
        self._enter()
        try:
            if token.kind == "hole":
                return C("hole", self.take().at, token.text[1:-1])
            word = token.text if token.kind in ("name", "sign") else ""
            if word == "{":
                return self._block()
            if self._declares():
                return self._declaration()
            words = ("if", "while", "do", "for", "return", "break", "continue", "switch", ";")
            if word in words:
                return getattr(self, f"_{word}" if word != ";" else "_empty")()
            return self._do_expression(token.at)
        finally:
            self.depth -= 1

    def _do_expression(self, at: Position) -> C:
        """Expressions that stand alone, commas between them."""
        out = [C("do", at, "", (self.expression(),))]
        while self.accept(","):
            out.append(C("do", at, "", (self.expression(),)))
        if self.token.kind not in ("end", "hole"):
            self.expect(";")
        return out[0] if len(out) == 1 else C("block", at, "", tuple(out))

    def _block(self) -> C:
        at = self.expect("{").at
        inner = self.statements()
        self.expect("}")
        return C("block", at, "", inner)

    def _empty(self) -> C:
        return C("block", self.take().at)

    def _if(self) -> C:
        at = self.take().at
        self.expect("(")
        test = self.expression()
        self.expect(")")
        parts = [test, self.statement()]
        if self.accept("else"):
            parts.append(self.statement())
        return C("if", at, "", tuple(parts))

    def _while(self) -> C:
        at = self.take().at
        self.expect("(")
        test = self.expression()
        self.expect(")")
        return C("while", at, "", (test, self.statement()))

    def _do(self) -> C:
        at = self.take().at
        body = self.statement()
        self.expect("while")
        self.expect("(")
        test = self.expression()
        self.expect(")")
        self.expect(";")
        return C("repeat", at, "", (test, body))

    def _for(self) -> C:
        at = self.take().at
        self.expect("(")
        first = self.statement()
        test = C("number", at, "1") if self.token.text == ";" else self.expression()
        self.expect(";")
        step = C("block", at)
        if self.token.text != ")":
            value = self.expression()
            step = C("do", value.at, "", (value,))
        self.expect(")")
        return C("for", at, "", (first, test, step, self.statement()))

    def _switch(self) -> C:
        """Its value, then for each group of labels (none: default) a case."""
        at = self.take().at
        self.expect("(")
        parts = [self.expression()]
        self.expect(")")
        self.expect("{")
        while not self.accept("}"):
            here, labels = self.token.at, []
            while self.token.kind == "name" and self.token.text in ("case", "default"):
                if self.take().text == "case":
                    labels.append(self._ternary())
                else:
                    labels.append(C("default", here))
                self.expect(":")
            if not labels:
                raise self.error('expected "case" or "default"')
            body: list[C] = []
            while self.token.kind != "end" and self.token.text not in ("case", "default", "}"):
                body.append(self.statement())
            block = C("block", here, "", tuple(body))
            parts.append(C("case", here, "", (block, *labels)))
        return C("switch", at, "", tuple(parts))

    def _return(self) -> C:
        at = self.take().at
        value = () if self.token.text == ";" else (self.expression(),)
        self.expect(";")
        return C("return", at, "", value)

    def _break(self) -> C:
        token = self.take()
        self.expect(";")
        return C("jump", token.at, token.text)

    _continue = _break

    def _declares(self) -> bool:
        if self.token.kind != "name":
            return False
        if self.token.text in TYPES:
            return True
        return (
            self.peek().text == "*" and self.peek(2).kind == "name" and self.peek(3).text in "=;,"
        )

    def _type(self) -> tuple[str, bool]:
        """Its words, and whether it is a whole number."""
        words: list[str] = []
        while self.token.kind == "name" and (self.token.text in TYPES or not words):
            words.append(self.take().text)
            if words[-1] == "struct":
                words.append(self.take().text)
        return " ".join(words), any(w in WHOLE for w in words)

    def _declaration(self) -> C:
        at = self.token.at
        words, whole = self._type()
        out = []
        while True:
            stars = 0
            while self.accept("*", "&", "const"):
                stars += 1
            if self.token.kind != "name":
                raise self.error("expected the name of a variable")
            name = self.take()
            kind = "pointer" if stars or words == "auto" else "whole" if whole else "real"
            made = self._variable(at, name, kind)
            if made is None:
                return self._foreign(at, name)
            out.append(made)
            if not self.accept(","):
                break
        self.expect(";")
        return C("declare", at, words, tuple(out))

    def _variable(self, at: Position, name: CToken, kind: str) -> C | None:
        """What stands after a name: a length in brackets, a value, or several in braces.

        Returns the variable: its kind (with the length of an array) and values; None where it is a
        prototype, an array of arrays or an object, which nothing can use.
        """
        length: tuple[C, ...] | None = None
        if self.accept("["):
            length = () if self.token.text == "]" else (self.expression(),)
            self.expect("]")
            kind = {"real": "reals", "whole": "wholes"}.get(kind, kind)
        if self.token.text in ("(", "[") or (length is not None and kind == "pointer"):
            return None
        values: list[C] = []
        if self.accept("="):
            is_list = self.accept("{") is not None
            if is_list != (length is not None):
                return None
            while is_list and not self.accept("}"):
                values.append(self.expression())
                self.accept(",")
            if not is_list:
                values.append(self.expression())
        return C("variable", name.at, name.text, (C(kind, at, "", length or ()), *values))

    def _foreign(self, at: Position, name: CToken) -> C:
        while self.token.kind != "end" and not self.accept(";"):
            self.take()
        return C("foreign", at, name.text)

    # ---- expressions --------------------------------------------------------------------------

    def expression(self) -> C:
        """One expression, assignments included."""
        self._enter()
        left = self._ternary()
        sign = self.accept(*ASSIGNMENTS)
        if sign:
            left = C("assign", sign.at, sign.text, (left, self.expression()))
        self.depth -= 1
        return left

    def _ternary(self) -> C:
        test = self._binary(0)
        if not self.accept("?"):
            return test
        yes = self.expression()
        self.expect(":")
        return C("choose", test.at, "", (test, yes, self._ternary()))

    def _binary(self, level: int) -> C:
        if level == len(LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self.token.kind == "sign" and self.token.text in LEVELS[level]:
            sign = self.take()
            left = C("binary", sign.at, sign.text, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> C:
        sign = self.accept("-", "+", "!", "~", "*", "&", "++", "--")
        if sign:
            self._enter()
            inner = self._unary()
            self.depth -= 1
            return C("step" if sign.text in ("++", "--") else "unary", sign.at, sign.text, (inner,))
        if self.token.text == "(" and self._is_cast():
            at = self.take().at
            return self._cast(at, ")")
        return self._postfix()

    def _is_cast(self) -> bool:
        """Does a type stand in the parentheses, perhaps of the file's own: (Own**)?"""
        k = 2
        while self.peek(k).text == "*":
            k += 1
        is_own = self.peek().kind == "name" and k > 2 and self.peek(k).text == ")"
        return self.peek().text in TYPES or is_own

    def _cast(self, at: Position, closing: str) -> C:
        _, whole = self._type()
        stars = 0
        while self.accept("*", "&"):
            stars += 1
        self.expect(closing)
        if closing == ">":
            self.expect("(")
            inner = self.expression()
            self.expect(")")
        else:
            inner = self._unary()
        return C("cast", at, "whole" if whole and not stars else "", (inner,))

    def _postfix(self) -> C:
        value = self._primary()
        while True:
            token = self.token
            if self.accept("["):
                value = C("index", token.at, "", (value, self.expression()))
                self.expect("]")
            elif self.accept("++", "--"):
                value = C("later", token.at, token.text, (value,))
            elif self.accept("->", "."):
                value = C("member", token.at, self.take().text, (value,))
            elif token.text == "(" and value.kind == "name":
                value = C("call", value.at, value.text, self._arguments())
            else:
                return value

    def _arguments(self) -> tuple[C, ...]:
        self.expect("(")
        args = []
        while not self.accept(")"):
            if self.accept("_threadargscomma_"):
                continue
            args.append(self.expression())
            if self.token.text != ")":
                self.expect(",")
        return tuple(args)

    def _primary(self) -> C:
        token = self.token
        if token.kind in ("number", "text"):
            return C(token.kind, self.take().at, token.text)
        if token.kind == "name" and token.text in CASTS:
            self.take()
            self.expect("<")
            return self._cast(token.at, ">")
        if token.kind == "name":
            return C("name", self.take().at, token.text)
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        raise self.error("expected an expression")
