"""What a kernel executes, counted: its PTX with a counter in every basic block, run on the CPU.

A basic block is a run of instructions that is entered at its start and left at its end, so the
times that each thread entered every block say how often it executed every instruction. A warp
issues an instruction once for all its lanes: for a block that is the most that one of them needs.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.cuda.classes import Variant
from kernels.cuda.host import PtxDevice
from kernels.cuda.nvrtc import compile_ptx
from kernels.cuda.ptx import translate

SECTOR, ALIGNED = 32, 256  # bytes

_ENTRY = re.compile(r"\.visible \.entry (\w+)\(")
_PLACE = re.compile(r"\.loc\s+\d+ (\d+) \d+(?:,.*inlined_at \d+ (\d+) \d+)?")
_GLOBAL = re.compile(r"(ld|st|atom|red)\.global")
_INSTRUCTION = re.compile(r"(?:@!?%\w+\s+)?([a-z][\w.]*)\s*(.*?);")
_FUNCTION = re.compile(
    r"^(?:__device__.*?|extern.*?|)(\w+)\((?:const|double|float|\n)", re.MULTILINE
)
#: Functions that others call inside: what they execute counts for the caller.
_PART = re.compile(
    r"k_\w+|sync_tree|from_bits|to_bits|size|made|flow|send|move|earliest|remove|fire"
)
_OF_ONE = re.compile(r"\w+_node")  # those that count for the one that calls them

ATOMIC = re.compile(
    r"(?:atom|red)\.global\.add\.f64\s+(?:%\w+,\s*)?\[%(\w+)(?:\+(\d+))?\], %(\w+);"
)


@dataclass(frozen=True)
class Instruction:
    """One instruction of the PTX."""

    opcode: str
    operands: tuple[str, ...]
    block: int  # basic block
    function: str  # of the CUDA text
    line: int  # of the CUDA text


@dataclass(frozen=True)
class Counts:
    """What the threads of a launch executed, all cells together."""

    entered: np.ndarray  # (n_block, n_thread) f8, times that a thread entered a basic block
    sectors: np.ndarray  # (n_instruction,) f8, sectors of global memory that warps asked for
    footprint: float  # bytes of different sectors that were touched

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.entered - other.entered,
            self.sectors - other.sectors,
            max(self.footprint, other.footprint),
        )

    def __truediv__(self, n: float) -> Counts:
        return Counts(self.entered / n, self.sectors / n, self.footprint)


@dataclass(frozen=True)
class Listing:
    """A kernel's instructions in their order."""

    instructions: tuple[Instruction, ...]
    n_block: int  # basic blocks


def functions_of_lines(text: str) -> list[str]:
    """Name of the function that each line of a CUDA text lies in; lines count from 1."""
    names, current = [""], ""
    for line in text.splitlines():
        found = _FUNCTION.match(line + "\n")
        if found and not line.startswith(" "):
            current = found[1]
        names.append(current)
    return names


def callers(text: str, functions: list[str]) -> dict[str, str]:
    """The function that calls each function of one node, the first in the text."""
    found: dict[str, str] = {}
    for line, name in zip(text.splitlines(), functions[1:], strict=True):
        for called in re.findall(rf"\b({_OF_ONE.pattern})\(", line):
            if called != name:
                found.setdefault(called, name)
    return found


def mark(ptx: str, text: str) -> tuple[str, dict[str, Listing]]:
    """Number the basic blocks of all kernels.

    Args:
        ptx: compiled with lines.
        text: the CUDA text it was compiled from.

    Returns:
        The PTX with a counter at the start of every block and without its lines; the kernels.
    """
    functions = functions_of_lines(text)
    above = callers(text, functions)
    functions = [_root(name, above) for name in functions]
    made: list[str] = []
    listings: dict[str, list[Instruction]] = {}
    blocks: dict[str, int] = {}
    kernel, block, fresh, function, line = "", -1, True, "", 0
    for row in ptx.split("\t.file\t")[0].splitlines():
        bare = row.split("//")[0].strip()
        if entry := _ENTRY.search(row):
            kernel, fresh = entry[1], True
            listings[kernel] = []
        elif place := _PLACE.match(bare):
            line, outer = int(place[1]), int(place[2] or 0)
            inner = functions[line] if line < len(functions) else ""
            if not line or not inner or _PART.fullmatch(inner):
                inner = functions[outer] if outer else function
            function = function if _PART.fullmatch(inner) else inner
            continue
        elif bare.startswith("$L__BB"):
            fresh = True
        elif bare.startswith("$L"):
            continue
        elif kernel and (one := _INSTRUCTION.fullmatch(bare)):
            if fresh:
                block = blocks[kernel] = blocks.get(kernel, -1) + 1
                made.append(f"count.block {block};")
                fresh = False
            operands = tuple(re.findall(r"%\w+|\[[^\]]*\]|0d\w+|\$?-?\w+", one[2]))
            if _GLOBAL.match(one[1]):
                guard = row.split("@")[1].split()[0] if "@" in row else ""
                address = next(o for o in operands if o.startswith("["))
                number = len(listings[kernel])
                made.append(f"{guard and '@' + guard} count.touch {number}, {address};")
            listings[kernel].append(Instruction(one[1], operands, block, function, line))
            fresh = one[1].startswith(("bra", "ret"))
        made.append(row)
    return "\n".join(made), {
        name: Listing(tuple(rows), blocks[name] + 1) for name, rows in listings.items()
    }


def _root(name: str, above: dict[str, str]) -> str:
    while name in above:
        name = above[name]
    return name


def without_atomics(ptx: str) -> str:
    """The PTX with an addition in place of an atomic one: threads of the shim run one at a time."""
    ptx = re.sub(r"(\.reg \.f64\s+%fd<\d+>;)", r"\1\n\t.reg .f64 %fdsum;", ptx)
    return ATOMIC.sub(
        lambda m: (
            f"ld.global.f64 %fdsum, [%{m[1]}+{m[2] or 0}];\nadd.rn.f64 %fdsum, %fdsum, %{m[3]};\n"
            f"st.global.f64 [%{m[1]}+{m[2] or 0}], %fdsum;"
        ),
        ptx,
    )


class CountingDevice(PtxDevice):
    """Runs PTX on the CPU and counts what each thread executes."""

    def __init__(self, architecture: str = "sm_90"):
        super().__init__(architecture)
        self.listings: dict[str, Listing] = {}

    def allocate(self, n_byte: int) -> np.ndarray:
        """Memory that begins where that of a card does: at a multiple of 256 bytes."""
        room = super().allocate(n_byte + ALIGNED)
        self.used -= ALIGNED
        begin = -room.ctypes.data % ALIGNED
        return room[begin : begin + n_byte]

    def prepare(self, text: str, variant: Variant, name: str) -> str:
        """Compile by NVRTC, number the blocks, translate."""
        defines = variant.defines()
        ptx = compile_ptx(text, self.architecture, defines, f"{name}.cu", lines=True)
        marked, self.listings = mark(ptx, text)
        sizes = {
            "n": max(listing.n_block for listing in self.listings.values()),
            "m": max(len(listing.instructions) for listing in self.listings.values()),
            "threads": variant.threads,
        }
        counter = COUNTER
        for name, size in sizes.items():
            counter = counter.replace(f"@{name}@", str(size))
        return counter + translate(without_atomics(marked))

    def load(self, text: str, variant: Variant, name: str) -> Any:
        """As for the device without counters."""
        module: Any = super().load(text, variant, name)
        module.block_counts.restype = module.sector_counts.restype = ctypes.c_void_p
        module.footprint.restype = ctypes.c_longlong
        module.listings, module.threads = self.listings, variant.threads
        return module

    def counts(self, module: Any) -> Counts:
        """What was executed since `clear`."""
        n = max(listing.n_block for listing in module.listings.values())
        m = max(len(listing.instructions) for listing in module.listings.values())
        entered = (ctypes.c_uint64 * (n * module.threads)).from_address(module.block_counts())
        sectors = (ctypes.c_uint64 * m).from_address(module.sector_counts())
        return Counts(
            np.ctypeslib.as_array(entered).reshape(n, module.threads).astype(float),
            np.ctypeslib.as_array(sectors).astype(float),
            self.footprint(module, np.ones(m, bool)),
        )

    def footprint(self, module: Any, chosen: np.ndarray) -> float:
        """Bytes of different sectors that some instructions touched since `clear`.

        Args:
            module: that `load` gave.
            chosen: (n_instruction,) bool
        """
        flags = np.ascontiguousarray(chosen, np.uint8)
        return SECTOR * float(module.footprint(ctypes.c_void_p(flags.ctypes.data)))

    def clear(self, module: Any) -> None:
        """Set all counters to 0."""
        module.clear_counts()


#: Threads of a warp that ask for the same sector in the same visit of an instruction ask once.
COUNTER = """\
#include <stdint.h>
#include <string.h>
#include <unordered_set>
static const uint64_t SECTORS = (1ULL << 48) - 1;
static uint64_t counted[@n@][@threads@], visits[@m@][@threads@], sectors[@m@];
static std::unordered_set<uint64_t> asked, touched;  // touched: instruction and sector
static inline void count_block(int k) { counted[k][threadIdx.x] += 1; }
static inline void count_touch(int k, uint64_t address) {
    uint64_t key = (uint64_t)k * 32 + threadIdx.x / 32;
    key = (key << 32 ^ visits[k][threadIdx.x]++) * 0x9e3779b97f4a7c15ULL;
    key = (key ^ key >> 29 ^ address / 32) * 0xbf58476d1ce4e5b9ULL;
    sectors[k] += asked.insert(key ^ key >> 32).second;
    touched.insert((uint64_t)k << 48 | (address / 32 & SECTORS));
}
#define SHOWN extern "C" __attribute__((visibility("default")))
SHOWN void *block_counts() { return counted; }
SHOWN void *sector_counts() { return sectors; }
SHOWN long long footprint(const uint8_t *chosen) {
    std::unordered_set<uint64_t> sectors;
    for (uint64_t one : touched)
        if (chosen[one >> 48]) sectors.insert(one & SECTORS);
    return (long long)sectors.size();
}
SHOWN void clear_counts() {
    memset(counted, 0, sizeof counted);
    memset(visits, 0, sizeof visits);
    memset(sectors, 0, sizeof sectors);
    asked.clear();
    touched.clear();
}
"""
