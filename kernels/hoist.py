"""Work done once instead of at every step: expressions of a mechanism's own parameters.

An expression of parameters that no kernel sets, of dt and of the node's geometry keeps its value
throughout a run: exp(-dt / tau) of a synapse, a factor of an area. Where it costs a call or a
division it becomes a variable of its own, `_fixed_0`, ..., set once after INITIAL by the kernel
`derive`. The same operations are done in the same order, so no bit changes.
"""

from __future__ import annotations

import ast
import dataclasses

from kernels.intrinsics import INTRINSICS
from kernels.mechanism import Kernel, Mechanism, Variable


def hoist(mechanism: Mechanism) -> Mechanism:
    """Move fixed expressions of the kernels that run often into `derive`."""
    kernels = list(mechanism.kernels().values())
    changed = {name for kernel in kernels for name in kernel.stores}
    arguments = {name for kernel in kernels for name in kernel.args}
    fixed = (set(mechanism.parameters) | {"dt", "diam", "area"}) - changed - arguments
    found: dict[str, str] = {}  # expression -> name
    current = _rewrite(mechanism.current, fixed, found)
    state = _rewrite(mechanism.state, fixed, found)
    receive = mechanism.receive and _rewrite(mechanism.receive, fixed, found)
    if not found:
        return mechanism
    body = tuple(ast.parse(f"{name} = {text}").body[0] for text, name in found.items())
    used = {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    derive = Kernel(body, loads=tuple(sorted(used & fixed)), stores=tuple(found.values()))
    own = {name: Variable(name) for name in found.values()}
    return dataclasses.replace(
        mechanism,
        current=current,
        state=state,
        receive=receive,
        derive=derive,
        assigned={**mechanism.assigned, **own},
    )


def _rewrite(kernel: Kernel, fixed: set[str], found: dict[str, str]) -> Kernel:
    visitor = _Hoist(fixed, _fixed_temporaries(kernel, fixed), found)
    body = tuple(visitor.visit(ast.parse(ast.unparse(s)).body[0]) for s in kernel.body)
    used = {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    loads = [name for name in kernel.loads if name in used or name not in fixed]
    loads += [name for name in found.values() if name in used]
    return dataclasses.replace(kernel, body=body, loads=tuple(loads))


def _fixed_temporaries(kernel: Kernel, fixed: set[str]) -> dict[str, ast.expr]:
    """Temporaries that are set once, at the top level, to a fixed expression."""
    targets = [
        n.id
        for s in kernel.body
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    known: dict[str, ast.expr] = {}
    for statement in kernel.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name = statement.targets[0].id
        if name.startswith("_") and name not in ("_i", "_g") and targets.count(name) == 1:
            value = _Substitute(known).visit(ast.parse(ast.unparse(statement.value), mode="eval"))
            if _is_fixed(value.body, fixed):
                known[name] = value.body
    return known


def _is_fixed(node: ast.AST, fixed: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in fixed
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return name in INTRINSICS and all(_is_fixed(a, fixed) for a in node.args)
    if isinstance(node, ast.BinOp):
        return _is_fixed(node.left, fixed) and _is_fixed(node.right, fixed)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_fixed(node.operand, fixed)
    return isinstance(node, ast.Constant)


def _is_costly(node: ast.AST) -> bool:
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    work = any(
        isinstance(n, ast.Call) or (isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div))
        for n in ast.walk(node)
    )
    return work and bool(names)


class _Substitute(ast.NodeTransformer):
    def __init__(self, known: dict[str, ast.expr]):
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


class _Hoist(ast.NodeTransformer):
    """Replaces the largest fixed, costly expressions by names."""

    def __init__(self, fixed: set[str], temporaries: dict[str, ast.expr], found: dict[str, str]):
        self.fixed, self.found = fixed | set(temporaries), found
        self.known = _Substitute(temporaries)

    def _try(self, node: ast.expr) -> ast.expr:
        if not _is_fixed(node, self.fixed):
            return self.generic_visit(node)  # type: ignore[return-value]
        plain = self.known.visit(ast.parse(ast.unparse(node), mode="eval")).body
        if _is_costly(plain):
            text = ast.unparse(plain)
            name = self.found.setdefault(text, f"_fixed_{len(self.found)}")
            return ast.Name(name, ast.Load())
        return self.generic_visit(node)  # type: ignore[return-value]

    visit_BinOp = visit_Call = visit_UnaryOp = _try
