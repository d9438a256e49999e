"""Counted instructions of the PTX as a load of the performance model.

What the PTX does not say is how many instructions of the machine (SASS) stand for one of its own:
`EXPANSION`, counted in what NVRTC 12.9 makes of kernels of one operation each
(`tests/kernels/cuda/test_count.py` counts anew), main path without the call for subnormal numbers.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from kernels.cuda.cards import WARP, Card
from kernels.cuda.count import SECTOR, Counts, Instruction, Listing
from kernels.cuda.model import Load

#: Opcode -> instructions of the machine, and those of them for units of its type. What is not
#: listed is one instruction; addresses of 64 bits take two, but most are folded into others.
EXPANSION: dict[str, tuple[float, float]] = {
    "cvta.to.global.u64": (0, 0), "cvta.to.shared.u64": (0, 0), "cvta.shared.u64": (0, 0),
    "ld.param.u64": (0, 0), "ld.param.u32": (0, 0),
    "ld.const.f64": (0, 0), "mov.f64": (0, 0), "mov.f32": (0, 0), "mov.pred": (0, 0),
    "mov.b64": (0, 0), "mov.b32": (0, 0),
    "cvt.u32.u64": (0, 0), "abs.f64": (0, 0), "abs.f32": (0, 0), "neg.f64": (0, 0),
    "selp.f64": (2, 0), "rcp.rn.f64": (12, 5), "div.rn.f64": (16, 8), "sqrt.rn.f64": (21, 8),
    "selp.f32": (1, 0), "rcp.rn.f32": (9, 3), "div.rn.f32": (10, 5), "sqrt.rn.f32": (9, 4),
    "min.f64": (4, 1), "max.f64": (4, 1),
    "rem.s64": (29, 0), "div.s64": (29, 0), "rem.u32": (12, 0), "div.u32": (12, 0),
}  # fmt: skip
#: Operations that wait for each other after the special function unit.
NEWTON = {"rcp": 5, "div": 8, "sqrt": 8}
NEWTON_SINGLE = {"rcp": 3, "div": 5, "sqrt": 3}
BYTES = {"8": 1, "16": 2, "32": 4, "64": 8}


def expansion(opcode: str, architecture: str) -> tuple[float, float]:
    """Instructions of the machine for one of the PTX, and how many the units of its type take."""
    if opcode in EXPANSION:
        return EXPANSION[opcode]
    moves = opcode.startswith(("ld.", "st.", "cvt.", "atom.", "red."))
    return 1.0, float(opcode.endswith((".f64", ".f32")) and not moves)


def n_byte(opcode: str) -> int:
    """Bytes that a load or a store moves for one thread."""
    return BYTES[opcode.rsplit(".", 1)[1][1:]]


def is_uniform(opcode: str) -> bool:
    """Whether a load is one of the table or of bounds: one address for all threads, kept in L1."""
    return opcode in ("ld.global.u64", "ld.global.s64")


def latency(opcode: str, card: Card) -> float:
    """Cycles from the issue of an instruction until its result can be used."""
    t, name = card.latency, opcode.split(".")[0]
    if name in ("ld", "atom", "red"):
        if "shared" in opcode:
            return t.shared
        if "param" in opcode or "const" in opcode:
            return 0  # operands
        return t.atomic if name != "ld" else t.l1 if is_uniform(opcode) else t.l2
    if name == "bar":
        return t.warp_barrier if "warp" in opcode else t.barrier
    if name in NEWTON and opcode.endswith(".f64"):
        return t.special + NEWTON[name] * t.f64
    if name in NEWTON and opcode.endswith(".f32"):
        return t.special + NEWTON_SINGLE[name] * t.alu
    issued, real = expansion(opcode, card.architecture)
    return (
        t.f64
        if real and opcode.endswith(".f64")
        else t.alu
        if issued and name not in ("st", "bra", "ret")
        else 0
    )


def chain_of(block: list[Instruction], card: Card) -> float:
    """Cycles of the longest chain of dependent instructions of a basic block."""
    ready: dict[str, float] = {}
    start = end = 0.0
    for one in block:
        if one.opcode.startswith("bar."):
            start = end = end + latency(one.opcode, card)
            continue
        stores = one.opcode.startswith(("st.", "red.", "bra"))
        given = one.operands if stores else one.operands[1:]
        names = [n.strip("[]").split("+")[0] for n in given]
        done = max([start, *(ready.get(n, 0.0) for n in names)]) + latency(one.opcode, card)
        if not stores and one.operands:
            ready[one.operands[0]] = done
        end = max(end, done)
    return end


def executed(listing: Listing, counts: Counts) -> dict[str, Counter[str]]:
    """How often each opcode was executed, all threads together, by function.

    Args:
        listing: the kernel.
        counts: what its threads did.
    """
    total = counts.entered.sum(axis=1)
    found: dict[str, Counter[str]] = {}
    for one in listing.instructions:
        times = round(float(total[one.block]))
        if times:
            found.setdefault(one.function, Counter())[one.opcode] += times
    return found


def loads(listing: Listing, counts: Counts, card: Card) -> dict[str, Load]:
    """What the threads of one cell ask of a multiprocessor, by function; arguments as above."""
    n = listing.n_block
    entered = counts.entered[:n]
    warps = entered.reshape(n, -1, min(WARP, entered.shape[1])).max(axis=2).sum(axis=1)
    rows: dict[str, np.ndarray] = {}
    blocks: list[list[Instruction]] = [[] for _ in range(n)]
    for k, one in enumerate(listing.instructions):
        blocks[one.block].append(one)
        if not warps[one.block]:
            continue
        row = rows.setdefault(one.function, np.zeros(5))
        issued, real = expansion(one.opcode, card.architecture)
        row[0] += warps[one.block] * issued
        row[4 if one.opcode.endswith(".f32") else 1] += warps[one.block] * real
        if ".shared." in one.opcode:
            row[2] += warps[one.block] * max(1, n_byte(one.opcode) * WARP // card.shared_width)
        elif not is_uniform(one.opcode):
            row[3] += SECTOR * counts.sectors[k]
    chains = _chains(blocks, entered, card)
    return {
        name: Load(row[0], row[1], row[2], row[3], chains[name], row[4])
        for name, row in rows.items()
    }


def _chains(blocks: list[list[Instruction]], counts: np.ndarray, card: Card) -> dict[str, float]:
    """Cycles that the slowest thread waits in each function.

    A block takes its longest chain, or as many cycles as a warp needs to issue it.
    """
    per_thread: dict[str, np.ndarray] = {}
    for k, block in enumerate(blocks):
        if not block or not counts[k].any():
            continue
        issued = sum(expansion(one.opcode, card.architecture)[0] for one in block)
        cycles = max(chain_of(block, card), issued)
        names = Counter(i.function for i in block)
        name = names.most_common(1)[0][0]
        waited = per_thread.setdefault(name, np.zeros(counts.shape[1]))
        waited += counts[k] * cycles
    found = {i.function: 0.0 for block in blocks for i in block}
    return found | {name: float(waited.max()) for name, waited in per_thread.items()}
