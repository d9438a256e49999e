"""Expressions of NMODL, by precedence climbing."""

from __future__ import annotations

from kernels.nmodl import tree
from kernels.nmodl.cursor import Cursor
from kernels.nmodl.scanner import Position, Token

#: Binary operators by rising precedence; all bind to the left but "^".
LEVELS = (("||",), ("&&",), ("<", ">", "<=", ">=", "==", "!="), ("+", "-"), ("*", "/"))


def parse_expression(cursor: Cursor, level: int = 0) -> tree.Expression:
    """One expression.

    Raises:
        NmodlError: what stands there is no expression.
    """
    if level == len(LEVELS):
        return _unary(cursor)
    if level == 0:
        cursor.enter()
    left = parse_expression(cursor, level + 1)
    while cursor.at(*LEVELS[level]):
        sign = cursor.take()
        left = tree.Binary(sign.at, sign.text, left, parse_expression(cursor, level + 1))
    if level == 0:
        cursor.leave()
    return left


def _unary(cursor: Cursor) -> tree.Expression:
    if cursor.at("-", "!", "+"):
        sign = cursor.take()
        cursor.enter()
        operand = _unary(cursor)
        cursor.leave()
        return operand if sign.text == "+" else tree.Unary(sign.at, sign.text, operand)
    return _power(cursor)


def _power(cursor: Cursor) -> tree.Expression:
    base = _primary(cursor)
    if not cursor.at("^"):
        return base
    sign = cursor.take()
    cursor.enter()
    exponent = _exponent(cursor)
    cursor.leave()
    return tree.Binary(sign.at, "^", base, exponent)


def _exponent(cursor: Cursor) -> tree.Expression:
    """The exponent of a power: a primary with an optional sign, itself a power perhaps."""
    if cursor.at("-"):
        sign = cursor.take()
        cursor.enter()
        operand = _exponent(cursor)
        cursor.leave()
        return tree.Unary(sign.at, "-", operand)
    return _power(cursor)


def _primary(cursor: Cursor) -> tree.Expression:
    token = cursor.token
    if token.kind == "number":
        cursor.take()
        return tree.Number(token.at, float(token.text), cursor.unit())
    if token.kind == "string":
        cursor.take()
        return tree.Text(token.at, token.text[1:-1])
    if cursor.at("("):
        cursor.take()
        inner = parse_expression(cursor)
        cursor.expect(")")
        return inner
    if token.kind == "name":
        return _name_or_call(cursor)
    raise cursor.error("expected an expression")


def _name_or_call(cursor: Cursor) -> tree.Expression:
    token = cursor.take()
    if cursor.at("("):
        return parse_call(cursor, token.text, token.at)
    return parse_rest_of_name(cursor, token)


def parse_rest_of_name(cursor: Cursor, token: Token) -> tree.Name:
    """What follows a name: an index, primes, a delay @n."""
    index, order = None, 0
    while cursor.accept("'"):
        order += 1
    if cursor.accept("["):
        index = parse_expression(cursor)
        cursor.expect("]")
    while cursor.accept("'"):
        order += 1
    delay = cursor.integer("a number of steps") if cursor.accept("@") else 0
    return tree.Name(token.at, token.text, index, order, delay)


def parse_call(cursor: Cursor, name: str, at: Position) -> tree.Call:
    """Arguments in parentheses; commas may be missing, as in old files."""
    cursor.expect("(")
    args: list[tree.Expression] = []
    while not cursor.at(")"):
        args.append(parse_expression(cursor))
        missing = not cursor.accept(",") and not cursor.at(")", "(", "-")
        if missing and cursor.token.kind not in ("name", "number", "string"):
            raise cursor.error('expected "," or ")"')
    cursor.expect(")")
    return tree.Call(at, name, tuple(args))
