"""Early returns (`VERBATIM return; ENDVERBATIM`) to nested ifs."""

from __future__ import annotations

import re

from kernels.nmodl import tree

_RETURN = re.compile(r"\s*return\s*(0|0\.0?|1)?\s*;\s*")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\r\n]*", re.DOTALL)


def without_returns(block: tree.Block) -> tree.Block:
    """The same block without returns at its own level: what may follow one moves into the branches
    that go on; blocks inside are left as they are.
    """
    kept: list[tree.Statement] = []
    for i, statement in enumerate(block.statements):
        if isinstance(statement, tree.Verbatim):
            if _is_return(statement):
                return tree.Block(block.at, tuple(kept))
            if not _COMMENT.sub("", statement.code).strip():
                continue
        if isinstance(statement, tree.If) and _may_return(statement):
            rest = block.statements[i + 1 :]
            body = tree.Block(statement.body.at, statement.body.statements + rest)
            orelse = tree.Block(statement.orelse.at, statement.orelse.statements + rest)
            kept.append(tree.If(statement.at, statement.condition, body, orelse))
            return tree.Block(block.at, tuple(kept))
        kept.append(statement)
    return tree.Block(block.at, tuple(kept))


def _is_return(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Verbatim) and bool(
        _RETURN.fullmatch(_COMMENT.sub("", statement.code))
    )


def is_plain(statement: tree.Verbatim) -> bool:
    """Is it a return, or nothing but comments?"""
    return _is_return(statement) or not _COMMENT.sub("", statement.code).strip()


def returns_in(block: tree.Block) -> bool:
    """Does a return stand in a block, however deep in its ifs?"""
    return any(map(_may_return, block.statements))


def _may_return(statement: tree.Statement) -> bool:
    if isinstance(statement, tree.If):
        return returns_in(statement.body) or returns_in(statement.orelse)
    return _is_return(statement)
