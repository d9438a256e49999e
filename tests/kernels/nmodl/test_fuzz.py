"""Truncated and mutated .mod files are taken or refused, quickly, and always alike."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

CASES = 300
MANY = 10_000


@pytest.fixture(scope="module")
def fuzz(repo: Path) -> ModuleType:
    """`tests/nmodl_fuzz.py`, which is also a script."""
    sys.path.insert(0, str(repo / "tests"))
    try:
        import nmodl_fuzz
    finally:
        sys.path.remove(str(repo / "tests"))
    return nmodl_fuzz


@pytest.fixture(scope="module")
def texts(fuzz) -> list[tuple[str, str]]:
    return fuzz.sources()


def faults(fuzz, texts, numbers, seed: int = 0) -> list[str]:
    found = []
    for number in numbers:
        case = fuzz.make_case(texts, number, seed)
        verdict = fuzz.judge(case)
        if verdict.fault:
            found.append(f"case {number} ({case.source}, {case.mutation}): {verdict.fault}")
    return found


def test_some(fuzz, texts):
    assert not faults(fuzz, texts, range(CASES))


def test_the_same_again(fuzz, texts):
    for number in range(0, CASES, 15):
        one, two = (fuzz.make_case(texts, number, seed=7) for _ in range(2))
        assert one == two
        first, second = fuzz.judge(one), fuzz.judge(two)
        assert (first.taken, first.message) == (second.taken, second.message)


def test_both_ends_occur(fuzz, texts):
    """Cases are neither all refused nor all taken, and each mutation is among them."""
    cases = [fuzz.make_case(texts, number) for number in range(200)]
    verdicts = [fuzz.judge(case) for case in cases]
    assert 0 < sum(v.taken for v in verdicts) < len(verdicts)
    assert {case.mutation for case in cases} == set(fuzz.MUTATIONS)


@pytest.mark.slow
def test_ten_thousand(fuzz, texts):
    assert not faults(fuzz, texts, range(MANY), seed=1)
