"""A section of a configuration whose values are checked as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distnet.errors import InputError
from distnet.sonata.keys import allowed

KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def kind(value: object) -> str:
    """What a JSON value is, for messages."""
    return KINDS.get(type(value), type(value).__name__)


def is_number(value: object) -> bool:
    """Whether a JSON value is a number (true and false are not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True)
class Section:
    """An object of a configuration; a value of null counts as absent."""

    name: str  # "run", "inputs.step", "networks.nodes[0]"; "" is the whole configuration
    values: Mapping[str, Any]
    files: Mapping[str, Path]  # the file that each key comes from
    file: Path  # the file that the section comes from

    def check_keys(self, rule: str) -> None:
        """Refuse keys that `keys.allowed(rule)` does not name.

        Raises:
            InputError: there is another key.
        """
        known = allowed(rule)
        for key in self.values:
            if key not in known:
                raise InputError(
                    self.where(key),
                    f"the key is not known here; allowed are {', '.join(sorted(known))}",
                )

    def where(self, key: str = "") -> str:
        """The file and the place in it, for messages."""
        place = ".".join(filter(None, (self.name, key)))
        return f'{self.files.get(key, self.file)}: "{place}"' if place else str(self.file)

    def has(self, key: str) -> bool:
        """Whether a key is there, with another value than null."""
        return self.values.get(key) is not None

    def need(self, *keys: str) -> None:
        """Refuse a section that lacks one of these keys.

        Raises:
            InputError: one is missing.
        """
        for key in keys:
            if not self.has(key):
                raise InputError(self.where(), f'the key "{key}" is missing')

    def wrong(self, key: str, expected: str) -> InputError:
        """The error for a value that is not what it must be."""
        value = self.values.get(key)
        found = kind(value) if isinstance(value, (dict, list)) else repr(value)
        return InputError(self.where(key), f"found {found} where {expected} is expected")

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        if not self.has(key):
            return default
        if not isinstance(self.values[key], str):
            raise self.wrong(key, "a text")
        return self.values[key]

    def choice(self, key: str, choices: tuple[str, ...], default: str = "") -> str:
        """One of some texts."""
        value = self.text(key, default)
        if value not in choices:
            raise InputError(
                self.where(key), f'"{value}" is not supported; allowed are {", ".join(choices)}'
            )
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        if not self.has(key):
            return default
        if not isinstance(self.values[key], bool):
            raise self.wrong(key, "true or false")
        return self.values[key]

    def number(self, key: str, default: float, above: float | None = None) -> float:
        """A finite number, greater than `above`."""
        if not self.has(key):
            return default
        value = self.values[key]
        expected = "a number" if above is None else f"a number greater than {above:g}"
        if not is_number(value) or abs(value) == float("inf") or value != value:
            raise self.wrong(key, expected)
        if above is not None and not value > above:
            raise self.wrong(key, expected)
        return float(value)

    def integer(self, key: str, default: int) -> int:
        """A whole number that is not negative."""
        if not self.has(key):
            return default
        value = self.values[key]
        if not is_number(value) or value != int(value) or value < 0:
            raise self.wrong(key, "a whole number, 0 or greater,")
        return int(value)

    def numbers(self, key: str) -> list[float]:
        """A number or a list of numbers, as a list."""
        value = self.values.get(key)
        items: list[Any] = value if isinstance(value, list) else [value]
        if not items or not all(is_number(item) for item in items):
            raise self.wrong(key, "a number or a list of numbers")
        return [float(item) for item in items]

    def path(self, key: str) -> Path:
        """A path; a relative one starts at the folder of the file that holds it."""
        self.need(key)
        return self.files.get(key, self.file).parent / self.text(key)

    def existing_file(self, key: str) -> Path:
        """The path of a file that exists."""
        path = self.path(key)
        if not path.is_file():
            raise InputError(self.where(key), f"the file {path} does not exist")
        return path

    def existing_folder(self, key: str) -> Path:
        """The path of a folder that exists."""
        path = self.path(key)
        if not path.is_dir():
            raise InputError(self.where(key), f"the folder {path} does not exist")
        return path

    def section(self, key: str) -> Section:
        """The object under a key, empty if it is absent."""
        value = self.values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return self.child(key, value, key)

    def sections(self, key: str) -> list[Section]:
        """The objects in the list under a key."""
        value = self.values.get(key)
        if value is None:
            value = []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "a list of objects")
        return [self.child(f"{key}[{i}]", item, key) for i, item in enumerate(value)]

    def child(self, name: str, value: dict[str, Any], key: str) -> Section:
        """A part of this section, named for messages."""
        file = self.files.get(key, self.file)
        return Section(".".join(filter(None, (self.name, name))), value, {}, file)
