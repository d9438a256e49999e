"""The functions of `kernels.intrinsics`, and those of `kernels.float32`, as CUDA device functions.

They are printed from their own source. Both have the same names; C++ tells them by their arguments.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types

from kernels import float32, intrinsics
from kernels.cuda.expression import INTEGER, REAL, SINGLE, BodyPrinter, variable
from kernels.precision import DOUBLE, Precision

#: What CUDA itself has; each is exact, or correctly rounded.
PRIMITIVES = """\
__device__ __forceinline__ double from_bits(long long n) { return __longlong_as_double(n); }
__device__ __forceinline__ long long to_bits(double x) { return __double_as_longlong(x); }
"""

SINGLE_PRIMITIVES = """\
__device__ __forceinline__ float power_of_two(float t) {
    return __int_as_float((int)((unsigned)(__float_as_int(t) + 127) << 23));
}
__device__ __forceinline__ float exponent(float x) {
    return (float)((__float_as_int(x) - 0x3F3504F3) >> 23);
}
__device__ __forceinline__ float fraction(float x) {
    const int bits = __float_as_int(x), shift = (bits - 0x3F3504F3) >> 23;
    return __int_as_float((int)((unsigned)bits - ((unsigned)shift << 23)));
}
// exact: the remainder is a float32
__device__ __forceinline__ float remainder_of(float x, float y) {
    return (float)fmod((double)x, (double)y);
}
// A float64 in three slots of float32.
__device__ __forceinline__ double get_wide(float high, float middle, float low) {
    return (double)high + (double)middle + (double)low;
}
__device__ __forceinline__ void put_wide(float &high, float &middle, float &low, double value) {
    const float first = (float)value;
    const double rest = value - (double)first;
    const float second = (float)rest;
    high = first;
    middle = second;
    low = (float)(rest - (double)second);
}
// The two words of a float64, so many slots of float32 apart.
__device__ __forceinline__ double get_words(const float *at, int apart) {
    const unsigned low = (unsigned)__float_as_int(at[0]);
    const unsigned long long high = (unsigned)__float_as_int(at[apart]);
    return __longlong_as_double((long long)(high << 32 | low));
}
__device__ __forceinline__ void put_words(float *at, int apart, double value) {
    const long long bits = __double_as_longlong(value);
    at[0] = __int_as_float((int)bits);
    at[apart] = __int_as_float((int)(bits >> 32));
}
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


_NATIVE_SINGLE = {
    **{name: (name, SINGLE) for name in ("power_of_two", "exponent", "fraction")},
    "fma": ("__fmaf_rn", SINGLE),
    "sqrt": ("__fsqrt_rn", SINGLE),
    "fabs": ("fabsf", SINGLE),
    "floor": ("floorf", SINGLE),
    "ceil": ("ceilf", SINGLE),
    "fmod": ("remainder_of", SINGLE),
}


def call_single(name: str, arguments: list[str]) -> tuple[str, str] | None:
    """The same of `kernels.float32`."""
    text = ", ".join(arguments)
    if name in _NATIVE_SINGLE:
        return f"{_NATIVE_SINGLE[name][0]}({text})", SINGLE
    return (f"k_{name}({text})", SINGLE) if name in float32.FUNCTIONS else None


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
def intrinsic_functions(precision: Precision = DOUBLE) -> str:
    """CUDA C++ text of everything that mechanism code may call."""
    used = [*intrinsics.HELPERS, *(f.__name__ for f in intrinsics.INTRINSICS.values()), "nernst"]
    names = [name for name in used if name not in intrinsics.PRIMITIVES]
    parts = [PRIMITIVES, *(_function(name) for name in _ordered(names))]
    if precision.is_single:
        parts += [SINGLE_PRIMITIVES, *(_function(name, float32) for name in float32.FUNCTIONS)]
    return "\n".join(parts)


@functools.cache
def intrinsic_source(name: str, module: types.ModuleType = intrinsics) -> ast.FunctionDef:
    """An intrinsic or helper by its Python name, parsed."""
    tree = ast.parse(inspect.getsource(getattr(module, name))).body[0]
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


def _function(name: str, module: types.ModuleType = intrinsics) -> str:
    tree = intrinsic_source(name, module)
    constants = {n: v for n, v in vars(module).items() if isinstance(v, float)}
    call, real = (call_single, SINGLE) if module is float32 else (call_intrinsic, REAL)
    printer = BodyPrinter(call, constants, real)
    arguments = [argument.arg for argument in tree.args.args]
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    lines = printer.statements(body, 1)
    head = ", ".join(f"{real} {variable(argument)}" for argument in arguments)
    declared = [f"    {line}" for line in printer.declarations(set(arguments))]
    return "\n".join(
        [f"__device__ __forceinline__ {real} k_{name}({head}) {{", *declared, *lines, "}", ""]
    )
