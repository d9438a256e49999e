"""How many cells a multiprocessor holds at once, by CUDA's rules of allocation."""

from __future__ import annotations

#: Shared memory [bytes] and warps of a multiprocessor; blocks are at most 32 (16 on sm_75).
SHARED = {"sm_75": 65_536, "sm_80": 167_936, "sm_90": 233_472}
WARPS = {"sm_75": 32, "sm_80": 64, "sm_90": 64}
BLOCKS = {"sm_75": 16, "sm_80": 32, "sm_90": 32}
REGISTERS = 65_536
RESERVED = {"sm_75": 0, "sm_80": 1024, "sm_90": 1024}  # bytes that each block takes besides


def resident_cells(architecture: str, registers: int, threads: int, n_shared: int) -> int:
    """Cells, one block of threads each, that fit into one multiprocessor.

    Args:
        architecture: "sm_75", "sm_80" or "sm_90".
        registers: of a thread.
        threads: of a block.
        n_shared: bytes of shared memory of a block.
    """
    warps = -(-threads // 32)
    per_warp = -(-registers * 32 // 256) * 256  # registers come in units of 256 a warp
    shared = -(-(n_shared + RESERVED[architecture]) // 128) * 128
    return min(
        BLOCKS[architecture],
        WARPS[architecture] // warps,
        REGISTERS // (per_warp * warps),
        SHARED[architecture] // shared if shared else BLOCKS[architecture],
    )
