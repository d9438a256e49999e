"""Errors stand at their place and say what was expected."""

import pytest

from kernels.errors import NmodlError
from kernels.nmodl import load, loads

HEAD = "NEURON { SUFFIX x NONSPECIFIC_CURRENT i POINTER p RANDOM r }\nASSIGNED { v i a p w[3] }\n"
STATE = "STATE { s q }\nBREAKPOINT { SOLVE d METHOD cnexp i = v }\n"

TWICE = "NEURON { SUFFIX x }\nFUNCTION f() { f = 1 }\nFUNCTION f() { f = 2 }"
CASES = {
    "not NMODL": ("hello", 1, 1, "expected the name of a block"),
    "block not closed": ("INITIAL { a = 1", 1, 16, 'expected "}" to close the block of line 1'),
    "expression missing": ("INITIAL {\n  a = \n}", 3, 1, "expected an expression, found"),
    "comment not closed": ("NEURON {\n COMMENT }", 2, 2, "COMMENT is never closed"),
    "verbatim not closed": ("INITIAL { VERBATIM }", 1, 11, "expected ENDVERBATIM"),
    "word in NEURON": ("NEURON { SUFIX a }", 1, 10, "expected one of SUFFIX"),
    "no name": ("NEURON { RANGE a }", 1, 1, "expected SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL"),
    "undeclared": (HEAD + "INITIAL { a = b }", 3, 15, "b is not declared"),
    "unknown function": (HEAD + "INITIAL { a = f(v) }", 3, 15, "function f is not supported"),
    "number of arguments": (
        HEAD + "INITIAL { a = exp(v, 1) }",
        3,
        15,
        "exp takes 1 argument, found 2",
    ),
    "recursion": (
        HEAD + "FUNCTION f(x) { f = f(x) }\nINITIAL { a = f(1) }",
        3,
        21,
        "f calls itself",
    ),
    "procedure as value": (
        HEAD + "PROCEDURE p1() { a = 1 }\nINITIAL { a = p1() }",
        4,
        15,
        "no value",
    ),
    "stream": (HEAD + "INITIAL { a = r }", 3, 15, "RANDOM r is not supported"),
    "random": (HEAD + "INITIAL { a = random_uniform(a) }", 3, 15, "needs a RANDOM variable first"),
    "verbatim": (
        HEAD + "INITIAL {\nVERBATIM x = 1; ENDVERBATIM }",
        4,
        10,
        "VERBATIM: x is not declared",
    ),
    "index": (HEAD + "INITIAL { w[3] = 1 }", 3, 11, "w has elements 0 to 2, found 3"),
    "not an array": (HEAD + "INITIAL { a[1] = 1 }", 3, 11, "a is not an array"),
    "no such block": (HEAD + STATE, 4, 14, "SOLVE d: no block has this name"),
    "method": (
        HEAD + "STATE { s }\nDERIVATIVE d { s' = -s }\nBREAKPOINT { SOLVE d METHOD magic }",
        5,
        14,
        "METHOD magic is not supported; supported are cnexp for DERIVATIVE",
    ),
    "delayed": (HEAD + "INITIAL { a = a@2 }", 3, 15, "a delayed value (a@2) is not supported"),
    "watch": (
        HEAD.replace("SUFFIX", "POINT_PROCESS") + "NET_RECEIVE (q) { WATCH (a) 1 }",
        3,
        26,
        "WATCH needs a condition a > b or a < b",
    ),
    "event in BREAKPOINT": (
        HEAD + "BREAKPOINT { net_send(1, 1) }",
        3,
        14,
        "NET_RECEIVE or INITIAL",
    ),
    "constructor": (
        HEAD + "PARAMETER { k = 3 }\nCONSTRUCTOR { k = 1 }",
        4,
        1,
        "sets the PARAMETER k",
    ),
    "after": (HEAD + "AFTER STEP { a = 1 }", 3, 1, "AFTER STEP is not supported"),
    "table arguments": (
        HEAD + "PROCEDURE f(x, y) { TABLE a FROM 0 TO 1 WITH 9 a = x }",
        3,
        21,
        "TABLE needs a routine of 1",
    ),
    "empty table": (
        HEAD + "PROCEDURE f(x) { TABLE a FROM 1 TO 0 WITH 9 a = x }\nINITIAL { f(1) }",
        3,
        18,
        "is empty",
    ),
    "ion of an artificial cell": (
        "NEURON {\n ARTIFICIAL_CELL x\n USEION k READ ek\n}",
        3,
        2,
        "it has no ion k",
    ),
    "table of a moment": (
        HEAD + "PROCEDURE f(x) { TABLE a FROM 0 TO 1 WITH 9 a = x + v }\nINITIAL { f(1) }",
        3,
        18,
        "the TABLE of f holds values of its argument, found v",
    ),
    "state twice": ("NEURON { SUFFIX x }\nPARAMETER { s }\nSTATE { s }", 3, 9, "declared twice"),
    "routine twice": (TWICE, 3, 1, "f is defined twice"),
    "unit": (
        "NEURON { SUFFIX x }\nUNITS { F = (faraday) (furlong) }",
        2,
        9,
        "(furlong) is not a known unit",
    ),
    "dimension": (
        "NEURON { SUFFIX x }\nUNITS { F = (faraday) (mV) }",
        2,
        9,
        "do not measure the same",
    ),
    "ion variable": (
        "NEURON { SUFFIX x USEION na READ ek }",
        1,
        19,
        "ek is not a variable of ion na",
    ),
    "deep": ("NEURON { SUFFIX x }\nINITIAL { a = " + "(" * 200, 2, 74, "nested more than"),
    "discrete": (HEAD + "DISCRETE d { a = 1 }", 3, 1, "DISCRETE blocks are not supported"),
    "lag": (HEAD + "INITIAL { LAG a BY a }", 3, 11, "LAG is not supported"),
    "set a constant": (
        "NEURON { SUFFIX x }\nDEFINE k 1\nINITIAL { k = 2 }",
        3,
        11,
        "k is a constant",
    ),
    "undetermined": (
        HEAD + "STATE { s q }\nINITIAL { SOLVE k }\nLINEAR k SOLVEFOR s, q { ~ s = 1 ~ 2*s = 3 }",
        4,
        11,
        "SOLVE k: its equations do not determine the states",
    ),
    "reaction outside": (
        HEAD + "STATE { s q }\nINITIAL { ~ s <-> q (1, 1) }",
        4,
        11,
        "a reaction is not supported here",
    ),
}


@pytest.mark.parametrize(("text", "line", "column", "message"), CASES.values(), ids=CASES)
def test_error_at_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(NmodlError) as caught:
        loads(text, "x.mod")
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line, caught.value.column) == ("x.mod", line, column)
    assert str(caught.value).startswith(f"x.mod:{line}:{column}: ")
    assert caught.value.text == text.split("\n")[line - 1]


def test_missing_file(tmp_path) -> None:
    with pytest.raises(NmodlError, match="cannot be read: No such file"):
        load(tmp_path / "none.mod")


def test_a_routine_that_is_never_called_may_hold_anything() -> None:
    loads(HEAD + "PROCEDURE play() { VERBATIM anything(); ENDVERBATIM }\nDESTRUCTOR { a = 1 }")


def test_very_long_expressions_are_compiled_or_refused() -> None:
    text = HEAD + "INITIAL { a = " + " + ".join(["v"] * 20000) + " }"
    with pytest.raises(NmodlError, match="nested too deeply"):
        loads(text)


SEVERAL = """NEURON { SUFFIX x NONSPECIFIC_CURRENT i }
ASSIGNED { v i a }
STATE { s }
INITIAL {
    a = unknown
    s = 1
    if (a > 0) { a = g(2) }
}
BREAKPOINT { SOLVE d METHOD cnexp i = w*v }
DERIVATIVE d { s' = -s/tau }
"""


def test_errors_are_told_together():
    with pytest.raises(NmodlError) as caught:
        loads(SEVERAL, "x.mod")
    found = [(e.line, e.column) for e in (caught.value, *caught.value.others)]
    assert found == [(5, 9), (7, 22), (9, 39), (10, 24)]
    lines = str(caught.value).splitlines()
    assert lines[0] == "x.mod:5:9: unknown is not declared; expected a variable of this file"
    assert lines[1] == "    a = unknown"
    assert len(lines) == 8


def test_errors_of_several_blocks_are_told_together():
    text = "NEURON { SUFFIX x }\nINITIAL {\n a = \n}\nSTATE { m }\nPARAMETER { 3 }\n"
    with pytest.raises(NmodlError) as caught:
        loads(text, "x.mod")
    assert [e.line for e in (caught.value, *caught.value.others)] == [4, 6]


def test_an_error_of_a_function_is_told_once():
    text = HEAD + "FUNCTION f(x) { f = x + b }\nINITIAL { a = f(1) a = f(2) }\n"
    with pytest.raises(NmodlError) as caught:
        loads(text, "x.mod")
    assert caught.value.line == 3 and not caught.value.others
