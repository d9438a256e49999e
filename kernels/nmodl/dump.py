"""The tree of a .mod file as text: one node a line, with its line and column."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from kernels.nmodl import tree


def dump(file: tree.File) -> str:
    """The tree, indented; `file.text` is left out."""
    return "\n".join(_lines("", file, 0)) + "\n"


def _lines(label: str, value: object, depth: int) -> Iterator[str]:
    pad = "  " * depth + (f"{label}: " if label else "")
    if isinstance(value, tree.Node):
        plain: list[tuple[str, object]] = []
        nested: list[tuple[str, object]] = []
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name in ("at", "text") and isinstance(value, tree.File):
                continue
            if field.name == "at" or inner in ("", (), {}, None):
                continue
            is_plain = isinstance(inner, str | float | int)
            (plain if is_plain else nested).append((field.name, inner))
        words = " ".join(f"{name}={inner!r}" for name, inner in plain)
        yield f"{pad}{type(value).__name__} {value.at.line}:{value.at.column} {words}".rstrip()
        for name, inner in nested:
            yield from _lines(name, inner, depth + 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{label} {key}", inner, depth)
    elif isinstance(value, tuple) and any(isinstance(v, tree.Node | tuple) for v in value):
        for inner in value:
            yield from _lines(label, inner, depth)
    else:
        yield f"{pad}{value!r}"
