"""Which part of each array of a block belongs to which cell.

Cells, their nodes, instances, sources and connections are contiguous in a block, in the same order,
so a pointer array for each kind of entry says it all. Two ranks that own the same cell have the
same entries for it, in the same order, wherever they begin.
"""

from __future__ import annotations

import zlib

import numpy as np

from distnet.lower import Lowered
from kernels.block import Block
from kernels.snapshot import argument_ptr


def cell_pointers(lowered: Lowered) -> dict[str, np.ndarray]:
    """Kind of entry -> (n_cell + 1,) i8.

    Kinds are "node", "source", "connection", "argument" and the names of mechanisms.
    """
    block = lowered.block
    cells = np.arange(block.n_cell + 1)
    found = {"node": block.cell_ptr.astype(np.int64)}
    of_source = np.searchsorted(lowered.gid, lowered.source_gid)
    found["source"] = np.searchsorted(of_source, cells)
    found["connection"] = np.searchsorted(connection_cells(block), cells)
    found["argument"] = argument_ptr(block)[found["connection"]]
    for group in block.mechanisms:
        found[group.mechanism.name] = np.searchsorted(group.cell, cells)
    return {name: ptr.astype(np.int64) for name, ptr in found.items()}


def connection_cells(block: Block) -> np.ndarray:
    """(n_connection,) i8, ascending: the cell of the block that each connection ends on."""
    cells = np.zeros(len(block.weight), np.int64)
    for k, group in enumerate(block.mechanisms):
        mine = block.connection_target[:, 0] == k
        cells[mine] = group.cell[block.connection_target[mine, 1]]
    return cells


def kind_of(name: str, mechanisms: list[str]) -> str:
    """The kind of the entries of an array of `kernels.snapshot`."""
    known = {"v": "node", "above": "source", "arguments": "argument"}
    first = name.split(".")[0]
    return known.get(name) or (first if first in mechanisms else "node")


def fingerprints(lowered: Lowered) -> np.ndarray:
    """(n_cell,) u4: a checksum of what a cell is made of: its tree, and its connections."""
    block = lowered.block
    ptr = cell_pointers(lowered)
    by_node = (block.axial, block.capacitance, block.area, block.diam)
    by_connection = (lowered.connection_source, lowered.connection_delay, block.weight)
    found = np.zeros(block.n_cell, np.uint32)
    for cell in range(block.n_cell):
        check = 0
        for kind, arrays in (("node", by_node), ("connection", by_connection)):
            part = slice(ptr[kind][cell], ptr[kind][cell + 1])
            for array in arrays:
                check = zlib.crc32(np.ascontiguousarray(array[part]).tobytes(), check)
        found[cell] = check
    return found


def entries(ptr: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Places of all entries of some cells, cell after cell.

    >>> entries(np.array([0, 2, 2, 5]), np.array([2, 0])).tolist()
    [2, 3, 4, 0, 1]
    """
    size = ptr[cells + 1] - ptr[cells]
    of = np.repeat(np.arange(len(cells)), size)
    return ptr[cells][of] + np.arange(len(of)) - (np.cumsum(size) - size)[of]
