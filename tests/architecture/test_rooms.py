"""The rules between the rooms, read from the source with `ast`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("launch", "distnet", "kernels", "partition")

#: Which rooms a room may import.
MAY_IMPORT = {
    "partition": {"partition"},
    "kernels": {"kernels"},
    "distnet": {"distnet", "kernels", "partition"},
    "launch": {"launch", "distnet"},
}

#: Where a library may be imported at all; a library not named here may be imported anywhere.
ONLY_IN = {
    "mpi4py": ["distnet/exchange*", "launch/ranks*"],
    "cupy": ["kernels/cuda/*"],
    "h5py": ["distnet/sonata/*", "distnet/output/*", "distnet/readers/*", "launch/demo/*",
             "launch/results.py", "launch/doctor.py"],
    "libsonata": ["distnet/sonata/*", "distnet/readers/*"],
    "morphio": ["distnet/morphology/*", "distnet/readers/*"],
    "matplotlib": ["launch/*"],
    "rich": ["launch/*"],
    "numba": ["kernels/*", "partition/*", "distnet/*"],
    "pymetis": ["partition/metis.py"],
    "neuron": [],
    "bmtk": [],
    "coreneuron": [],
    "arbor": [],
}  # fmt: skip

#: Libraries that `import distnet, kernels, partition, launch` must leave alone.
HEAVY = ("mpi4py", "numba", "h5py", "matplotlib", "cupy", "morphio", "libsonata", "neuron", "rich")

FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with the line; a relative import as '.'."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield ("." if node.level else node.module or ""), node.lineno


def test_every_room_is_there():
    for room in ROOMS:
        assert (ROOT / room / "__init__.py").is_file(), room


def test_rooms_import_only_in_the_line():
    wrong = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        room = name.split("/")[0]
        for module, line in imported(path):
            top = module.split(".")[0]
            if module == "." or (top in ROOMS and top not in MAY_IMPORT[room]):
                wrong.append(f"{name}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_libraries_stay_where_they_belong():
    wrong = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        for module, line in imported(path):
            places = ONLY_IN.get(module.split(".")[0])
            if places is not None and not any(fnmatch(name, place) for place in places):
                wrong.append(f"{name}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_is_light(room):
    code = f"import sys, {room}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_files_are_of_a_readable_length():
    long = {p.relative_to(ROOT).as_posix(): n for p in FILES if (n := lines(p)) > 400}
    assert not long, f"files above 400 lines: {long}"


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_tests_and_benchmarks_are_no_packages():
    packages = [p for top in ("tests", "benchmarks") for p in (ROOT / top).rglob("__init__.py")]
    assert not packages


def test_a_shadowed_room_is_refused(tmp_path, run_python):
    foreign = tmp_path / "kernels"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import distnet"
    done = run_python(["-c", code])
    assert done.returncode == 1
    assert str(foreign) in done.stderr
    assert str(ROOT / "kernels") in done.stderr
