from pathlib import Path

import pytest

from kernels.errors import NmodlError
from kernels.nmodl import BUILT_IN, find, load


def test_every_built_in_mechanism_compiles() -> None:
    for name, path in find().items():
        assert load(path).name == name == path.stem
    assert {"pas", "hh", "IClamp", "ExpSyn", "Exp2Syn", "NetStim", "VecStim"} <= set(find())


def test_users_files_come_first(tmp_path: Path) -> None:
    (tmp_path / "mine.mod").write_text(": SUFFIX no\nNEURON { SUFFIX pas }")
    found = find([tmp_path])
    assert found["pas"] == tmp_path / "mine.mod"
    assert found["hh"].parent == BUILT_IN


def test_one_name_twice(tmp_path: Path) -> None:
    for folder, text in (("a", "NEURON { SUFFIX q }"), ("b", "NEURON { SUFFIX q RANGE g }")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "q.mod").write_text(text)
    with pytest.raises(NmodlError, match=r"b/q\.mod:1:1: mechanism q is already defined by .*a/q"):
        find([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "b" / "q.mod").write_text("NEURON { SUFFIX q }")
    assert "q" in find([tmp_path / "a", tmp_path / "b"])  # the same text


def test_vecstim_with_c_code_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "vecevent.mod"
    path.write_text("NEURON { ARTIFICIAL_CELL VecStim }\nVERBATIM\nint a;\nENDVERBATIM")
    assert find([tmp_path])["VecStim"] == BUILT_IN / "VecStim.mod"
    path.write_text("NEURON { ARTIFICIAL_CELL VecStim }")
    assert find([tmp_path])["VecStim"] == path


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NmodlError, match="is not a folder"):
        find([tmp_path / "none"])


def test_assets_compile(assets: Path) -> None:
    """All mechanisms of two real circuits."""
    paths = sorted(assets.glob("s*_small/**/*.mod"))
    assert len(paths) == 62
    for path in paths:
        assert load(path).name
