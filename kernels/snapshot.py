"""The whole state of an engine as flat arrays in the order of its block.

Names and lengths; a cell's part of each array is contiguous, as cells are in the block:

- "v", "ION.field": (n_node,) f8 [mV, mM, mA/cm2];
- "MECHANISM.variable": (n_instance,) f8, what may have changed since initialisation;
- "above": (n_source,) u1, whether a detector's node is above its threshold;
- "arguments": (n_argument,) f8, the arguments of NET_RECEIVE that every connection keeps;
- "self.time", "self.flag", "self.mechanism", "self.instance", "self.connection": self-events that
  are pending, those of an instance in the order in which they were sent; connection -1: sent by
  INITIAL.

Engines may keep different variables; what one does not know it leaves as initialisation made it.
"""

from __future__ import annotations

import numpy as np

from kernels.block import Block
from kernels.mechanism import Mechanism
from kernels.pointers import pointed_variables

SELF = ("self.time", "self.flag", "self.mechanism", "self.instance", "self.connection")


def argument_ptr(block: Block) -> np.ndarray:
    """(n_connection + 1,) i8: where the kept arguments of each connection begin."""
    size = np.ones(len(block.mechanisms), np.int64)
    for k, group in enumerate(block.mechanisms):
        if group.mechanism.receive is not None:
            size[k] = max(1, len(group.mechanism.receive.args))
    count = size[block.connection_target[:, 0]] if len(block.weight) else size[:0]
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)


def changing(block: Block, mechanism: Mechanism) -> frozenset[str]:
    """Variables that some kernel sets, its own or one of those that point to them."""
    stored = (name for kernel in mechanism.kernels().values() for name in kernel.stores)
    return frozenset(stored) | pointed_variables(block, mechanism)


def no_self_events() -> dict[str, np.ndarray]:
    """The arrays of no pending self-event."""
    types = (np.float64, np.float64, np.int32, np.int32, np.int32)
    return {name: np.zeros(0, dtype) for name, dtype in zip(SELF, types, strict=True)}
