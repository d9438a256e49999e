"""Statements of NMODL."""

from __future__ import annotations

from collections.abc import Callable

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl.cursor import Cursor
from kernels.nmodl.expressions import parse_call, parse_expression, parse_rest_of_name
from kernels.nmodl.scanner import Token


def parse_block(cursor: Cursor) -> tree.Block:
    """Statements in braces."""
    opening = cursor.expect("{")
    cursor.enter()
    statements: list[tree.Statement] = []
    while not cursor.at("}"):
        if cursor.token.kind == "end":
            raise cursor.error(f'expected "}}" to close the block of line {opening.at.line}')
        found = _parse_statement(cursor)
        if found is not None:
            statements.append(found)
    cursor.expect("}")
    cursor.leave()
    return tree.Block(opening.at, tuple(statements))


def _parse_statement(cursor: Cursor) -> tree.Statement | None:
    token = cursor.token
    if token.kind == "verbatim":
        cursor.take()
        return tree.Verbatim(token.at, token.text[: -len("ENDVERBATIM")])
    if token.kind == "sign" and token.text == "~":
        return _parse_tilde(cursor)
    if token.kind == "sign" and token.text == ";":
        cursor.take()
        return None
    if token.kind != "name":
        raise cursor.error("expected a statement")
    if token.text in KEYWORDS:
        cursor.take()
        return KEYWORDS[token.text](cursor, token)
    return _parse_assignment(cursor)


def _parse_assignment(cursor: Cursor) -> tree.Statement:
    token = cursor.take()
    if cursor.at("("):
        call = parse_call(cursor, token.text, token.at)
        return tree.CallStatement(token.at, call)
    target = parse_rest_of_name(cursor, token)
    cursor.expect("=")
    return tree.Assign(token.at, target, parse_expression(cursor))


def _parse_if(cursor: Cursor, token: Token) -> tree.If:
    cursor.expect("(")
    condition = parse_expression(cursor)
    cursor.expect(")")
    body = parse_block(cursor)
    orelse = tree.Block(token.at)
    if cursor.accept("else", "ELSE"):
        following = cursor.accept("if", "IF")
        if following:
            cursor.enter()
            orelse = tree.Block(following.at, (_parse_if(cursor, following),))
            cursor.leave()
        else:
            orelse = parse_block(cursor)
    return tree.If(token.at, condition, body, orelse)


def _parse_while(cursor: Cursor, token: Token) -> tree.While:
    cursor.expect("(")
    condition = parse_expression(cursor)
    cursor.expect(")")
    return tree.While(token.at, condition, parse_block(cursor))


def _parse_from(cursor: Cursor, token: Token) -> tree.From:
    index = cursor.name("the index of the loop").text
    cursor.expect("=")
    first = parse_expression(cursor)
    cursor.expect("TO")
    last = parse_expression(cursor)
    step = parse_expression(cursor) if cursor.accept("BY") else None
    return tree.From(token.at, index, first, last, step, parse_block(cursor))


def parse_locals(cursor: Cursor, token: Token) -> tree.Local:
    """LOCAL a, b[3], ..."""
    names: list[tuple[str, int]] = []
    while True:
        name, length = cursor.name("the name of a LOCAL variable").text, 0
        if cursor.accept("["):
            length = cursor.integer("the length of an array")
            cursor.expect("]")
        names.append((name, length))
        cursor.unit()
        if not cursor.accept(","):
            return tree.Local(token.at, tuple(names))


def _parse_table(cursor: Cursor, token: Token) -> tree.TableStatement:
    names: tuple[str, ...] = ()
    if not cursor.at("DEPEND", "FROM"):
        names = _parse_names(cursor)
    depend = _parse_names(cursor) if cursor.accept("DEPEND") else ()
    cursor.expect("FROM")
    first = parse_expression(cursor)
    cursor.expect("TO")
    last = parse_expression(cursor)
    cursor.expect("WITH")
    return tree.TableStatement(token.at, names, depend, first, last, parse_expression(cursor))


def _parse_names(cursor: Cursor) -> tuple[str, ...]:
    names = [cursor.name().text]
    while cursor.accept(","):
        names.append(cursor.name().text)
    return tuple(names)


def _parse_solve(cursor: Cursor, token: Token) -> tree.Solve:
    block = cursor.name("the name of a block to solve").text
    method, steady = "", False
    if cursor.accept("METHOD"):
        method = cursor.name("the name of a method").text
    elif cursor.accept("STEADYSTATE"):
        method, steady = cursor.name("the name of a method").text, True
    if cursor.accept("IFERROR"):
        parse_block(cursor)
    return tree.Solve(token.at, block, method, steady)


def _parse_tilde(cursor: Cursor) -> tree.Statement:
    token = cursor.take()
    mark = cursor.i
    try:
        left = _parse_terms(cursor)
        arrow = cursor.accept("<->", "->", "<<")
    except NmodlError:
        arrow = None
    if arrow is None:
        cursor.i = mark
        lhs = parse_expression(cursor)
        cursor.expect("=", "<->", "->", "<<")
        return tree.Equation(token.at, lhs, parse_expression(cursor))
    return _parse_reaction(cursor, token, left, arrow.text)


def _parse_reaction(
    cursor: Cursor, token: Token, left: tuple[tuple[float, tree.Name], ...], arrow: str
) -> tree.Reaction:
    right = _parse_terms(cursor) if arrow == "<->" else ()
    cursor.expect("(")
    forward, is_bare = _parse_rate(cursor)
    bare = (is_bare, False)
    backward = None
    if arrow == "<->":
        cursor.accept(",")
        backward, is_bare = _parse_rate(cursor)
        bare = (bare[0], is_bare)
    cursor.expect(")")
    if arrow != "<->":
        bare = (False, False)
    return tree.Reaction(token.at, left, right, arrow, forward, backward, bare)


def _parse_rate(cursor: Cursor) -> tuple[tree.Expression, bool]:
    """A rate, and whether it is a sum or difference without parentheses around it."""
    first = cursor.i
    rate = parse_expression(cursor)
    if not isinstance(rate, tree.Binary) or rate.op not in ("+", "-"):
        return rate, False
    depth = 0
    for token in cursor.tokens[first : cursor.i]:
        depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
        if token.at == rate.at:
            return rate, depth == 0
    return rate, False


def _parse_terms(cursor: Cursor) -> tuple[tuple[float, tree.Name], ...]:
    """One side of a reaction: 2 a + b[1] + ..."""
    terms = []
    while True:
        count = cursor.number() if cursor.token.kind == "number" else 1.0
        terms.append((count, parse_rest_of_name(cursor, cursor.name("a state of the reaction"))))
        if not cursor.accept("+"):
            return tuple(terms)


def _parse_conserve(cursor: Cursor, token: Token) -> tree.Conserve:
    left = parse_expression(cursor)
    cursor.expect("=")
    return tree.Conserve(token.at, left, parse_expression(cursor))


def _parse_compartment(cursor: Cursor, token: Token) -> tree.Compartment:
    index = ""
    if cursor.token.kind == "name" and cursor.peek().text == ",":
        index = cursor.take().text
        cursor.take()
    volume = parse_expression(cursor)
    cursor.expect("{")
    names = []
    while not cursor.at("}"):
        names.append(cursor.name("the name of a state").text)
        cursor.accept(",")
    cursor.expect("}")
    return tree.Compartment(token.at, token.text, index, volume, tuple(names))


def _parse_watch(cursor: Cursor, token: Token) -> tree.Watch:
    conditions = []
    while True:
        cursor.expect("(")
        condition = parse_expression(cursor)
        cursor.expect(")")
        conditions.append((condition, parse_expression(cursor)))
        if not cursor.accept(","):
            return tree.Watch(token.at, tuple(conditions))


def parse_arguments(cursor: Cursor) -> tuple[tree.Argument, ...]:
    """(a (unit), b, ...): commas may be missing."""
    cursor.expect("(")
    args = []
    while not cursor.at(")"):
        token = cursor.name("the name of an argument")
        args.append(tree.Argument(token.at, token.text, cursor.unit()))
        cursor.accept(",")
    cursor.expect(")")
    return tuple(args)


def _parse_for_netcons(cursor: Cursor, token: Token) -> tree.ForNetcons:
    return tree.ForNetcons(token.at, parse_arguments(cursor), parse_block(cursor))


def _parse_conductance(cursor: Cursor, token: Token) -> tree.Other:
    cursor.name("the name of a conductance")
    if cursor.accept("USEION"):
        cursor.name("the name of an ion")
    return tree.Other(token.at, token.text)


def _parse_lag(cursor: Cursor, token: Token) -> tree.Other:
    cursor.name()
    cursor.expect("BY")
    cursor.name()
    return tree.Other(token.at, token.text)


def _parse_protect(cursor: Cursor, token: Token) -> tree.Statement | None:
    return _parse_statement(cursor)


def _skip(cursor: Cursor, token: Token) -> None:
    return None


KEYWORDS: dict[str, Callable[[Cursor, Token], tree.Statement | None]] = {
    "if": _parse_if,
    "IF": _parse_if,
    "while": _parse_while,
    "WHILE": _parse_while,
    "FROM": _parse_from,
    "LOCAL": parse_locals,
    "TABLE": _parse_table,
    "SOLVE": _parse_solve,
    "CONSERVE": _parse_conserve,
    "COMPARTMENT": _parse_compartment,
    "LONGITUDINAL_DIFFUSION": _parse_compartment,
    "WATCH": _parse_watch,
    "FOR_NETCONS": _parse_for_netcons,
    "INITIAL": lambda cursor, token: tree.Initial(token.at, parse_block(cursor)),
    "CONDUCTANCE": _parse_conductance,
    "LAG": _parse_lag,
    "PROTECT": _parse_protect,
    "MUTEXLOCK": _skip,
    "MUTEXUNLOCK": _skip,
    "UNITSON": _skip,
    "UNITSOFF": _skip,
}
