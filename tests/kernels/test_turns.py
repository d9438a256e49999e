"""Processes that miss the same programs in the cache: each is compiled once, by one of them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kernels import make_engine
from kernels.cpu import cache
from kernels.cpu.signatures import calls_of
from kernels.cpu.turns import Turn, compile_cold
from kernels.nmodl import load
from kernels.single import single_block

MODS = Path(__file__).parent / "nmodl" / "mods"
BUILT_IN = Path(__file__).parents[2] / "kernels" / "mechanisms"

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(100)
"""

RANK = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from numba import float64
from kernels.cpu import cache
from kernels.cpu.turns import compile_cold
lines = "".join(f"    x = x * 1.5 + {i} if x > {i} else x / 3.0\\n" for i in range(60))
text = "def f(x):\\n" + lines + "    return x\\ndef g(x):\\n    return f(x) + 1.0\\n"
modules = [cache.load(f"part{k}", f"# {k}\\n" + text, {}) for k in range(4)]
print("ready", flush=True)
sys.stdin.readline()
compile_cold((f, (float64,)) for m in modules for f in (m.f, m.g))
print([m.g(0.5) for m in modules])
"""


@pytest.fixture
def programs(tmp_path, monkeypatch, caplog):
    """`programs(n)`: that many programs that nobody compiled, with a function f each."""
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    caplog.set_level(logging.INFO, "distnet")

    def make(n):
        text = "# {} {}\ndef f(x):\n    return x + 1.0\n"
        return [cache.load(f"part{k}", text.format(k, tmp_path), {}) for k in range(n)]

    return make


def hold(module):
    """A process that has the turn of a program."""
    lock = str(Path(module.__file__).with_suffix(".lock"))
    holder = subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder):
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_two_processes_compile_each_program_once(tmp_path):
    env = {**os.environ, "DISTNET_CACHE": str(tmp_path)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK], env=env, text=True, **pipes)
        for _ in range(2)
    ]
    assert [rank.stdout.readline() for rank in ranks] == ["ready\n"] * 2
    for rank in ranks:  # together
        rank.stdin.write("\n")
        rank.stdin.flush()
    told = [rank.communicate(timeout=60) for rank in ranks]
    assert told[0][0] == told[1][0] != ""
    lines = "".join(errors for _, errors in told).splitlines()
    compiled = sorted(line.split()[1] for line in lines if line.startswith("compiling"))
    assert compiled == [f"part{k}" for k in range(4)], lines
    assert len(list(tmp_path.glob("__pycache__/*.nbc"))) == 8


def test_what_another_process_compiles_is_left_to_it(programs, caplog):
    import numba

    first, second = programs(2)
    holder = hold(first)
    try:
        compile_cold((module.f, (numba.float64,)) for module in (first, second))
        assert not first.f.overloads
        assert list(second.f.overloads) == [(numba.float64,)]
        assert [message.split(" (")[0] for message in caplog.messages] == ["compiling part1"]
    finally:
        end(holder)
    assert first.f(1.0) == second.f(1.0) == 2.0


def test_a_killed_process_gives_its_turn_back(programs, caplog):
    (module,) = programs(1)
    holder = hold(module)
    killing = threading.Timer(0.3, end, [holder])
    killing.start()
    assert module.f(1.0) == 2.0
    killing.join()
    told = [message.split(" (")[0] for message in caplog.messages]
    assert told == ["waiting for part0, which another process compiles", "compiling part0"]


def test_what_is_kept_takes_no_turn(programs, caplog):
    (module,) = programs(1)
    assert module.f(1.0) == 2.0
    del sys.modules[module.__name__]
    caplog.clear()
    (again,) = programs(1)
    assert again is not module
    holder = hold(again)
    try:
        assert again.f(1.0) == 2.0
        assert caplog.messages == []
    finally:
        end(holder)


def test_a_program_that_cannot_be_compiled_keeps_no_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    module = cache.load("wrong", f"# {tmp_path}\ndef f(x):\n    return x + unknown\n", {})
    with pytest.raises(Exception, match="unknown"):
        module.f(1.0)
    other = Turn("wrong", Path(module.__file__))
    with other:
        assert other.take(wait=False)


@pytest.mark.parametrize("problem", ["lock", "folder"])
def test_without_locks_each_compiles_for_itself(tmp_path, monkeypatch, problem):
    def refuse(*arguments):
        raise OSError("not supported")

    monkeypatch.setattr(*(("fcntl.flock",) if problem == "lock" else ("os.open",)), refuse)
    with Turn("f", tmp_path / "f.py") as turn:
        assert turn.take(wait=False)


@pytest.mark.parametrize(
    "path", [MODS / "watching.mod", BUILT_IN / "NetStim.mod", BUILT_IN / "ExpSyn.mod"]
)
def test_types_are_known_before_the_first_call(path):
    engine = make_engine(single_block(load(path)), "cpu")
    engine.reset()
    for function, signature in calls_of(engine.program, engine.groups[0]):
        assert set(function.overloads) <= {signature}
