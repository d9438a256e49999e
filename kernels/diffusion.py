"""LONGITUDINAL_DIFFUSION: what is done of it.

A state diffuses between compartments that meet and have the mechanism. Where there are none, as in
a cell of one compartment, nothing moves and the mechanism is exact; elsewhere it is refused.
"""

from __future__ import annotations

import numpy as np

from kernels.block import Block
from kernels.errors import KernelsError


def refuse_diffusion(block: Block) -> None:
    """Make sure that no state would diffuse.

    Raises:
        KernelsError: two compartments that meet have a mechanism whose states diffuse.
    """
    for group in block.mechanisms:
        if not group.mechanism.diffusing:
            continue
        have = np.zeros(block.n_node, bool)
        have[group.node] = True
        meeting: set[int] = set()
        for node in np.flatnonzero(have):
            above = _above(block, int(node))
            if above >= 0 and (have[above] or above in meeting):
                states = ", ".join(group.mechanism.diffusing)
                raise KernelsError(
                    f"mechanism {group.mechanism.name}: LONGITUDINAL_DIFFUSION of {states} between "
                    "compartments is not supported; it can be used where no two compartments that "
                    "meet have the mechanism"
                )
            meeting.add(above)


def _above(block: Block, node: int) -> int:
    """The compartment that a node hangs on, or the point without area at the root; else -1."""
    above = int(block.parent[node])
    while above >= 0 and block.area[above] == 0.0 and block.parent[above] >= 0:
        above = int(block.parent[above])
    return above
