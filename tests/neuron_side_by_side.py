"""Every .mod file of a folder in NEURON and in distnet: a line a file, and totals.

    python tests/neuron_side_by_side.py FOLDER [--limit N] [--only NAME] [--json] [--backend cpu]
                                               [--markdown PAGE]

FOLDER may be left out: then it is the corpus of `mod_corpus.py`. See `side_by_side/protocol.py` for
the experiment. NEURON's builds and results are kept in `DISTNET_SIDE_BY_SIDE` (by default a folder
of the system's temporary files), named by content, so a second run only computes what changed.
Exit code 1 if any file differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from mod_corpus import ModFile, corpus, distinct  # noqa: E402
from mod_report import TooLong, insert, limited  # noqa: E402
from side_by_side.compare import OUTCOMES, Comparison, compare  # noqa: E402

SECONDS = 400  # for one file, all compilation included


def compare_one(file: ModFile, backend: str) -> Comparison:
    """One file, within its time."""
    label = f"{file.package}/{file.path.name}"
    try:
        with limited(SECONDS):
            return compare(file.path, label, backend)
    except TooLong as problem:
        return Comparison(label, "FAULT", note=str(problem))
    except Exception as problem:  # noqa: BLE001  (one file must not end the run)
        return Comparison(label, "FAULT", note=f"{problem!r:.200}")


def line(made: Comparison) -> str:
    """What the run prints about a file."""
    text = f"{made.outcome:13} {made.file:60}"
    if made.compared:
        text += f" {made.compared:3} traces, worst {made.worst:.1e} {made.variable}"
    if made.outcome == "DIFFERS" and made.compared:
        text += f" from step {made.step}:"
    return f"{text} {made.note}".rstrip()


def totals(every: list[Comparison]) -> str:
    """Counts of outcomes."""
    counts = {o: sum(c.outcome == o for c in every) for o in OUTCOMES}
    idle = sum(c.outcome == "equal" and set(c.active) <= {"0/v", "1/v"} for c in every)
    text = ", ".join(f"{n} {outcome}" for outcome, n in counts.items() if n)
    return f"{len(every)} files: {text}; of the equal ones {idle} showed no variable that moves"


def page(every: list[Comparison], backend: str) -> str:
    """The tables for docs."""
    lines = [f"NEURON {version('neuron')} and the {backend} engine. {totals(every)}.", ""]
    lines += ["| outcome | package | file | what |", "|---|---|---|---|"]
    for made in sorted(every, key=lambda c: (OUTCOMES.index(c.outcome), c.file)):
        if made.outcome not in ("equal", "refused"):
            package, _, name = made.file.partition("/")
            note = made.note.replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {made.outcome} | {package} | {name} | {note:.200} |")
    worst = sorted((c for c in every if c.outcome == "equal"), key=lambda c: -c.worst)
    lines += ["", "Largest relative differences of the equal ones:", ""]
    lines += ["| package | file | allowed | largest | of |", "|---|---|---|---|---|"]
    for made in worst[:10]:
        package, _, name = made.file.partition("/")
        variable = made.variable.replace("own.", "")
        row = (package, name, f"{made.tolerance:g}", f"{made.worst:.1e}", variable)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="default: the corpus")
    parser.add_argument("--limit", type=int, help="the first N files only")
    parser.add_argument("--only", help="files whose path holds this")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--backend", default="cpu", help="cpu or reference")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--markdown", type=Path, help="put the totals into this page")
    options = parser.parse_args()
    folder = options.folder
    if folder is not None and not folder.is_dir():
        parser.error(f"{folder} is not a folder")
    files = corpus() if folder is None else distinct(folder, folder.resolve().name)
    files = [f for f in files if not options.only or options.only in str(f.path)][: options.limit]
    every: list[Comparison] = []
    with ProcessPoolExecutor(options.processes) as pool:
        waiting = [pool.submit(compare_one, file, options.backend) for file in files]
        for done in as_completed(waiting):
            every.append(done.result())
            print(json.dumps(every[-1].as_json()) if options.json else line(every[-1]), flush=True)
    print(totals(every), file=sys.stderr if options.json else sys.stdout)
    if options.markdown is not None:
        insert(options.markdown, "neuron", page(every, options.backend))
    return int(any(c.outcome in ("DIFFERS", "FAULT") for c in every))


if __name__ == "__main__":
    sys.exit(main())
