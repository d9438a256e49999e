"""What distnet makes of each .mod file of a corpus: how far it comes, or why it is refused."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mod_corpus import ModFile, archives, name_and_version

from kernels.errors import NmodlError
from kernels.nmodl import loads, parse
from kernels.nmodl.lower import read

LONGEST = 300  # seconds for one file, compilation included


@dataclass(frozen=True)
class Outcome:
    """How far one file came."""

    file: ModFile
    parsed: bool
    lowered: bool
    compiled: bool | None  # None: not tried
    line: int = 0
    message: str = ""

    @property
    def reason(self) -> str:
        """The message without names and numbers, to group by."""
        return re.sub(r"\b\d+\b", "N", re.sub(r'"[^"]*"|`[^`]*`', '"..."', self.message))


class TooLong(Exception):
    """A file took longer than its time."""


@contextmanager
def limited(seconds: float, processor: bool = False) -> Iterator[None]:
    """Raise TooLong in the body when the time (of the processor, if so asked) is over."""
    timer, name = signal.ITIMER_REAL, signal.SIGALRM
    if processor:
        timer, name = signal.ITIMER_PROF, signal.SIGPROF

    def stop(*_: object) -> None:
        raise TooLong(f"took longer than {seconds} s")

    before = signal.signal(name, stop)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(name, before)


def examine(file: ModFile, compile_it: Callable[[Path], None] | None = None) -> Outcome:
    """Take one file as far as it goes."""
    parsed = lowered = False
    compiled = None if compile_it is None else False
    try:
        with limited(LONGEST):
            text = read(file.path)
            parse(text, str(file.path))
            parsed = True
            loads(text, str(file.path))
            lowered = True
            if compile_it is not None:
                compile_it(file.path)
                compiled = True
    except NmodlError as problem:
        return Outcome(file, parsed, lowered, compiled, problem.line, problem.message)
    except Exception as problem:  # noqa: BLE001  (anything else is a fault to be listed)
        return Outcome(file, parsed, lowered, compiled, 0, f"FAULT {problem!r:.300}")
    return Outcome(file, parsed, lowered, compiled)


def report(files: Sequence[ModFile], compile_too: bool, markdown: Path | None) -> None:
    """Print totals and reasons; write them as a page too."""
    compile_it = None
    if compile_too:
        from side_by_side.distnet_side import compile_file as compile_it
    outcomes = [examine(file, compile_it) for file in files]
    print(totals(outcomes))
    for reason, group in grouped(outcomes):
        print(f"\n{len(group):4} {reason}")
        for outcome in group:
            print(f"       {outcome.file.label}:{outcome.line}: {outcome.message}")
    if markdown is not None:
        markdown.write_text(page(outcomes))


def totals(outcomes: Sequence[Outcome]) -> str:
    """One line."""
    n = len(outcomes)
    parts = [f"{n} files", _share("parsed", sum(o.parsed for o in outcomes), n)]
    parts.append(_share("lowered", sum(o.lowered for o in outcomes), n))
    if any(o.compiled is not None for o in outcomes):
        parts.append(_share("compiled for the CPU", sum(o.compiled is True for o in outcomes), n))
    return ", ".join(parts)


def _share(word: str, count: int, n: int) -> str:
    return f"{count} {word} ({100.0 * count / max(n, 1):.1f} %)"


def grouped(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """What was refused, by reason, the most frequent first."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.message:
            groups.setdefault(outcome.reason, []).append(outcome)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def page(outcomes: Sequence[Outcome]) -> str:
    """The tables of docs/nmodl.md."""
    lines = ["| package | version | distinct files | parsed | lowered |", "|---|---|---|---|---|"]
    for archive in archives():
        package, version = name_and_version(archive)
        mine = [o for o in outcomes if o.file.package == package]
        parsed, lowered = sum(o.parsed for o in mine), sum(o.lowered for o in mine)
        lines.append(f"| {package} | {version} | {len(mine)} | {parsed} | {lowered} |")
    lines += ["", totals(outcomes) + ".", "", "| files | refused because | for example |"]
    lines.append("|---|---|---|")
    for reason, group in grouped(outcomes):
        first = group[0]
        lines.append(
            f"| {len(group)} | {_cell(reason)} | {first.file.label}:{first.line}: "
            f"{_cell(first.message)} |"
        )
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
