"""The functions of `kernels.intrinsics`, compiled by numba from the same source."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types as nbtypes
from numba.extending import intrinsic

from kernels import intrinsics
from kernels.jit import inlined


@intrinsic
def fma(context, a, b, c):
    """a * b + c rounded once."""
    f8 = nbtypes.float64
    return f8(f8, f8, f8), lambda ctx, builder, signature, args: builder.fma(*args)


@intrinsic
def to_bits(context, x):
    """The bits of a float64 as an int64."""
    return nbtypes.int64(nbtypes.float64), lambda ctx, builder, signature, args: builder.bitcast(
        args[0], ir.IntType(64)
    )


@intrinsic
def from_bits(context, n):
    """The float64 with these bits."""
    return nbtypes.float64(nbtypes.int64), lambda ctx, builder, signature, args: builder.bitcast(
        args[0], ir.DoubleType()
    )


def _llvm_unary(name: str) -> Callable[[float], float]:
    @intrinsic
    def unary(context, x):
        def generate(ctx, builder, signature, args):
            function = builder.module.declare_intrinsic(name, [ir.DoubleType()])
            return builder.call(function, args)

        return nbtypes.float64(nbtypes.float64), generate

    return unary


sqrt = _llvm_unary("llvm.sqrt")
fabs = _llvm_unary("llvm.fabs")
floor = _llvm_unary("llvm.floor")
ceil = _llvm_unary("llvm.ceil")


@intrinsic
def fmod(context, x, y):
    """C's fmod, which is exact."""
    f8 = nbtypes.float64
    return f8(f8, f8), lambda ctx, builder, signature, args: builder.frem(*args)


def _compile_all() -> dict[str, Any]:
    """Compile every function of `kernels.intrinsics` in the order in which they call each other."""
    scope: dict[str, object] = {
        name: value for name, value in vars(intrinsics).items() if isinstance(value, float)
    }
    scope.update(fma=fma, to_bits=to_bits, from_bits=from_bits, sqrt=sqrt, fabs=fabs)
    scope.update(floor=floor, ceil=ceil, fmod=fmod)
    ordered = [*intrinsics.HELPERS, *(f.__name__ for f in intrinsics.INTRINSICS.values()), "nernst"]
    for name in ordered:
        if name not in scope:
            source = getattr(intrinsics, name)
            scope[name] = inlined(types.FunctionType(source.__code__, scope, name))
    return scope


FUNCTIONS = _compile_all()
