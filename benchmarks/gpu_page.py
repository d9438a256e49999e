"""Tables of the performance model as sections of a page: rows of what was run, others stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

#: A section: its marks, how many cells of a row tell which one it is, its columns.
Column = tuple[str, Callable[[dict], str]]


def put_rows(page: Path, section: str, n_key: int, columns: Sequence[Column], rows: list) -> None:
    """Replace rows of a table between the marks of a section; new ones come in order of size.

    Args:
        page: the file.
        section: its name in the marks.
        n_key: how many cells of a row, from the left, tell which one it is.
        columns: headings, and what stands below them.
        rows: of the run.
    """
    start, end = f"<!-- {section} -->\n", f"<!-- end of {section} -->"
    before, found, rest = page.read_text().partition(start)
    old, also, after = rest.partition(end)
    if not (found and also):
        raise SystemExit(f"{page} has no section {start.strip()} ... {end}")
    kept = [cells_of(line) for line in old.splitlines()[2:]]
    made = [[text(row) for _, text in columns] for row in rows]
    table = {tuple(row[:n_key]): row for row in [*kept, *made] if len(row) == len(columns)}
    order = sorted(table.values(), key=lambda row: size_of(row[:n_key]))  # stable
    headings = [heading for heading, _ in columns]
    lines = [line_of(headings), "|" + "---|" * len(columns), *map(line_of, order)]
    page.write_text(before + start + "\n".join(lines) + "\n" + end + after)


def size_of(key: Sequence[str]) -> int:
    """Compartments: the cell of a key that is a number."""
    return next(int(cell.replace(",", "")) for cell in key if cell[0].isdigit())


def cells_of(line: str) -> list[str]:
    """A row of a table in Markdown."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def line_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _where(row: dict) -> str:
    where = "" if row["where"] == "shared" else f" {row['where']}"
    return f"{row['threads']}/{row['lanes']}{where}"


#: Of one card a row; "worst": the L2 cache keeps nothing of what it does not hold as a whole.
MODEL: tuple[Column, ...] = (
    ("model", lambda r: r["model"]),
    ("comp.", lambda r: f"{r['compartments']:,}"),
    ("card", lambda r: r["card"].split()[0]),
    ("T/k", _where),
    ("cells/SM", lambda r: str(r["cells_per_sm"])),
    ("instr.", lambda r: f"{r['issued']:.1f}"),
    ("real", lambda r: f"{r['real']:.2f}"),
    ("B", lambda r: f"{r['global_bytes']:.0f}"),
    ("kept", lambda r: f"{r['kept_bytes']:.0f}"),
    ("interval, bound by", lambda r: f"{r['interval_ps']:.0f} {r['interval_limit']}"),
    ("worst", lambda r: f"{r['worst_ps']:.0f}"),
    ("B streaming", lambda r: f"{r['streaming_bytes']:.0f}"),
    ("streaming, bound by", lambda r: f"{r['streaming_ps']:.0f} {r['streaming_limit']}"),
    ("ratio", lambda r: f"{r['ratio']:.1f}"),
)


def _pair(key: str, form: str) -> Callable[[dict], str]:
    return lambda row: " / ".join(format(row[one][key], form) for one in ("ours", "published"))


def _ratio(row: dict) -> str:
    return f"{row['published']['one_cell_us'] / row['ours']['one_cell_us']:.1f}"


#: Ours and the published solver beside each other.
SOLVER: tuple[Column, ...] = (
    ("comp.", lambda r: f"{r['ours']['compartments']:,}"),
    ("card", lambda r: r["ours"]["card"].split()[0]),
    ("levels", _pair("levels", ",d")),
    ("instr.", _pair("issued", ".1f")),
    ("B", _pair("global_bytes", ".0f")),
    ("divisions", _pair("divisions", ".0f")),
    ("cycles a level", _pair("cycles_per_level", ",.0f")),
    ("us of one cell", _pair("one_cell_us", ",.1f")),
    ("ps, many cells", _pair("ps", ".0f")),
    ("ratio of one cell", _ratio),
)


def put_tables(page: Path, models: list[dict], solvers: list[dict]) -> None:
    """Write what was run into a page."""
    put_rows(page, "interval", 3, MODEL, models)
    pairs = [
        {"ours": one, "published": other}
        for one, other in zip(solvers[::2], solvers[1::2], strict=True)
    ]
    put_rows(page, "solver", 2, SOLVER, pairs)
