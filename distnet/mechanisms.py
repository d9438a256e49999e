"""What becomes of .mod files: which compile, what each reads, writes and costs, or its error."""

from __future__ import annotations

import ast
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distnet.errors import InputError
from kernels.errors import KernelsError, NmodlError
from kernels.mechanism import Mechanism
from kernels.nmodl import loads, parse
from kernels.nmodl.c_routines import left_out
from kernels.nmodl.catalogue import stand_in
from kernels.nmodl.lower import read
from kernels.nmodl.tree import File

#: What `emit` can show.
FORMS = ("tree", "numba", "cuda")


@dataclass(frozen=True)
class Problem:
    """Why a file does not compile."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Examined:
    """What was found out about one file."""

    file: Path
    parsed: bool = False
    compiled_cpu: bool = False
    compiled_cuda: bool | None = None  # None: this machine has no NVRTC
    error: Problem | None = None
    note: str = ""
    name: str = ""
    kind: str = ""
    reads: tuple[str, ...] = ()  # variables of ions
    writes: tuple[str, ...] = ()  # variables of ions, and nonspecific currents
    exponentials: int = 0  # calls of exp and its like in a step
    divisions: int = 0  # in a step
    slots: int = 0  # float64 values that an instance keeps
    registers: int | None = None  # of the CUDA kernel with this mechanism alone
    spilled: int | None = None  # bytes a thread that did not fit into registers

    @property
    def failed(self) -> bool:
        """Whether a user cannot run the file somewhere."""
        return not self.compiled_cpu or self.compiled_cuda is False


def files_in(places: Iterable[Path]) -> list[Path]:
    """The .mod files named, and those below the folders named.

    Raises:
        InputError: there is no such file or folder, or no .mod file in it.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(place.rglob("*.mod"))
            if not inside:
                raise InputError(place, "holds no .mod file")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise InputError(place, "no such file or folder")
    return list(dict.fromkeys(found))


def examine_all(
    files: Sequence[Path], tell: Callable[[int, int], None] | None = None
) -> Iterator[Examined]:
    """Examine files, several at once where there are cores for it; results in their order.

    Args:
        files: paths.
        tell: called with how many are done, and how many there are.
    """
    n_core = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    n_process = min(n_core or 1, len(files) // 4)
    if n_process < 2:
        for k, file in enumerate(files):
            yield examine(file)
            if tell:
                tell(k + 1, len(files))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=context) as pool:
        for k, found in enumerate(pool.map(examine, files)):
            yield found
            if tell:
                tell(k + 1, len(files))


def examine(file: Path) -> Examined:
    """Take one file as far as it goes: parse, lower, compile for the CPU and for a GPU."""
    found = Examined(file)
    try:
        text = read(file)
        tree = parse(text, str(file))
        found = replace(found, parsed=True)
        mechanism, note = _load(file, text)
        note = note or _left_out(tree)
        found = replace(found, note=note, **_facts(mechanism))
        _compile_cpu(mechanism)
        found = replace(found, compiled_cpu=True)
        return _with_cuda(found, mechanism)
    except NmodlError as problem:
        error = Problem(problem.line, problem.column, problem.message)
    except OSError as problem:
        error = Problem(1, 1, f"cannot be read: {problem.strerror}")
    except Exception as problem:  # noqa: BLE001  (a fault of the compiler must not end the table)
        error = Problem(1, 1, f"internal error: {type(problem).__name__}: {problem}"[:500])
    return replace(found, error=error)


def emit(file: Path, form: str) -> str:
    """The tree of a file, or the text that its mechanism becomes.

    Raises:
        NmodlError: the file does not compile.
    """
    text = read(file)
    if form == "tree":
        from kernels.nmodl.dump import dump

        return dump(parse(text, str(file)))
    mechanism, _ = _load(file, text)
    if form == "numba":
        from kernels.cpu.single import numba_text

        return numba_text(mechanism)
    from kernels.cuda.single import cuda_text

    return cuda_text(mechanism)[0]


def _load(file: Path, text: str) -> tuple[Mechanism, str]:
    """The mechanism that a run takes for a file, and what is to be said of it."""
    own = stand_in(text)
    if own is not None:
        return loads(read(own), str(own)), f"the built-in {own.stem} runs in its place"
    return loads(text, str(file)), ""


def _left_out(tree: File) -> str:
    names = left_out(tree)
    return f"only hoc could call {', '.join(names)}: left out" if names else ""


def _compile_cpu(mechanism: Mechanism) -> None:
    from kernels.cpu.single import compile_mechanism

    compile_mechanism(mechanism)


def _with_cuda(found: Examined, mechanism: Mechanism) -> Examined:
    from kernels.cuda.nvrtc import toolchain
    from kernels.cuda.single import compile_mechanism

    try:
        toolchain()
    except KernelsError as problem:
        return replace(found, note="; ".join(filter(None, [found.note, str(problem)])))
    try:
        made = compile_mechanism(mechanism)
    except KernelsError as problem:
        return replace(found, compiled_cuda=False, error=Problem(1, 1, str(problem)))
    return replace(
        found,
        compiled_cuda=True,
        registers=made.registers,
        spilled=made.spill_stores + made.spill_loads,
    )


def _facts(mechanism: Mechanism) -> dict[str, Any]:
    from kernels.preparation import prepare
    from kernels.single import single_block

    prepared = prepare(single_block(mechanism))
    (made,), (storage,) = prepared.mechanisms, prepared.storages
    body = [*made.current.body, *made.state.body]
    nodes = [node for statement in body for node in ast.walk(statement)]
    calls = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    uses = mechanism.ions
    plain = [c.name for c in mechanism.currents if c.ion is None]
    return {
        "name": mechanism.name,
        "kind": mechanism.kind,
        "reads": tuple(u.variable(f) for u in uses for f in sorted(u.reads)),
        "writes": (*(u.variable(f) for u in uses for f in sorted(u.writes)), *plain),
        "exponentials": sum(c in ("exp", "pow", "sinh", "cosh", "tanh") for c in calls),
        "divisions": sum(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for n in nodes),
        "slots": len(storage.slots),
    }
