"""Mechanisms of other people's .mod files against NEURON: a sample by default, all of it if asked.

The sample comes from NEURON's own package, and from the corpus of `tests/mod_corpus.py` where that
was downloaded. ``pytest -m slow`` downloads the corpus and compares every file of it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.neuron

#: Files of NEURON's package.
SAMPLE = (
    *("cachan1.mod", "camchan.mod", "khhchan.mod", "nacaex.mod", "capump.mod", "cabpump.mod"),
    *("release.mod", "hh.mod", "exp2syn.mod", "stim.mod", "invlfire.mod"),
)
#: Files of other packages of the corpus, compared where that is there.
CORPUS_SAMPLE = ("NaV.mod", "CaDynamics.mod", "Im_v2.mod")
COMPILED = ("exp2syn.mod",)  # run by the CPU engine; the others by the reference engine
#: Least number of files of the corpus that must be compared and equal.
LEAST_EQUAL = 150


@pytest.fixture(scope="module")
def side(repo: Path) -> SimpleNamespace:
    """The modules of the comparison, which lie beside the tests."""
    if importlib.util.find_spec("neuron") is None:
        pytest.skip("NEURON is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler: NEURON cannot compile .mod files")
    sys.path.insert(0, str(repo / "tests"))
    try:
        import mod_corpus
        import neuron_side_by_side
        from side_by_side import compare
    finally:
        sys.path.remove(str(repo / "tests"))
    return SimpleNamespace(
        corpus=mod_corpus,
        compare=compare.compare,
        ask_neuron=compare.ask_neuron,
        compare_one=neuron_side_by_side.compare_one,
    )


@pytest.fixture(scope="module")
def sample(side, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample's files by name; NEURON has run them, two at a time."""
    os.environ.setdefault("DISTNET_SIDE_BY_SIDE", str(tmp_path_factory.mktemp("side_by_side")))
    spec = importlib.util.find_spec("neuron")
    assert spec is not None and spec.origin is not None
    found = {path.name: path for path in sorted(Path(spec.origin).parent.rglob("*.mod"))}
    files = {name: found[name] for name in SAMPLE if name in found}
    for file in side.corpus.corpus():
        if file.path.name in CORPUS_SAMPLE:
            files.setdefault(file.path.name, file.path)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(side.ask_neuron, files.values()))
    return files


@pytest.mark.parametrize("name", SAMPLE + CORPUS_SAMPLE)
def test_a_file(side, sample, name):
    if name not in sample:
        pytest.skip(f"no {name}: python tests/mod_corpus.py fetches the corpus")
    made = side.compare(sample[name], name, "cpu" if name in COMPILED else "reference")
    assert made.outcome == "equal", made
    assert made.active, "nothing moved"


@pytest.mark.slow
def test_the_whole_corpus(side):
    side.corpus.download()
    side.corpus.unpack()
    every = [side.compare_one(file, "cpu") for file in side.corpus.corpus()]
    wrong = [made for made in every if made.outcome in ("DIFFERS", "FAULT")]
    assert not wrong
    assert sum(made.outcome == "equal" for made in every) >= LEAST_EQUAL


def test_a_difference_is_found(side):
    """What the comparison says when a trace is off by a little."""
    import numpy as np
    from side_by_side.compare import Comparison, judge

    time = np.linspace(0.0, 1.0, 50)
    theirs = {"0/v": -65 + time, "0/own.m": time**2}
    for factor, outcome in ((1 + 1e-12, "equal"), (1 + 1e-8, "DIFFERS")):
        made = Comparison("x", "", tolerance=1e-9)
        ours = {"0/v": theirs["0/v"], "0/own.m": theirs["0/own.m"] * factor}
        judge(made, ours, theirs, {"m"})
        assert (made.outcome, made.variable) == (outcome, "0/own.m")
