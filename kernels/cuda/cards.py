"""What is known of NVIDIA's cards: the constants of the performance model, each with its source.

"whitepaper" is NVIDIA's architecture paper of the card, "guide" the CUDA C++ Programming Guide,
"microbenchmark" a published measurement, "assumed" what none of them says.
"""

from __future__ import annotations

from dataclasses import dataclass

WARP = 32

#: Where each constant of a card comes from.
SOURCES = {
    "n_sm": "whitepaper (H100 SXM5; A100 SXM4 80 GB): multiprocessors",
    "clock": "gpu boost clock: whitepaper (A100 1.41 GHz), H100 SXM assumed 1.7 GHz under load",
    "f64_lanes": "guide, arithmetic instructions: float64 results a clock and multiprocessor",
    "f32_lanes": "guide, arithmetic instructions: float32 results a clock and multiprocessor",
    "schedulers": "guide, compute capability: warp schedulers, each issues one instruction a clock",
    "shared_width": "guide: 32 banks of 4 bytes a clock",
    "max_shared": "guide, technical specifications: shared memory of a block, opted in [bytes]",
    "l2_size": "whitepaper [bytes]",
    "l2_bandwidth": "assumed [bytes/s]; microbenchmarks of H100 PCIe read 5.5 to 5.7e12",
    "memory_bandwidth": "whitepaper, times 0.88: share that copies reach (assumed) [bytes/s]",
    "launch": "assumed: one launch after another in a stream [s]; published: 2.7e-6 to 6.4e-6",
    "f64": "microbenchmark of V100 (arXiv:1804.06826): dependent DFMA, 8 cycles; assumed to hold",
    "alu": "microbenchmark of V100 and A100 (arXiv:1804.06826, arXiv:2208.11174), 4 cycles",
    "special": "assumed: MUFU.RCP64H, before the Newton steps that are counted",
    "shared": "microbenchmark (arXiv:2402.13499): A100 and H100 29 cycles",
    "l1": "microbenchmark (arXiv:2402.13499): A100 38, H100 41 cycles",
    "l2": "microbenchmark (arXiv:2402.13499): A100 262, H100 263 cycles",
    "memory": "microbenchmark (arXiv:2402.13499): A100 466, H100 479 cycles",
    "barrier": "assumed: __syncthreads, all warps being there",
    "warp_barrier": "assumed: __syncwarp",
    "atomic": "assumed: an atomic addition is answered by L2, as long as a load from there",
}


@dataclass(frozen=True)
class Latency:
    """Cycles until a result can be used."""

    f64: int
    alu: int
    special: int
    shared: int
    l1: int
    l2: int
    memory: int
    barrier: int
    warp_barrier: int
    atomic: int


@dataclass(frozen=True)
class Card:
    """Constants of a card; rates are per clock and multiprocessor."""

    name: str
    architecture: str
    n_sm: int
    clock: float  # [Hz]
    f64_lanes: int
    f32_lanes: int
    max_shared: int  # [bytes] of a block
    l2_size: int  # [bytes]
    l2_bandwidth: float  # [bytes/s]
    memory_bandwidth: float  # [bytes/s]
    latency: Latency
    launch: float = 4e-6  # [s]
    schedulers: int = 4
    shared_width: int = 128  # [bytes]


_A100 = Latency(8, 4, 23, 29, 38, 262, 466, 30, 10, 262)
_H100 = Latency(8, 4, 23, 29, 41, 263, 479, 30, 10, 263)

CARDS = {
    "h100": Card(
        "H100 SXM", "sm_90", 132, 1.7e9, 64, 128, 232_448, 50 << 20, 5.5e12, 0.88 * 3.35e12, _H100
    ),
    "a100": Card(
        "A100 80 GB", "sm_80", 108, 1.41e9, 32, 64, 166_912, 40 << 20, 4.0e12, 0.88 * 2.04e12, _A100
    ),
}  # fmt: skip

#: Lanes for float64 and float32 by compute capability; others have 2 and 128.
_LANES = {
    "sm_70": (32, 64), "sm_75": (2, 64), "sm_80": (32, 64), "sm_90": (64, 128), "sm_100": (64, 128),
}  # fmt: skip


def card_of(architecture: str, n_sm: int, clock: float, max_shared: int, l2_size: int) -> Card:
    """A card by what its driver says; what the driver does not say is that of the nearest card.

    Args:
        architecture: "sm_80", ...
        n_sm: multiprocessors.
        clock: [Hz]
        max_shared: bytes of shared memory that a block may have.
        l2_size: [bytes]
    """
    like = CARDS["h100" if int(architecture[3:]) >= 90 else "a100"]
    f64, f32 = _LANES.get(architecture, (2, 128))
    share = n_sm / like.n_sm
    return Card(
        architecture,
        architecture,
        n_sm,
        clock,
        f64,
        f32,
        max_shared,
        l2_size,
        like.l2_bandwidth * share * clock / like.clock,
        like.memory_bandwidth * share,
        like.latency,
    )
