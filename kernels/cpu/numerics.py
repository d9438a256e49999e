"""The functions of `kernels.intrinsics` and `kernels.float32`, compiled by numba from their source.

What generated code calls for a mechanism's function NAME is NAME_ in the precision of the engine
and NAME__double_ in float64.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types as nbtypes
from numba.extending import intrinsic

from kernels import float32, intrinsics
from kernels.jit import inlined
from kernels.precision import Precision

F8, F4 = nbtypes.float64, nbtypes.float32


@intrinsic
def to_bits(context, x):
    """The bits of a float64 as an int64."""
    return nbtypes.int64(F8), lambda ctx, builder, signature, args: builder.bitcast(
        args[0], ir.IntType(64)
    )


@intrinsic
def from_bits(context, n):
    """The float64 with these bits."""
    return F8(nbtypes.int64), lambda ctx, builder, signature, args: builder.bitcast(
        args[0], ir.DoubleType()
    )


def _fma(kind: nbtypes.Float) -> Callable[..., float]:
    @intrinsic
    def fma(context, a, b, c):
        """a * b + c rounded once."""
        return kind(kind, kind, kind), lambda ctx, builder, signature, args: builder.fma(*args)

    return fma


def _fmod(kind: nbtypes.Float) -> Callable[..., float]:
    @intrinsic
    def fmod(context, x, y):
        """C's fmod, which is exact."""
        return kind(kind, kind), lambda ctx, builder, signature, args: builder.frem(*args)

    return fmod


def _llvm_unary(name: str, kind: nbtypes.Float) -> Callable[[float], float]:
    llvm = ir.DoubleType() if kind == F8 else ir.FloatType()

    @intrinsic
    def unary(context, x):
        def generate(ctx, builder, signature, args):
            function = builder.module.declare_intrinsic(name, [llvm])
            return builder.call(function, args)

        return kind(kind), generate

    return unary


#: Bits of sqrt(1/2), the middle of the exponents.
_MIDDLE = 0x3F3504F3


@intrinsic
def power_of_two(context, t):
    """See `kernels.float32`."""

    def generate(ctx, builder, signature, args):
        whole = ir.IntType(32)
        shifted = builder.add(builder.bitcast(args[0], whole), whole(127))
        return builder.bitcast(builder.shl(shifted, whole(23)), ir.FloatType())

    return F4(F4), generate


def _shift(builder: ir.IRBuilder, x: Any) -> tuple[Any, Any]:
    """Bits of a float32, and its binary exponent."""
    whole = ir.IntType(32)
    bits = builder.bitcast(x, whole)
    return bits, builder.ashr(builder.sub(bits, whole(_MIDDLE)), whole(23))


@intrinsic
def exponent(context, x):
    """See `kernels.float32`."""

    def generate(ctx, builder, signature, args):
        return builder.sitofp(_shift(builder, args[0])[1], ir.FloatType())

    return F4(F4), generate


@intrinsic
def fraction(context, x):
    """See `kernels.float32`."""

    def generate(ctx, builder, signature, args):
        bits, shift = _shift(builder, args[0])
        moved = builder.sub(bits, builder.shl(shift, ir.IntType(32)(23)))
        return builder.bitcast(moved, ir.FloatType())

    return F4(F4), generate


def _common(kind: nbtypes.Float) -> dict[str, Any]:
    names = ("sqrt", "fabs", "floor", "ceil")
    primitives = {name: _llvm_unary(f"llvm.{name}", kind) for name in names}
    return {"fma": _fma(kind), "fmod": _fmod(kind), **primitives}


def _compile_all() -> dict[str, Any]:
    """Compile every function of `kernels.intrinsics` in the order in which they call each other."""
    scope: dict[str, object] = {
        name: value for name, value in vars(intrinsics).items() if isinstance(value, float)
    }
    scope.update(_common(F8), to_bits=to_bits, from_bits=from_bits)
    ordered = [*intrinsics.HELPERS, *(f.__name__ for f in intrinsics.INTRINSICS.values()), "nernst"]
    for name in ordered:
        if name not in scope:
            source = getattr(intrinsics, name)
            scope[name] = inlined(types.FunctionType(source.__code__, scope, name))
    return scope


#: Functions in float64.
FUNCTIONS = _compile_all()


class _Literals(ast.NodeTransformer):
    """Gives every float literal its type: numba takes one for a float64."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Name("to_single", ast.Load()), [node], [])


@functools.cache
def single_functions() -> dict[str, Any]:
    """The functions of `kernels.float32`."""
    constants = {n: np.float32(v) for n, v in vars(float32).items() if isinstance(v, float)}
    scope: dict[str, Any] = {**constants, **_common(F4), "to_single": F4}
    scope.update(power_of_two=power_of_two, exponent=exponent, fraction=fraction)
    for name in float32.FUNCTIONS:
        tree = ast.parse(inspect.getsource(getattr(float32, name)))
        function = tree.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.returns, function.args.args = None, [ast.arg(a.arg) for a in function.args.args]
        typed = ast.fix_missing_locations(_Literals().visit(tree))
        exec(compile(typed, float32.__file__, "exec"), scope)
        scope[name] = inlined(scope[name])
    return scope


@inlined
def get_wide(d, high, middle, low):
    """A float64 that lies in three float32; see `kernels.precision`."""
    return F8(d[high]) + F8(d[middle]) + F8(d[low])


@inlined
def put_wide(d, high, middle, low, value):
    """Put it there."""
    first = F4(value)
    rest = value - F8(first)
    second = F4(rest)
    d[high] = first
    d[middle] = second
    d[low] = F4(rest - F8(second))


def scope_of(precision: Precision) -> dict[str, object]:
    """What generated code may call, by the names it uses."""
    names = {name: function.__name__ for name, function in intrinsics.INTRINSICS.items()}
    wide: dict[str, object] = {f"{name}_": FUNCTIONS[own] for name, own in names.items()}
    if not precision.is_single:
        return wide
    own = single_functions()
    found = {f"{name}_": own[own_name] for name, own_name in names.items() if own_name in own}
    doubled = {f"{name}__double_": FUNCTIONS[own_name] for name, own_name in names.items()}
    drawn = {name: wide[name] for name in ("philox_", "philox_uniform_")}
    helpers = {"get_wide": get_wide, "put_wide": put_wide, "to_single_": F4, "to_double_": F8}
    return found | doubled | drawn | helpers
