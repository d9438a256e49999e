"""Values that are the same in all instances of a mechanism and never change.

Every instance has them in its slots, as all values; kernels read them from one place instead, which
stays in the nearest cache, so that a step moves less.
"""

from __future__ import annotations

import numpy as np

from kernels.block import Block
from kernels.preparation import Prepared, slot_value
from kernels.snapshot import changing


def common_values(block: Block, prepared: Prepared, k: int) -> dict[str, float]:
    """Names and values of mechanism k of a block."""
    group, mechanism, storage = block.mechanisms[k], prepared.mechanisms[k], prepared.storages[k]
    other = changing(block, group.mechanism) | changing(block, mechanism)
    other |= {*storage.gathered, *storage.times, *mechanism.memory}
    found = {}
    for name in storage.slots:
        if name.startswith("_") or name in other or not group.n:
            continue
        values = np.array(slot_value(block, group, storage, name, prepared))
        bits = values.view(np.int64)
        if (bits == bits[0]).all():
            found[name] = float(values[0])
    return found
