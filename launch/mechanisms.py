"""`distnet mechanisms`: which .mod files compile, what they read, write and cost."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distnet.mechanisms import Examined

#: Files above which progress is shown.
MANY = 3


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns the exit code."""
    from distnet.mechanisms import emit, examine_all, files_in

    files = files_in(args.files)
    if args.emit:
        for file in files:
            print(emit(file, args.emit), end="")
        return 0
    show = sys.stderr.isatty() or len(files) > MANY
    found = []
    for one in examine_all(files, _tell if show else None):
        found.append(one)
        if args.json:
            print(json.dumps(as_json(one)), flush=True)
    if show:
        print(file=sys.stderr)
    if not args.json:
        print("\n".join(table(found)))
    return int(any(one.failed for one in found))


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total or done % 20 == 0:
        end = "" if sys.stderr.isatty() else "\n"
        print(f"\r{done} of {total} files", end=end, file=sys.stderr, flush=True)


def as_json(one: Examined) -> dict[str, object]:
    """What is printed of a file with --json."""
    error = one.error
    place = error and {"line": error.line, "column": error.column, "message": error.message}
    return {
        "file": str(one.file),
        "parsed": one.parsed,
        "compiled_cpu": one.compiled_cpu,
        "compiled_cuda": one.compiled_cuda,
        "error": place,
        "name": one.name,
        "kind": one.kind,
        "reads": list(one.reads),
        "writes": list(one.writes),
        "exponentials": one.exponentials,
        "divisions": one.divisions,
        "slots": one.slots,
        "registers": one.registers,
        "spilled_bytes": one.spilled,
        "note": one.note,
    }


def table(found: list[Examined]) -> Iterator[str]:
    """The lines of the table, the errors, the totals."""
    head = ("mechanism", "kind", "cpu", "cuda", "exp", "div", "slots", "regs", "spill", "ions")
    rows = [head, *(_row(one) for one in found if one.name)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    if len(rows) > 1:
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(cells).rstrip()
        yield ""
    for one in found:
        if one.error:
            yield f"{one.file}:{one.error.line}:{one.error.column}: {one.error.message}"
        elif one.note and one.compiled_cuda is not None:
            yield f"{one.file}: {one.note}"
    yield from _totals(found)


def _row(one: Examined) -> tuple[str, ...]:
    cuda = {True: "yes", False: "no", None: "-"}[one.compiled_cuda]
    ions = " ".join([*(f"<{r}" for r in one.reads), *(f">{w}" for w in one.writes)])
    numbers = (one.exponentials, one.divisions, one.slots, one.registers, one.spilled)
    texts = ("-" if n is None else str(n) for n in numbers)
    return (one.name, one.kind, "yes" if one.compiled_cpu else "no", cuda, *texts, ions)


def _totals(found: list[Examined]) -> Iterator[str]:
    n = len(found)
    parsed, cpu = sum(o.parsed for o in found), sum(o.compiled_cpu for o in found)
    text = f"{n} file{'s' * (n != 1)}: {parsed} parsed, {cpu} compiled for the CPU"
    tried = [o for o in found if o.compiled_cpu]
    if tried and all(o.compiled_cuda is None for o in tried):
        yield f"{text}; not for a GPU: {tried[0].note}"
    else:
        yield f"{text}, {sum(o.compiled_cuda is True for o in found)} for a GPU"
