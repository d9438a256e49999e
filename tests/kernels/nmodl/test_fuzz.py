"""Whatever the text: a mechanism or an NmodlError, and soon."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.errors import NmodlError
from kernels.nmodl import find, loads

OWN = [path.read_text() for path in find().values()]
WORDS = sorted({w for text in OWN for w in re.findall(r"\w+|[^\w\s]", text)}) + [
    "KINETIC", "CONSERVE", "~", "<->", "FROM", "TO", "WITH", "while", "^", "[", "]", "VERBATIM",
    "1e999", "-", "USEION", "NET_RECEIVE", "net_send", "STEADYSTATE", "\r", "\x00", "\xb5", "'",
]  # fmt: skip
LIMIT = 1.0  # [s] a text; they take milliseconds


@pytest.fixture(scope="module")
def texts(assets: Path) -> list[str]:
    return OWN + [p.read_text(errors="replace") for p in sorted(assets.glob("sonata*/**/*.mod"))]


def _try(text: str) -> None:
    start = time.process_time()
    try:
        loads(text)
    except NmodlError as problem:
        assert problem.line >= 1 and problem.column >= 1
    assert time.process_time() - start < LIMIT


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_truncated(texts, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts))
    _try(text[: data.draw(st.integers(0, len(text)))])


@given(data=st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_words_changed(texts, data: st.DataObject) -> None:
    parts = re.split(r"(\W)", data.draw(st.sampled_from(texts)))
    for _ in range(data.draw(st.integers(1, 4))):
        i = data.draw(st.integers(0, len(parts) - 1))
        parts[i] = data.draw(st.sampled_from(WORDS))
    _try("".join(parts))


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_pieces_joined(texts, data: st.DataObject) -> None:
    pieces = []
    for _ in range(3):
        text = data.draw(st.sampled_from(texts))
        first = data.draw(st.integers(0, len(text)))
        pieces.append(text[first : first + data.draw(st.integers(0, 300))])
    _try("".join(pieces))


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text(text: str) -> None:
    _try(text)


EXPONENTIAL = {
    "returns": "INITIAL { " + "if (v) { if (v > 1) { VERBATIM return; ENDVERBATIM } } " * 40 + "}",
    "calls": "FUNCTION f0(x) { f0 = x }\n"
    + "\n".join(f"FUNCTION f{i + 1}(x) {{ f{i + 1} = f{i}(x) + f{i}(x) }}" for i in range(25))
    + "\nINITIAL { a = f25(v) }",
    "loops": "INITIAL { FROM i = 0 TO 999 { FROM j = 0 TO 999 { a = a + i*j } } }",
    "states": "STATE { s[900] }\nKINETIC k { FROM i = 0 TO 898 { ~ s[i] <-> s[i+1] (1, 1) } }\n"
    "BREAKPOINT { SOLVE k METHOD sparse }",
    "power": "INITIAL { a = " + "(" * 12 + "v" + "^9)" * 12 + " }",
}


@pytest.mark.parametrize("text", EXPONENTIAL.values(), ids=EXPONENTIAL)
def test_small_texts_of_large_meaning_end_soon(text: str) -> None:
    _try("NEURON { SUFFIX x }\nASSIGNED { a v }\n" + text)
