"""The optimised body computes the same with less."""

import ast
import math
import random
from collections import Counter

import pytest

from kernels.nmodl import find, load
from kernels.nmodl.build import names_in
from kernels.nmodl.optimise import fold, optimise
from kernels.nmodl.python import run


def _cost(body) -> Counter:
    """Number of divisions, and of calls by function."""
    found: Counter = Counter()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found[node.func.id] += 1
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                found["/"] += 1
    return found


def _parse(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def _text(body) -> str:
    return ast.unparse(ast.Module(list(body), []))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 2.0 + 3.0", "x = 5.0"),
        ("x = y / 4.0", "x = 0.25 * y"),
        ("x = 2.0 * (3.0 * y)", "x = 6.0 * y"),
        ("x = -(-y)", "x = y"),
        ("x = z - -y", "x = z + y"),
        ("_tau = 1.0 / (3.0 * y)\nx = z / _tau", "x = 3.0 * z * y"),
        ("_a = y + z\nx = _a * (y + z)", "_t1 = y + z\nx = _t1 * _t1"),
        ("_a = y\ny = z\nx = _a", "_t1 = y\ny = z\nx = _t1"),
        ("_unused = exp(y)\nx = z", "x = z"),
        ("x = pow(y, 4.0)", "_t1 = y * y\nx = _t1 * _t1"),
        ("if 1.0 < 2.0:\n    x = y\nelse:\n    x = z", "x = y"),
        ("x = exp(0.0)", "x = 1.0"),
        ("x = x", ""),
        ("net_send(1.0 + 2.0, 1.0)", "net_send(3.0, 1.0)"),
    ],
)
def test_simplifies(text: str, expected: str) -> None:
    found = _text(optimise(_parse(text)))
    turned = expected.replace("3.0 * z * y", "3.0 * (z * y)")
    assert found in (expected, turned)


def test_hh_needs_five_exponentials_and_six_divisions() -> None:
    state = load(find()["hh"], tables=False).state
    body = fold(state.body, {"celsius": 6.3})
    cost = _cost(body)
    assert cost["exp"] == 5
    assert cost["/"] <= 8
    needed = _cost(optimise(body, ["m", "h", "n"]))  # time constants not kept
    assert (needed["exp"], needed["/"]) == (5, 6)


@pytest.mark.parametrize("name", sorted(find()))
def test_same_results_as_the_plain_body(name: str, plain) -> None:
    """Against a reading of the same file without this pass."""
    rounds = random.Random(1)
    for kernel, unoptimised in plain(find()[name]):
        for _ in range(5):
            values = {n: rounds.uniform(0.1, 0.9) for n in [*kernel.loads, *kernel.args]}
            values |= {"v": rounds.uniform(-90, 40), "celsius": 20.0, "dt": 0.025, "t": 3.0}
            values |= {n: rounds.uniform(0.1, 0.9) for n in _names(unoptimised) if n not in values}
            one, other = run(unoptimised, dict(values), _CALLS), run(kernel, dict(values), _CALLS)
            for n in kernel.stores:
                assert other[n] == pytest.approx(one[n], rel=1e-12), n


_CALLS = {
    "table": lambda i: 1 + 1e-3 * i,
    "train": lambda i: 3.0,
    "net_send": lambda delay, flag: None,
    "net_event": lambda t: None,
}


def _names(body) -> set[str]:
    return set().union(*(names_in(s) for s in body))


@pytest.fixture
def plain(monkeypatch):
    """Kernels of a file, each with the body that it has without the pass."""

    def make(path):
        optimised = load(path, tables=False)
        with monkeypatch.context() as patch:
            patch.setattr("kernels.nmodl.lower.optimise", tuple)
            raw = load(path, tables=False)
        for kind in ("init", "current", "state", "receive"):
            kernel = getattr(optimised, kind)
            if kernel is not None and kernel.body:
                yield kernel, getattr(raw, kind).body

    return make


@pytest.mark.parametrize("v", [-150.0, -80.0, -40.0, -12.5, 0.0, 33.3, 120.0])
def test_shared_exponentials_are_accurate(v: float) -> None:
    slopes = [1 / 80, 1 / 20, 1 / 10, 1 / 40, 1 / 18, 1 / 9]
    text = "\n".join(f"x{i} = exp({s} * (v + {7.0 * i}))" for i, s in enumerate(slopes))
    body = optimise(_parse(text))
    assert _cost(body)["exp"] == 2
    found = run(body, {"v": v})
    for i, s in enumerate(slopes):
        assert found[f"x{i}"] == pytest.approx(math.exp(s * (v + 7.0 * i)), rel=1e-13)


@pytest.mark.parametrize(
    "text",
    [
        "x = exp(v / 10.0)\ny = exp(v / 100.0)",  # a tenth power
        "x = exp(v / 10.0)\ny = exp(v / 10.0 + 50.0)",  # far apart: one may overflow alone
        "x = exp(v)\ny = exp(-v)",  # would be a division
        "x = exp(v / 3.0)\ny = exp(v / 7.1)",  # not a ratio of small numbers
        "x = exp(v * u)\ny = exp(2.0 * v)",
    ],
)
def test_exponentials_that_are_not_shared(text: str) -> None:
    assert _cost(optimise(_parse(text)))["exp"] == 2


def test_fold_uses_the_engines_own_functions() -> None:
    from kernels.intrinsics import INTRINSICS

    body = fold(_parse("_q = pow(2.3, (celsius - 23.0) / 10.0)\nx = _q * y"), {"celsius": 34.0})
    factor = INTRINSICS["pow"](2.3, INTRINSICS["fabs"](-(34.0 - 23.0) * 0.1))
    assert run(body, {"y": 1.0})["x"] == factor
    assert not _cost(body)["pow"]


def test_a_variable_set_in_code_is_not_constant() -> None:
    body = fold(_parse("x = k\nk = y\nz = k"), {"k": 2.0})
    found = run(body, {"y": 5.0})
    assert (found["x"], found["k"], found["z"]) == (2.0, 5.0, 5.0)


def test_loops_carry_what_they_change() -> None:
    text = """
_n = 0.0
_s = 1.0
while _n < 5.0:
    _s = _s * y
    _n = _n + 1.0
    _a = _s
x = _s + _n
"""
    assert run(optimise(_parse(text)), {"y": 2.0})["x"] == 37.0
    swap = """
_a = y
_b = z
_n = 0.0
while _n < 3.0:
    _c = _a
    _a = _b
    _b = _c
    _n = _n + 1.0
x = _a
w = _b
"""
    found = run(optimise(_parse(swap)), {"y": 1.0, "z": 2.0})
    assert (found["x"], found["w"]) == (2.0, 1.0)


def test_what_both_sides_need_is_computed_once_before() -> None:
    text = "if y > 0.0:\n    x = exp(y) + 1.0\nelse:\n    x = exp(y) - 1.0"
    body = optimise(_parse(text))
    assert _cost(body)["exp"] == 1 and isinstance(body[0], ast.Assign)


def test_what_one_side_needs_stays_there() -> None:
    body = optimise(_parse("if y > 0.0:\n    x = exp(y)\nelse:\n    x = 0.0"))
    assert isinstance(body[0], ast.If) and _cost(body)["exp"] == 1
