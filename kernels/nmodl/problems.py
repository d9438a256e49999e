"""Several errors of one file, told together."""

from __future__ import annotations

from collections.abc import Iterable

from kernels.errors import NmodlError

MOST = 20  # told of one file


def together(problems: Iterable[NmodlError]) -> NmodlError:
    """One error that carries all of them, each once, in the order of the text."""
    known: dict[tuple[str, int, int, str], NmodlError] = {}
    for problem in problems:
        for one in (problem, *problem.others):
            known.setdefault((one.file, one.line, one.column, one.message), one)
    files = list(dict.fromkeys(one.file for one in known.values()))
    found = sorted(known.values(), key=lambda p: (files.index(p.file), p.line, p.column))
    for one in found:
        one.others = ()
    found[0].others = tuple(found[1:MOST])
    return found[0]
