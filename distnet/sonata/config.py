"""Reading SONATA's configuration files: manifest variables, and several files merged into one.

A configuration may be one file that holds everything, a simulation that names its `network`, or a
file that names both `network` and `simulation`. Read as JSON: libsonata 0.2.2 knows none of the
last kind, nor BMTK's type tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from distnet.errors import InputError
from distnet.sonata.keys import WITHOUT_EFFECT
from distnet.sonata.section import Section, kind

VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")

#: Keys that name other configuration files, in the order in which these are read.
CHILDREN = ("network", "simulation")


@dataclass
class Config:
    """Everything that a configuration and the files it names hold, variables resolved."""

    file: Path
    values: dict[str, Any] = field(default_factory=dict)
    #: (section, key), or (section, "") for the section itself -> the file it comes from
    origin: dict[tuple[str, str], Path] = field(default_factory=dict)
    #: Node set files, where they are named and what they are; a later one overrides.
    node_set_files: list[tuple[str, Path]] = field(default_factory=list)

    def section(self, name: str) -> Section:
        """A section by name, empty if it is absent."""
        values = self.values.get(name, {})
        files = {key: file for (section, key), file in self.origin.items() if section == name}
        return Section(name, values, files, files.pop("", self.file))


def read_config(path: Path) -> Config:
    """Read a configuration and every configuration file that it names.

    Args:
        path: a circuit or simulation configuration, or one that names both.

    Raises:
        InputError: a file is missing or not JSON, a key is unknown, a variable is not defined,
            or two files disagree.
    """
    config = Config(Path(path))
    merge_file(config, Path(path), str(path), set())
    return config


def merge_file(config: Config, path: Path, where: str, seen: set[Path]) -> None:
    """Read one file, first the files that it names, and merge it all into `config`."""
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    root = read_file(path, where)
    for key in CHILDREN:
        if root.has(key):
            merge_file(config, root.path(key), root.where(key), seen)
    if root.has("node_sets_file"):
        config.node_set_files.append((root.where("node_sets_file"), root.path("node_sets_file")))
    skipped = (*CHILDREN, "manifest", "node_sets_file", *WITHOUT_EFFECT[""])
    for name, value in root.values.items():
        if name not in skipped and value is not None:
            merge_section(config, name, root.section(name))


def read_file(path: Path, where: str) -> Section:
    """Read one configuration file, with its variables resolved."""
    values = read_json(path, where)
    if not isinstance(values, dict):
        raise InputError(path, f"holds {kind(values)} where an object is expected")
    root = Section("", values, {}, path)
    root.check_keys("")
    manifest = resolve_manifest(root.section("manifest"), special_variables(path))
    resolved = {
        key: resolve(value, manifest, root.where(key))
        for key, value in values.items()
        if key != "manifest"
    }
    return Section("", resolved, {}, path)


def read_json(path: Path, where: object) -> Any:
    """Read a JSON file that `where` names.

    Raises:
        InputError: it is missing, or not JSON.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise InputError(where, f"the file {path} does not exist") from None
    except IsADirectoryError:
        raise InputError(where, f"{path} is a folder, not a file") from None
    except json.JSONDecodeError as problem:
        place = f"{path}:{problem.lineno}:{problem.colno}"
        raise InputError(place, f"is not JSON: {problem.msg}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(path, f"cannot be read ({problem})") from None


def merge_section(config: Config, name: str, section: Section) -> None:
    """Add a section's keys; two files may hold one section, but must agree about each key."""
    values = config.values.setdefault(name, {})
    config.origin.setdefault((name, ""), section.file)
    for key, value in section.values.items():
        other = config.origin.setdefault((name, key), section.file)
        if key in values and values[key] != value and key not in WITHOUT_EFFECT.get(name, ()):
            raise InputError(
                section.where(key), f"the value differs from the one in {other}; remove one of them"
            )
        values.setdefault(key, value)


def special_variables(path: Path) -> dict[str, Any]:
    """Variables that need no manifest."""
    now = datetime.now()
    return {
        "configdir": str(path.parent.resolve()),
        "configfname": str(path.resolve()),
        "workingdir": str(Path.cwd()),
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H-%M-%S"),
        "datetime": now.strftime("%Y-%m-%d_%H-%M-%S"),
    }


def resolve_manifest(manifest: Section, special: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve variables that are defined in terms of one another.

    Raises:
        InputError: a variable is not defined, or defined in terms of itself.
    """
    waiting = {key.strip("${}"): value for key, value in manifest.values.items()}
    names = {key.strip("${}"): key for key in manifest.values}
    resolved = dict(special)
    while waiting:
        ready = [key for key, value in waiting.items() if used(value) <= resolved.keys()]
        if not ready:
            key, value = next(iter(waiting.items()))
            missing = ", ".join(f"${v}" for v in sorted(used(value) - resolved.keys()))
            problem = f"the variable {missing} is not defined, or defined in terms of itself"
            raise InputError(manifest.where(names[key]), problem)
        for key in ready:
            resolved[key] = resolve(waiting.pop(key), resolved, manifest.where(names[key]))
    return resolved


def used(value: Any) -> set[str]:
    """Names of the variables in a value."""
    if not isinstance(value, str):
        return set()
    return {match[1] or match[2] for match in VARIABLE.finditer(value)}


def resolve(value: Any, variables: Mapping[str, Any], where: str) -> Any:
    """Put the values of variables in place of their names.

    A text that is nothing but one variable becomes its value, which may be a number.

    Raises:
        InputError: a variable is not defined.
    """
    if isinstance(value, dict):
        return {key: resolve(item, variables, where) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, variables, where) for item in value]
    if not isinstance(value, str):
        return value
    for name in sorted(used(value)):
        if name not in variables:
            raise InputError(
                where,
                f"the variable ${name} is not defined; "
                f"defined are {', '.join('$' + v for v in sorted(variables))}",
            )
    alone = VARIABLE.fullmatch(value)
    if alone:
        return variables[alone[1] or alone[2]]
    return VARIABLE.sub(lambda match: str(variables[match[1] or match[2]]), value)
