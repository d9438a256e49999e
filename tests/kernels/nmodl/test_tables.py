"""TABLE: rows and interpolation as NEURON has them."""

import math

import pytest

from kernels.mechanism import Mechanism
from kernels.nmodl import loads
from kernels.nmodl.python import run
from kernels.single import single_block
from kernels.specialise import build_table

TEXT = """
NEURON {{ SUFFIX x }}
PARAMETER {{ low = -10 k = 2 }}
ASSIGNED {{ a b v }}
PROCEDURE rates(u) {{
    TABLE a, b DEPEND k FROM low TO {stop} WITH {n}
    a = exp(u/10)
    b = k*u*u
}}
FUNCTION f(u) {{ TABLE FROM 0 TO 4 WITH 4 f = u*u }}
INITIAL {{ rates(v) a = a + f(b/1000) }}
BREAKPOINT {{ rates(v) b = b + f(2.5) }}
"""


def _compile(stop: float = 20, n: int = 30, tables: bool = True) -> Mechanism:
    return loads(TEXT.format(stop=stop, n=n), tables=tables)


def _rows(mechanism: Mechanism) -> dict[float, float]:
    rows: dict[float, float] = {}
    for table in mechanism.tables:
        for i in range(table.n + 1):
            x = table.start + i * (table.stop - table.start) / table.n
            found = run(table.body, {table.argument: x, "k": 2.0})
            for j, output in enumerate(table.outputs):
                rows[table.offset + (table.n + 1) * j + i] = found[output]
    return rows


def test_records() -> None:
    first, second = _compile().tables
    assert (first.start, first.stop, first.n, first.outputs) == (-10.0, 20.0, 30, ("a", "b"))
    assert (first.offset, second.offset) == (0, 62)
    assert len(second.outputs) == 1


@pytest.mark.parametrize("v", [-99.0, -10.0, -9.5, 0.0, 3.25, 19.999, 20.0, 1e9])
def test_interpolates_between_rows_and_stops_at_the_ends(v: float) -> None:
    mechanism = _compile()
    found = run(mechanism.state, {"v": v, "k": 2.0}, {"table": _rows(mechanism).__getitem__})
    x = min(max(v, -10.0), 20.0)
    i = min(math.floor(x), 19)
    a = [math.exp(y / 10) for y in (i, i + 1)]
    assert found["a"] == pytest.approx(a[0] + (x - i) * (a[1] - a[0]), rel=1e-14)
    b = [2 * y * y for y in (i, i + 1)]
    assert found["b"] == pytest.approx(b[0] + (x - i) * (b[1] - b[0]) + 6.5, rel=1e-14)


def test_rows_are_met_exactly() -> None:
    mechanism = _compile()
    rows = _rows(mechanism)
    for i in range(31):
        found = run(mechanism.state, {"v": -10.0 + i, "k": 2.0}, {"table": rows.__getitem__})
        assert found["a"] == rows[i]


def test_exact_on_request() -> None:
    mechanism = _compile(tables=False)
    assert mechanism.tables == ()
    found = run(mechanism.state, {"v": 3.25, "k": 2.0})
    assert found["a"] == pytest.approx(math.exp(0.325), rel=1e-15)
    assert found["b"] == pytest.approx(2 * 3.25**2 + 6.25, rel=1e-15)


def test_digest_tells_tables_from_none() -> None:
    digests = {_compile().digest, _compile(tables=False).digest, _compile(n=31).digest}
    assert len(digests) == 3
    assert _compile().digest == _compile().digest


def test_arrays_have_a_row_an_element() -> None:
    mechanism = loads(
        "NEURON { SUFFIX x }\nASSIGNED { a[2] v }\nINITIAL { p(v) }\n"
        "PROCEDURE p(u) { TABLE a FROM 0 TO 9 WITH 9 FROM i = 0 TO 1 { a[i] = u + i } }"
    )
    assert mechanism.tables[0].outputs == ("a_0_", "a_1_")
    found = run(mechanism.init, {"v": 3.5}, {"table": _rows(mechanism).__getitem__})
    assert (found["a_0_"], found["a_1_"]) == (3.5, 4.5)


def test_what_making_the_table_sets_besides_is_kept() -> None:
    """As in NEURON: other code may count on a factor computed where the table is made."""
    mechanism = loads(
        "NEURON { SUFFIX x NONSPECIFIC_CURRENT i }\nASSIGNED { a b v factor }\nINITIAL { p(v) }\n"
        "PROCEDURE p(u) { TABLE a FROM 0 TO 9 WITH 9 q(u) }\n"
        "PROCEDURE q(u) { factor = 3*celsius b = u a = factor*u }\nBREAKPOINT { i = factor*v }"
    )
    rows = {float(i): 60.0 * i for i in range(10)}
    found = run(mechanism.init, {"v": 3.5, "celsius": 20.0}, {"table": rows.__getitem__})
    assert (found["factor"], found["b"], found["a"]) == (60.0, 9.0, 210.0)
    assert "factor" in mechanism.init.stores and "factor" in mechanism.current.loads


def test_a_variable_that_the_body_never_sets_keeps_its_value_in_every_row() -> None:
    mechanism = loads(
        "NEURON { SUFFIX x }\nASSIGNED { a b v }\nINITIAL { p(v) }\n"
        "PROCEDURE p(u) { TABLE a, b FROM 0 TO 9 WITH 9 a = u }"
    )
    rows = build_table(single_block(mechanism), mechanism, {"celsius": 6.3})
    assert rows.tolist() == [*map(float, range(10)), *[0.0] * 10]
