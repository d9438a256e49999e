"""The functions of `kernels.intrinsics` as CUDA device functions, printed from their own source."""

from __future__ import annotations

import ast
import functools
import inspect
import types

from kernels import intrinsics
from kernels.cuda.expression import INTEGER, REAL, BodyPrinter, variable

#: What CUDA itself has; each is exact, or correctly rounded.
PRIMITIVES = """\
__device__ __forceinline__ double from_bits(long long n) { return __longlong_as_double(n); }
__device__ __forceinline__ long long to_bits(double x) { return __double_as_longlong(x); }
"""

_NATIVE = {
    "fma": ("__fma_rn", REAL),
    "to_bits": ("to_bits", INTEGER),
    "from_bits": ("from_bits", REAL),
    "sqrt": ("__dsqrt_rn", REAL),
    "fabs": ("fabs", REAL),
    "floor": ("floor", REAL),
    "ceil": ("ceil", REAL),
    "fmod": ("fmod", REAL),
}


def call_intrinsic(name: str, arguments: list[str]) -> tuple[str, str] | None:
    """Text and type of the call of a primitive, a helper or an intrinsic by its Python name."""
    text = ", ".join(arguments)
    if name == "float":
        return f"(double)({text})", REAL
    if name in _NATIVE:
        return f"{_NATIVE[name][0]}({text})", _NATIVE[name][1]
    source = getattr(intrinsics, name, None)
    if isinstance(source, types.FunctionType):
        return f"k_{name}({text})", REAL
    return None


@functools.cache
def intrinsic_functions() -> str:
    """CUDA C++ text of everything that mechanism code may call."""
    used = [*intrinsics.HELPERS, *(f.__name__ for f in intrinsics.INTRINSICS.values()), "nernst"]
    names = [name for name in used if name not in intrinsics.PRIMITIVES]
    return "\n".join([PRIMITIVES, *(_function(name) for name in _ordered(names))])


@functools.cache
def intrinsic_source(name: str) -> ast.FunctionDef:
    """An intrinsic or helper by its Python name, parsed."""
    tree = ast.parse(inspect.getsource(getattr(intrinsics, name))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def _ordered(names: list[str]) -> list[str]:
    """Every function after those that it calls."""
    done: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        for node in ast.walk(intrinsic_source(name)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                callee = node.func.id
                own = isinstance(getattr(intrinsics, callee, None), types.FunctionType)
                if own and callee not in intrinsics.PRIMITIVES:
                    add(callee)
        done.append(name)

    for name in names:
        add(name)
    return done


def _function(name: str) -> str:
    tree = intrinsic_source(name)
    constants = {n: v for n, v in vars(intrinsics).items() if isinstance(v, float)}
    printer = BodyPrinter(call_intrinsic, constants)
    arguments = [argument.arg for argument in tree.args.args]
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    lines = printer.statements(body, 1)
    head = ", ".join(f"double {variable(argument)}" for argument in arguments)
    declared = [f"    {line}" for line in printer.declarations(set(arguments))]
    return "\n".join(
        [f"__device__ __forceinline__ double k_{name}({head}) {{", *declared, *lines, "}", ""]
    )
