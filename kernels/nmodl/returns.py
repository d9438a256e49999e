"""Early returns (`VERBATIM return; ENDVERBATIM`) to nested ifs; in loops, to a variable."""

from __future__ import annotations

import re
from dataclasses import replace

from kernels.nmodl import tree
from kernels.nmodl.scanner import Position

_RETURN = re.compile(r"\s*return\s*(0|0\.0?|1)?\s*;\s*")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\r\n]*", re.DOTALL)
_LOOPS = (tree.While, tree.From, tree.ForNetcons)


def without_returns(block: tree.Block) -> tree.Block:
    """The same block without returns at its own level: what may follow one moves into the branches
    that go on; blocks inside are left as they are. A loop with a return ends by a variable.
    """
    kept: list[tree.Statement] = []
    for i, statement in enumerate(block.statements):
        rest = block.statements[i + 1 :]
        if isinstance(statement, tree.Verbatim):
            if _is_return(statement):
                return tree.Block(block.at, tuple(kept))
            if not _COMMENT.sub("", statement.code).strip():
                continue
        if isinstance(statement, tree.If) and _may_return(statement):
            body = tree.Block(statement.body.at, statement.body.statements + rest)
            orelse = tree.Block(statement.orelse.at, statement.orelse.statements + rest)
            kept.append(tree.If(statement.at, statement.condition, body, orelse))
            return tree.Block(block.at, tuple(kept))
        if isinstance(statement, _LOOPS) and _may_return(statement):
            at = statement.at
            flag = f"returned{at.line}_{at.column}"
            kept += [tree.Local(at, ((flag, 0),)), _set(at, flag, 0.0)]
            kept += [_flagged(statement, flag), _unless(at, flag, rest)]
            return tree.Block(block.at, tuple(kept))
        kept.append(statement)
    return tree.Block(block.at, tuple(kept))


def _flagged(statement: tree.Statement, flag: str) -> tree.Statement:
    """A statement whose returns set the variable, which ends its loops."""
    if isinstance(statement, tree.If):
        body = _flagged_block(statement.body, flag)
        return replace(statement, body=body, orelse=_flagged_block(statement.orelse, flag))
    if isinstance(statement, tree.While):
        going = tree.Binary(statement.at, "&&", _is_zero(statement.at, flag), statement.condition)
        return replace(statement, condition=going, body=_flagged_block(statement.body, flag))
    if isinstance(statement, tree.From | tree.ForNetcons):
        inner = _flagged_block(statement.body, flag).statements
        round_ = tree.Block(statement.at, (_unless(statement.at, flag, inner),))
        return replace(statement, body=round_)
    return _set(statement.at, flag, 1.0)


def _flagged_block(block: tree.Block, flag: str) -> tree.Block:
    kept: list[tree.Statement] = []
    for i, statement in enumerate(block.statements):
        if not _may_return(statement):
            kept.append(statement)
            continue
        kept.append(_flagged(statement, flag))
        rest = _flagged_block(tree.Block(block.at, block.statements[i + 1 :]), flag).statements
        if rest and not _is_return(statement):
            kept.append(_unless(statement.at, flag, rest))
        break
    return tree.Block(block.at, tuple(kept))


def _set(at: Position, flag: str, value: float) -> tree.Statement:
    return tree.Assign(at, tree.Name(at, flag), tree.Number(at, value))


def _is_zero(at: Position, flag: str) -> tree.Expression:
    return tree.Binary(at, "==", tree.Name(at, flag), tree.Number(at, 0.0))


def _unless(at: Position, flag: str, rest: tuple[tree.Statement, ...]) -> tree.Statement:
    return tree.If(at, _is_zero(at, flag), tree.Block(at, rest), tree.Block(at))


def _is_return(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Verbatim) and bool(
        _RETURN.fullmatch(_COMMENT.sub("", statement.code))
    )


def is_plain(statement: tree.Verbatim) -> bool:
    """Is it a return, or nothing but comments?"""
    return _is_return(statement) or not _COMMENT.sub("", statement.code).strip()


def _may_return(statement: tree.Statement) -> bool:
    """Is it a return, or does one stand in it, however deep?"""
    if isinstance(statement, tree.If):
        return any(map(_may_return, (*statement.body.statements, *statement.orelse.statements)))
    if isinstance(statement, _LOOPS):
        return any(map(_may_return, statement.body.statements))
    return _is_return(statement)
