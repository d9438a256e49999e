import pytest

from kernels.errors import NmodlError
from kernels.nmodl import tree
from kernels.nmodl.parser import parse

ACCEPTED = {
    "carriage returns alone": "TITLE a\rNEURON { SUFFIX a }\r",
    "title after other blocks": "UNITS { }\n  TITLE a { b\nNEURON { SUFFIX a }",
    "control-Z at the end": "NEURON { SUFFIX a }\x1a",
    "names after THREADSAFE": "NEURON { THREADSAFE SUFFIX a RANGE b, c GLOBAL d }",
    "misspelt electrode current": "NEURON { POINT_PROCESS a ELECTRODE_CURENT i }",
    "name that begins with a digit": "NEURON { SUFFIX 3na }",
    "limits and units": "PARAMETER { a = 1e-3 (mA/cm2) <0, 1e9> b (/mM-ms) c = -.5 }",
    "several on a line": "STATE { m h n FROM 0 TO 1 START .5 ca[4] (mM) <1e-5> }",
    "comment inside a block": "INITIAL { COMMENT x = ENDCOMMENT a = 1 ? more\n }",
    "lower and upper case if": "INITIAL { if (a) { b = 1 } else if (c) { b = 2 } ELSE { b = 3 } }",
    "unit after a number": "BREAKPOINT { i = 3.57 (mM) * x + 1(um) }",
    "missing comma in arguments": "PROCEDURE p(a (mV) b) { q(a b) }",
    "no parentheses": "PROCEDURE p { a = 1 }",
    "independent": "INDEPENDENT {t FROM 0 TO 1 WITH 1 (ms)}",
    "reactions": "KINETIC k { ~ a + 2 b[1] <-> c (x, y) ~ c << (f) ~ a -> (g) CONSERVE a + c = 1 }",
    "compartments": "KINETIC k { COMPARTMENT i, d*v[i] {ca buf} LONGITUDINAL_DIFFUSION D {ca} }",
    "linear": "LINEAR l SOLVEFOR a, b { ~ a + b = 1 ~ a - 2*b = 0 }",
    "tables": "FUNCTION f(v) { TABLE DEPEND dt FROM -100 TO 100 WITH 200 f = v }",
    "function table": "FUNCTION_TABLE f(v (mV)) (1/ms)",
    "watch": "NET_RECEIVE (w) { WATCH (v > 3) 2, (v < -3) 1 net_send(1, 2) INITIAL { w = 0 } }",
    "for netcons": "NET_RECEIVE (w) { FOR_NETCONS (w, x) { w = w + x } }",
    "before and after": "BEFORE STEP { a = 1 } AFTER SOLVE { b = 2 }",
    "mutex and protect": "INITIAL { MUTEXLOCK PROTECT a = 1 MUTEXUNLOCK }",
    "title after blocks": "NEURON { SUFFIX a }\nTITLE x { y\nINITIAL { a = 1 }",
    "blanks of other kinds": "\ufeffNEURON\xa0{ SUFFIX a }",
    "delay": "DISCRETE d { a = a@1 + b[2]@3 }",
    "loops": "INITIAL { FROM i = 0 TO 3 BY 2 { a[i] = i } while (a < 3) { a = a + 1 } }",
    "verbatim": "INITIAL { VERBATIM { return; } ENDVERBATIM }",
    "solve": "BREAKPOINT { SOLVE s METHOD cnexp IFERROR { a = 1 } SOLVE k STEADYSTATE sparse }",
    "define": "DEFINE N 4\nASSIGNED { a[N] }",
    "several neuron blocks": "NEURON { SUFFIX a } NEURON { RANGE b }",
    "conductance": "BREAKPOINT { CONDUCTANCE g USEION na CONDUCTANCE h }",
    "text": 'INITIAL { printf("%g\\n", a) }',
    "units": "UNITS { (mA) = (milliamp) F = (faraday) (coulombs) K = .0853 (mV/degC) UNITSOFF }",
    "ions": "NEURON { SUFFIX a USEION ca READ cai, ica WRITE cai VALENCE 2 }",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(text: str) -> None:
    parse(text)


def test_every_node_has_its_place() -> None:
    file = parse("NEURON { SUFFIX a }\n\nINITIAL {\n  a = b +\n     f(c)\n}", "a.mod")
    assign = file.routines[0].body.statements[0]
    assert isinstance(assign, tree.Assign) and isinstance(assign.value, tree.Binary)
    places = [(n.at.line, n.at.column) for n in (assign, assign.value, assign.value.right)]
    assert places == [(4, 3), (4, 9), (5, 6)]
    assert assign.at.file == "a.mod"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a - b - c", "((a-b)-c)"),
        ("a / b * c", "((a/b)*c)"),
        ("-a ^ 2", "(-(a^2))"),
        ("a ^ b ^ c", "(a^(b^c))"),
        ("a ^ -b", "(a^(-b))"),
        ("a + b * c < d && !e", "(((a+(b*c))<d)&&(!e))"),
        ("-a * b", "((-a)*b)"),
    ],
)
def test_precedence(text: str, shape: str) -> None:
    statement = parse(f"INITIAL {{ x = {text} }}").routines[0].body.statements[0]
    assert isinstance(statement, tree.Assign)
    assert _shape(statement.value) == shape


def _shape(node: tree.Expression) -> str:
    if isinstance(node, tree.Binary):
        return f"({_shape(node.left)}{node.op}{_shape(node.right)})"
    if isinstance(node, tree.Unary):
        return f"({node.op}{_shape(node.operand)})"
    return node.id if isinstance(node, tree.Name) else f"{getattr(node, 'value', '?'):g}"


def test_includes_beside_the_file(tmp_path) -> None:
    (tmp_path / "part.inc").write_text("PARAMETER { a = 3 }")
    file = parse('NEURON { SUFFIX a }\nINCLUDE "part.inc"\n', str(tmp_path / "a.mod"))
    assert [d.name for d in file.parameters] == ["a"]
    assert "a = 3" in file.text


def test_missing_include_names_the_place(tmp_path) -> None:
    with pytest.raises(NmodlError, match=r"a\.mod:2:9: cannot include .*none\.inc"):
        parse('NEURON { SUFFIX a }\nINCLUDE "none.inc"', str(tmp_path / "a.mod"))


def test_file_that_includes_itself(tmp_path) -> None:
    path = tmp_path / "a.mod"
    path.write_text('INCLUDE "a.mod"')
    with pytest.raises(NmodlError, match="more than 20 files"):
        parse(path.read_text(), str(path))
