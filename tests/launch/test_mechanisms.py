"""`distnet mechanisms`."""

from __future__ import annotations

import json

import pytest

from distnet.mechanisms import examine, files_in
from kernels.nmodl import BUILT_IN
from launch.cli import main

GOOD = """
NEURON { SUFFIX leaky USEION k READ ek WRITE ik RANGE g }
PARAMETER { g = 1e-4 (S/cm2) }
STATE { n }
ASSIGNED { v ek ik }
INITIAL { n = 0 }
BREAKPOINT { SOLVE states METHOD cnexp ik = g*n*(v - ek) }
DERIVATIVE states { n' = (1/(1 + exp(-v/10)) - n)/5 }
"""
BAD = """
NEURON { SUFFIX wrong }
BREAKPOINT { x = 1 }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.mod").write_text(GOOD)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "bad.mod").write_text(BAD)
    return tmp_path


def test_json_has_one_object_a_file_and_the_place_of_an_error(folder, capsys):
    assert main(["mechanisms", str(folder), "--json"]) == 1
    bad, good = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["file"].endswith("good.mod") and bad["file"].endswith("bad.mod")
    assert (good["parsed"], good["compiled_cpu"], good["error"]) == (True, True, None)
    assert good["compiled_cuda"] in (True, None)
    assert (good["reads"], good["writes"]) == (["ek"], ["ik"])
    assert (good["exponentials"], good["divisions"]) == (1, 1)
    assert (bad["parsed"], bad["compiled_cpu"]) == (True, False)
    assert (bad["error"]["line"], bad["error"]["column"]) == (3, 14)
    assert "x is not declared" in bad["error"]["message"]


def test_table_of_what_compiles(folder, capsys):
    assert main(["mechanisms", str(folder / "good.mod")]) == 0
    head, row, _, totals = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["mechanism", "kind", "cpu"]
    assert row.split()[:3] == ["leaky", "density", "yes"] and row.endswith("<ek >ik")
    assert totals.startswith("1 file: 1 parsed, 1 compiled for the CPU")


def test_a_gpu_compiler_reports_registers():
    found = examine(BUILT_IN / "pas.mod")
    if found.compiled_cuda is None:
        pytest.skip(found.note)
    assert found.compiled_cuda and found.registers > 16 and found.spilled == 0


@pytest.mark.parametrize(
    ("form", "part"),
    [("tree", "Assign 8:21"), ("numba", "def state_leaky("), ("cuda", "void state_0(")],
)
def test_emit(folder, capsys, form, part):
    assert main(["mechanisms", str(folder / "good.mod"), "--emit", form]) == 0
    text = capsys.readouterr().out
    assert part in text


def test_what_is_not_there(folder, capsys):
    assert main(["mechanisms", str(folder / "none.mod")]) == 1
    assert "none.mod: no such file or folder" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert main(["mechanisms", str(folder / "empty")]) == 1
    assert "holds no .mod file" in capsys.readouterr().err
    assert [path.name for path in files_in([folder, folder / "good.mod"])] == [
        "bad.mod",
        "good.mod",
    ]
