"""What numba makes of the CPU engine's code, and its cache on disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numba
import numpy as np
import pytest
from llvmlite import binding

from kernels import make_engine, specialise
from kernels.cpu import cache
from kernels.nmodl import loads
from kernels.single import single_block

#: Functions of the C library that compiled mechanisms must not call: they take one value at a time.
LIBM = ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "sin", "cos", "tan", "asin"]
LIBM += ["acos", "atan", "sinh", "cosh", "tanh", "fma"]


@pytest.mark.parametrize("kernel", ["state", "current"])
def test_hh_is_vectorised_and_calls_no_libm(blocks, kernel):
    features = binding.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        pytest.skip("this processor has no AVX2 with FMA")
    engine = make_engine(blocks.random(1, [5, 6]), "cpu")
    engine.reset()
    k = next(k for k, g in enumerate(engine.block.mechanisms) if g.mechanism.name == "hh")
    # compiled anew: numba shows no assembly of code from its cache
    fresh = numba.njit(error_model="numpy")(engine.program.functions[k][kernel].py_func)
    fresh(*engine.groups[0].shared(k))
    (text,) = fresh.inspect_asm().values()
    called = set(re.findall(r"(?:callq?|jmp|movabsq)\s+\$?\*?(\w+)", text))
    assert not called & {f"{name}{suffix}" for name in LIBM for suffix in ("", "f")}
    wide = "zmm" if features.get("avx512f") else "ymm"
    packed = re.findall(rf"v(?:fmadd|mul|add|sub|div)\w*pd\b.*{wide}", text)
    print(f"{kernel}: {len(packed)} operations on {wide}")
    assert len(packed) > (100 if kernel == "state" else 5)


GATES = """
NEURON {{ SUFFIX {name} {ion} }}
STATE {{ m h }}
ASSIGNED {{ v {variables} }}
INITIAL {{ m = 0.1 h = 0.5 }}
BREAKPOINT {{ SOLVE states METHOD cnexp {current} }}
DERIVATIVE states {{
    m' = ({m} - m)/{tau}
    h' = (1/(1 + exp((v + 60)/7)) - h)/(3 + 9/cosh((v + 40)/30))
}}
"""
OTHERS = {
    "calcium": {
        "ion": "USEION ca READ cai, cao WRITE ica",
        "variables": "cai cao ica",
        "current": "ica = 1e-3*m*m*h*v*(cai - cao*exp(-0.0779*v))/(1 - exp(-0.0779*v))",
        "m": "1/(1 + exp(-(v + 20)/6))",
        "tau": "(1 + 4/(exp((v + 25)/10) + exp(-(v + 25)/12)))",
    },
    "transient": {
        "ion": "USEION k READ ek WRITE ik",
        "variables": "ek ik",
        "current": "ik = 1e-3*m^4*h*(v - ek)",
        "m": "0.5*(1 + tanh((v + 30)/24))",
        "tau": "(0.4 + 2.3^(-(v + 30)/20))",
    },
    "rectifier": {
        "ion": "NONSPECIFIC_CURRENT i",
        "variables": "i",
        "current": "i = 1e-4*m*(v + 30)*log(1 + exp(-(v + 70)/9))",
        "m": "1/(1 + exp((v + 80)/8))",
        "tau": "(20 + 300*exp(-((v + 75)/25)^2))",
    },
}


@pytest.mark.parametrize("kernel", ["state", "current"])
@pytest.mark.parametrize("name", OTHERS)
def test_others_are_vectorised_and_call_no_libm(name, kernel):
    features = binding.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        pytest.skip("this processor has no AVX2 with FMA")
    engine = make_engine(single_block(loads(GATES.format(name=name, **OTHERS[name]))), "cpu")
    engine.reset()
    fresh = numba.njit(error_model="numpy")(engine.program.functions[0][kernel].py_func)
    fresh(*engine.groups[0].shared(0))
    (text,) = fresh.inspect_asm().values()
    called = set(re.findall(r"(?:callq?|jmp|movabsq)\s+\$?\*?(\w+)", text))
    assert not called & {f"{name}{suffix}" for name in LIBM for suffix in ("", "f")}
    wide = "zmm" if features.get("avx512f") else "ymm"
    packed = re.findall(rf"v(?:fmadd|mul|add|sub|div)\w*pd\b.*{wide}", text)
    assert len(packed) > (50 if kernel == "state" else 3)


ONE_RUN = """
import sys
import numpy as np
from kernels import Block, Events, Instances, Probe, make_engine
from kernels.nmodl import find, load
zero, one = np.zeros(1, np.int32), np.ones(1)
block = Block(
    0.025, 6.3, "backward-euler", np.array([0, 1]), zero - 1, 0 * one, 0.01 * one, 1000 * one,
    10 * one, -60 * one, (Instances(load(find()["pas"]), zero, zero),), (), {}, zero[:0], one[:0],
    np.zeros((0, 2), np.int32), np.zeros((0, 2), np.int32), one[:0], (Probe("v", zero, 1),),
)
engine = make_engine(block, "cpu")
engine.reset()
engine.advance(0, 40, Events(np.zeros(0, np.int64), one[:0], zero[:0]))
hits = sum(engine.program.advance.stats.cache_hits.values())
print(engine.read()[0][-1, 0].hex(), hits)
"""


def test_processes_that_start_together_share_an_empty_cache(run_python, tmp_path, repo):
    folder = tmp_path / "cache"
    environment = {**os.environ, "DISTNET_CACHE": str(folder), "PYTHONPATH": str(repo)}
    together = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RUN],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    ended = [process.communicate(timeout=240) for process in together]
    assert [process.returncode for process in together] == [0] * 4, ended
    voltages = {out.split()[0] for out, _ in ended}
    assert len(voltages) == 1
    assert not list(folder.rglob("*.tmp"))
    assert len(list(folder.glob("pas_*.py"))) == 1
    later = run_python(["-c", ONE_RUN], env={"DISTNET_CACHE": str(folder)})
    assert later.stdout.split() == [*voltages, "1"], later.output


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setenv("DISTNET_CACHE", str(in_the_way))
    folder = cache.folder()
    assert folder.is_dir()
    assert folder == cache.folder() != in_the_way


@pytest.mark.parametrize("problem", [FileExistsError, PermissionError])
def test_a_file_is_written_whole_without_links(tmp_path, monkeypatch, problem):
    def refuse(source, target):
        if problem is FileExistsError:  # another process was first
            target.write_text("text")
        raise problem("no links here")

    monkeypatch.setattr(os, "link", refuse)
    cache._write_once(tmp_path / "a.py", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    assert (tmp_path / "a.py").read_text() == "text"


def test_other_text_gets_another_file(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    one = cache.load("thing", "def f(x):\n    return x + one\n", {"one": 1.0})
    two = cache.load("thing", "def f(x):\n    return x - one\n", {"one": 1.0})
    assert one.__name__ != two.__name__
    assert (one.f(3.0), two.f(3.0)) == (4.0, 2.0)
    assert cache.load("thing", "def f(x):\n    return x + one\n", {"one": 1.0}) is one


def test_a_long_table_is_computed_once(tmp_path, monkeypatch):
    text = """
    NEURON {{ SUFFIX longtable GLOBAL mtau }} STATE {{ m }} PARAMETER {{ v (mV) q = {q} }}
    ASSIGNED {{ mtau (ms) }}
    BREAKPOINT {{ SOLVE s METHOD cnexp }} DERIVATIVE s {{ rates(v) m' = -m/mtau }}
    PROCEDURE rates(v) {{ TABLE mtau FROM -100 TO 100 WITH 1500
        mtau = q + exp(-v/30) }}
    """
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))

    def table(q):
        mechanism = loads(text.format(q=q))
        block = single_block(mechanism)
        return specialise.build_table(block, mechanism, specialise.constants_of(block, mechanism))

    first, other = table(1.0), table(2.0)
    assert len(list(tmp_path.glob("longtable_table_*.npy"))) == 2
    monkeypatch.setattr(specialise, "LONG", 10**9)
    computed = [table(1.0), table(2.0)]
    monkeypatch.setattr(specialise, "LONG", 1000)
    monkeypatch.setattr(specialise, "run", None)  # from here on everything is kept
    for kept, fresh in zip((first, other, table(1.0), table(2.0)), computed * 2, strict=True):
        np.testing.assert_array_equal(kept.view(np.int64), fresh.view(np.int64))
    assert (first != other).any()


def test_a_torn_array_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    cache.array("a", "text", lambda: np.arange(9.0))
    (path,) = tmp_path.glob("a_*.npy")
    for torn in (b"", path.read_bytes()[:100]):
        path.write_bytes(torn)
        np.testing.assert_array_equal(
            cache.array("a", "text", lambda: np.arange(9.0)), np.arange(9)
        )
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_array_that_cannot_be_written_is_given(tmp_path, monkeypatch):
    def refuse(file, values):
        raise OSError("no space left")

    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    monkeypatch.setattr(np, "save", refuse)
    np.testing.assert_array_equal(cache.array("a", "text", lambda: np.arange(9.0)), np.arange(9))
    assert not list(tmp_path.iterdir())


def test_a_simulation_is_compiled_for_wide_vectors():
    """No decorator of numba comes before the one that sets the processor's features."""
    if not binding.get_host_cpu_features().get("avx512f"):
        pytest.skip("this processor has no AVX-512")
    code = (
        "import distnet.simulation, distnet.run, kernels.cpu\n"
        "from numba.core.registry import cpu_target\n"
        "print('-prefer-256-bit' in cpu_target.target_context.codegen()._tm_features)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd()
    )
    assert done.stdout.strip() == "True"
