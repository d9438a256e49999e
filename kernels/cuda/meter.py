"""Arithmetic of mechanism code, counted in its statements as the CUDA compiler will print them.

One walk over a body gives the instructions of the machine, those of the float64 units, and when
each value is ready: the cycles of its longest chain of dependent operations. `kernels.cuda.tally`
counts the same in the PTX; `tests/kernels/cuda/test_choice.py` compares.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Mapping

from kernels import intrinsics
from kernels.cuda.cards import Card
from kernels.cuda.functions import intrinsic_source
from kernels.cuda.tally import expansion, latency
from kernels.intrinsics import INTRINSICS
from kernels.work import PASSES

REAL, WHOLE = "f64", "s64"
#: Calls that read memory: values of tables, of connections, of variables with an index.
READS = ("table", "element", "netcon", "train")


class Meter:
    """Counts while it walks.

    Args:
        card: whose latencies.
        ready: cycle at which the variables that a body loads are there.
        single: whether a body computes in float32.
    """

    def __init__(self, card: Card, ready: Mapping[str, float], single: bool = False):
        self.card, self.single = card, single
        self.ready = {name: (when, REAL) for name, when in ready.items()}
        self.issued = self.real = 0.0
        self.n_read = 0  # values of 8 bytes that calls read
        self.start = 0.0  # nothing is issued before the last branch
        self.end = max(ready.values(), default=0.0)

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Walk statements."""
        for statement in body:
            self._statement(statement)

    def spend(self, opcode: str, *operands: float) -> float:
        """One instruction of the PTX; when its result is ready."""
        opcode = opcode.replace(".f64", ".f32") if self.single else opcode
        issued, real = expansion(opcode, self.card.architecture)
        self.issued += issued
        self.real += real
        when = max((self.start, *operands)) + latency(opcode, self.card)
        self.end = max(self.end, when)
        return when

    # --- statements ---

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            self.ready[target.id] = self._value(node.value)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            raise TypeError(f"line {node.lineno}: not a statement of mechanisms")
        elif isinstance(node, ast.If):
            self._value(node.test)
            self.spend("bra")
            self.start = self.end
            self._dearest(node.body, node.orelse)
            self.start = self.end
        elif isinstance(node, ast.While):
            for _ in range(PASSES):
                self._value(node.test)
                self.spend("bra")
                self.run(node.body)
        elif isinstance(node, ast.Expr | ast.Return) and node.value is not None:
            self.ready["return"] = self._value(node.value)

    def _dearest(self, *bodies: list[ast.stmt]) -> None:
        """Of several bodies the one with most instructions."""
        before = (dict(self.ready), self.issued, self.real, self.n_read, self.end)
        tried = []
        for body in bodies:
            self.ready, self.issued, self.real, self.n_read, self.end = (
                dict(before[0]),
                *before[1:],
            )
            self.run(body)
            tried.append((self.issued, self.real, self.n_read, self.end, self.ready))
        self.issued, self.real, self.n_read, self.end, self.ready = max(
            tried, key=lambda one: one[0]
        )

    # --- expressions: when the value is ready, and whether it is real ---

    def _value(self, node: ast.expr) -> tuple[float, str]:
        if isinstance(node, ast.Constant):
            return 0.0, REAL if isinstance(node.value, float) else WHOLE
        if isinstance(node, ast.Name):
            return self.ready.get(node.id, (0.0, REAL))
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.UnaryOp):
            when, kind = self._value(node.operand)
            return self.spend(f"neg.{kind}", when), kind
        if isinstance(node, ast.Compare):
            sides = [self._value(side) for side in (node.left, *node.comparators)]
            return self.spend(f"setp.lt.{sides[0][1]}", *(when for when, _ in sides)), WHOLE
        if isinstance(node, ast.BoolOp):
            whens = [self._value(value)[0] for value in node.values]
            return self.spend("and.pred", *whens), WHOLE
        if isinstance(node, ast.IfExp):
            parts = [self._value(part) for part in (node.test, node.body, node.orelse)]
            return self.spend("selp.f64", *(when for when, _ in parts)), parts[1][1]
        if isinstance(node, ast.Call):
            return self._call(node)
        raise TypeError(f"{ast.dump(node)}: not an expression of mechanisms")

    def _operation(self, node: ast.BinOp) -> tuple[float, str]:
        (left, one), (right, other) = self._value(node.left), self._value(node.right)
        if one == other == WHOLE:
            return self.spend("add.s64", left, right), WHOLE
        if isinstance(node.op, ast.Div):
            unit = isinstance(node.left, ast.Constant) and node.left.value == 1.0
            return self.spend("rcp.rn.f64" if unit else "div.rn.f64", left, right), REAL
        return self.spend("add.rn.f64", left, right), REAL

    def _call(self, node: ast.Call) -> tuple[float, str]:
        assert isinstance(node.func, ast.Name)
        name = node.func.id.removesuffix("__double")
        given = [self._value(argument) for argument in node.args]
        if name in ("to_single", "to_double"):
            return given[0]
        whens = [when for when, _ in given]
        if name in READS:
            self.n_read += 1
            return self.spend("ld.global.f64", self.spend("add.s64", *whens)), REAL
        simple = {
            "fma": "fma.rn.f64", "sqrt": "sqrt.rn.f64", "fabs": "abs.f64", "to_bits": "mov.b64",
            "from_bits": "mov.b64", "floor": "cvt.rmi.f64.f64", "ceil": "cvt.rpi.f64.f64",
            "float": "cvt.rn.f64.s64",
        }  # fmt: skip
        if name in simple:
            return self.spend(simple[name], *whens), WHOLE if name == "to_bits" else REAL
        function = INTRINSICS.get(name) or getattr(intrinsics, name, None)
        if not isinstance(function, types.FunctionType) or name == "fmod":
            return self.spend("add.s64", *whens), REAL
        return self._inside(intrinsic_source(function.__name__), given)

    def _inside(self, source: ast.FunctionDef, given: list[tuple[float, str]]) -> tuple[float, str]:
        outer = self.ready
        names = [argument.arg for argument in source.args.args]
        self.ready = dict(zip(names, given, strict=False))
        body = source.body[1:] if ast.get_docstring(source) is not None else source.body
        self.run(body)
        found = self.ready.get("return", (0.0, REAL))
        self.ready = outer
        return found
