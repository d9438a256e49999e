"""The intrinsics printed as CUDA C++ and run by a C++ compiler: the bits of numba."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

import kernels.cuda
from kernels import KernelsError, intrinsics
from kernels.cuda import host
from kernels.cuda.expression import BodyPrinter, literal, place_numbers
from kernels.cuda.functions import call_intrinsic, intrinsic_functions
from kernels.intrinsics import INTRINSICS

TWO = ("pow", "fmod", "min", "max")
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 700.0, -700.0, 708.5, -745.2, 1e-310, 1e300, -3.0, 1e-6]
EDGES += [np.inf, -np.inf, np.nan]


@pytest.fixture(scope="module")
def library(cxx) -> ctypes.CDLL:
    """`map_NAME(n, x, y, result)` of every intrinsic."""
    shim = (Path(kernels.cuda.__file__).parent / "shim.hpp").read_text()
    maps = [
        f'extern "C" __attribute__((visibility("default"))) void map_{name}('
        "int n, const double *x, const double *y, double *result) {\n"
        f"    for (int i = 0; i < n; ++i) result[i] = {call(name, ['x[i]', 'y[i]'])};\n}}"
        for name in INTRINSICS
    ]
    text = "\n".join([shim, place_numbers("\n".join([intrinsic_functions(), *maps]))])
    options = [*host.OPTIONS, "-O2", *host._machine_options()]
    return ctypes.CDLL(str(host._build(text, options, "functions")))


def call(name: str, arguments: list[str]) -> str:
    taken = arguments if name in TWO else arguments[:1]
    if name.startswith("philox"):
        taken = [arguments[k] for k in (0, 1, 1, 0, 1)]
    return call_intrinsic(INTRINSICS[name].__name__, taken)[0]


def inputs(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    if name.startswith("philox"):
        return tuple(rng.integers(0, 2**32, (2, 5000)).astype(float))
    wide = {"sin": 1e5, "cos": 1e5, "tan": 1e5, "asin": 1.0, "acos": 1.0}.get(name, 60.0)
    x = np.concatenate([rng.uniform(-wide, wide, 20_000), rng.standard_normal(5_000)])
    y = rng.uniform(-6.0, 6.0, len(x))
    y[::3] = np.round(y[::3])
    if name not in ("sin", "cos", "tan"):
        one, other = np.meshgrid(EDGES, EDGES)
        x, y = np.append(x, one.ravel()), np.append(y, other.ravel())
    return x, y


@pytest.mark.parametrize("name", INTRINSICS)
def test_bits_of_numba(library, name):
    import numba

    from kernels.cpu.numerics import FUNCTIONS

    function = FUNCTIONS[INTRINSICS[name].__name__]
    x, y = inputs(name)
    if name.startswith("philox"):
        loop = lambda x, y: [function(a, b, b, a, b) for a, b in zip(x, y)]  # noqa: B905, E731
    elif name in TWO:
        loop = lambda x, y: [function(a, b) for a, b in zip(x, y)]  # noqa: B905, E731
    else:
        loop = lambda x, y: [function(a) for a in x]  # noqa: E731
    expected = np.array(numba.njit(loop, error_model="numpy")(x, y))
    result = np.empty(len(x))
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (x, y, result)]
    getattr(library, f"map_{name}")(len(x), *pointers)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(result), ~number)
    np.testing.assert_array_equal(result[number].view(np.int64), expected[number].view(np.int64))


def test_every_function_stands_after_those_it_calls():
    text = intrinsic_functions()
    defined = [line for line in text.splitlines() if line.startswith("__device__")]
    assert len(defined) == len(set(defined))
    for name in (*intrinsics.HELPERS, "nernst", "pow"):
        first = text.index(f"k_{name}(")
        assert text[:first].endswith("double "), name


@pytest.mark.parametrize("value", [0.1, 1e-310, -2.5, 1e22, 5e-324, 1.7976931348623157e308])
def test_literals_are_exact(value):
    text = literal(value)
    assert float(text.replace("NUMBER", "").translate(str.maketrans("", "", "()"))) == value


def test_a_number_stands_in_the_table_once():
    """Only those of which an instruction does not hold the digits."""
    text = " + ".join(literal(x) for x in (0.1, -0.1, 0.5, 3.0, 0.2, 1e300))
    assert place_numbers(text).splitlines() == [
        "#define NUMBER(k, value) number[k]",
        "__constant__ double number[] = {",
        "    0.1, 0.2, 1e+300",
        "};",
        "NUMBER(0, 0.1) + (-NUMBER(0, 0.1)) + 0.5 + 3.0 + NUMBER(1, 0.2) + NUMBER(2, 1e+300)",
    ]
    assert place_numbers("1.0") == "1.0"


@pytest.mark.parametrize(
    "text", ["x = [1.0]", "x = y ** 2.0", "for i in x: pass", "x = unknown(y)", "x = 'a'", "del x"]
)
def test_what_has_no_form_is_refused(text):
    import ast

    with pytest.raises(KernelsError, match="has no form in CUDA C"):
        BodyPrinter(call_intrinsic).statements(ast.parse(text).body)
