"""How many cells a multiprocessor holds at once, by CUDA's rules of allocation."""

from __future__ import annotations

#: By compute capability: shared memory [bytes], warps and blocks of a multiprocessor, and bytes of
#: shared memory that a block takes besides its own (CUDA C++ Programming Guide, specifications).
LIMITS = {
    70: (98_304, 64, 32, 0),
    75: (65_536, 32, 16, 0),
    80: (167_936, 64, 32, 1024),
    86: (102_400, 48, 16, 1024),
    87: (167_936, 48, 16, 1024),
    89: (102_400, 48, 24, 1024),
    90: (233_472, 64, 32, 1024),
    100: (233_472, 64, 32, 1024),
    120: (102_400, 48, 24, 1024),
}
#: Registers of a multiprocessor, a quarter with each of its schedulers, which keep their warps.
REGISTERS, SCHEDULERS = 65_536, 4
REGISTER_UNIT = 256  # in which a warp gets them


def limits_of(architecture: str) -> tuple[int, int, int, int]:
    """Of an architecture; one that is not in `LIMITS` has those of the last before it."""
    number = int(architecture.removeprefix("sm_"))
    return LIMITS[max((n for n in LIMITS if n <= number), default=min(LIMITS))]


def shared_unit(architecture: str) -> int:
    """Bytes in which shared memory is given."""
    return 128 if int(architecture.removeprefix("sm_")) >= 80 else 256


def resident_cells(architecture: str, registers: int, threads: int, n_shared: int) -> int:
    """Cells, one block of threads each, that fit into one multiprocessor.

    Args:
        architecture: "sm_80", ...
        registers: of a thread.
        threads: of a block.
        n_shared: bytes of shared memory of a block.
    """
    all_shared, all_warps, blocks, reserved = limits_of(architecture)
    warps = -(-threads // 32)
    per_warp = -(-registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
    unit = shared_unit(architecture)
    shared = -(-(n_shared + reserved) // unit) * unit
    return min(
        blocks,
        all_warps // warps,
        REGISTERS // SCHEDULERS // per_warp * SCHEDULERS // warps,
        all_shared // shared if shared else blocks,
    )


def shared_of(architecture: str, n_cell: int) -> int:
    """The most shared memory [bytes] of a block with which n such blocks fit beside each other."""
    all_shared, _, _, reserved = limits_of(architecture)
    unit = shared_unit(architecture)
    return all_shared // n_cell // unit * unit - reserved
