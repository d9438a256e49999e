"""What distnet makes of each .mod file of a corpus: how far it comes, or why it is refused."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mod_corpus import ModFile, archives, name_and_version

from distnet import mechanisms
from kernels.errors import NmodlError
from kernels.nmodl import loads, parse
from kernels.nmodl.catalogue import stand_in
from kernels.nmodl.lower import read

LONGEST = 300  # seconds for one file, compilation included
#: The columns of the page.
STAGES = ("parsed", "lowered", "compiled for the CPU", "compiled for a GPU")


@dataclass(frozen=True)
class Outcome:
    """How far one file came."""

    file: ModFile
    stages: frozenset[str] = frozenset()  # of STAGES
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


def examine(file: ModFile, compile_too: bool = False) -> Outcome:
    """Take one file as far as it goes."""
    if compile_too:
        return _compiled(file)
    stages: set[str] = set()
    try:
        with limited(LONGEST):
            text = read(file.path)
            parse(text, str(file.path))
            stages.add("parsed")
            if stand_in(text) is None:
                loads(text, str(file.path))
            stages.add("lowered")
    except NmodlError as problem:
        return Outcome(file, frozenset(stages), problem.line, problem.message)
    except Exception as problem:  # noqa: BLE001  (anything else is a fault to be listed)
        return Outcome(file, frozenset(stages), 0, f"FAULT {problem!r:.300}")
    return Outcome(file, frozenset(stages))


def _compiled(file: ModFile) -> Outcome:
    """As `distnet mechanisms` has it."""
    found = mechanisms.examine(file.path)
    reached = (found.parsed, bool(found.name), found.compiled_cpu, found.compiled_cuda)
    stages = frozenset(stage for stage, ok in zip(STAGES, reached, strict=True) if ok)
    if found.error is None:
        return Outcome(file, stages)
    return Outcome(file, stages, found.error.line, found.error.message)


def report(files: Sequence[ModFile], compile_too: bool, markdown: Path | None) -> None:
    """Print totals and reasons; write them into a page too."""
    outcomes = [examine(file, compile_too) for file in files]
    print(totals(outcomes))
    for reason, group in grouped(outcomes):
        print(f"\n{len(group):4} {reason}")
        for outcome in group:
            print(f"       {outcome.file.label}:{outcome.line}: {outcome.message}")
    if markdown is not None:
        insert(markdown, "corpus", page(outcomes))


def totals(outcomes: Sequence[Outcome]) -> str:
    """One line."""
    n = len(outcomes)
    counts = [(stage, sum(stage in o.stages for o in outcomes)) for stage in STAGES]
    parts = [f"{k} {stage} ({100.0 * k / max(n, 1):.1f} %)" for stage, k in counts if k]
    return ", ".join([f"{n} files", *parts])


def insert(path: Path, section: str, text: str) -> None:
    """Put text between the marks of a section of a page."""
    start, end = f"<!-- {section} -->\n", f"<!-- end of {section} -->"
    before, found, rest = path.read_text().partition(start)
    _, also, after = rest.partition(end)
    if not (found and also):
        raise SystemExit(f"{path} has no section {start.strip()} ... {end}")
    path.write_text(before + start + text + end + after)


def grouped(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """What was refused, by reason, the most frequent first."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.message:
            groups.setdefault(outcome.reason, []).append(outcome)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def page(outcomes: Sequence[Outcome]) -> str:
    """The tables of the page."""
    used = [stage for stage in STAGES if any(stage in o.stages for o in outcomes)]
    lines = ["| package | version | distinct files | " + " | ".join(used) + " |"]
    lines.append("|---" * (3 + len(used)) + "|")
    for archive in archives():
        package, version = name_and_version(archive)
        mine = [o for o in outcomes if o.file.package == package]
        counts = " | ".join(str(sum(stage in o.stages for o in mine)) for stage in used)
        lines.append(f"| {package} | {version} | {len(mine)} | {counts} |")
    lines += ["", f"{totals(outcomes)}.", "", "| files | refused because | for example |"]
    lines.append("|---|---|---|")
    for reason, group in grouped(outcomes):
        first = group[0]
        example = f"{first.file.label}:{first.line}: {_cell(first.message)}"
        lines.append(f"| {len(group)} | {_cell(reason)} | {example} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
