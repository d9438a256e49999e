"""Which group has what of a block: found once, for all groups together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.block import Block
from kernels.cpu.layout import Group


@dataclass(frozen=True)
class Parts:
    """Things of the block, divided among the groups."""

    group: np.ndarray  # (n,) i8, the group that has each of them
    position: np.ndarray  # (n,) i8, its number within the group
    order: np.ndarray  # (n,) i8, group after group
    ptr: np.ndarray  # (n_group + 1,) i8, where each group begins in `order`

    def of(self, group: int) -> np.ndarray:
        """(k,) i8: those of one group, in its order."""
        return self.order[self.ptr[group] : self.ptr[group + 1]]


@dataclass(frozen=True)
class Placement:
    """Nodes, instances and connections of a block by group."""

    group_of_node: np.ndarray  # (n_node + 1,) i8; the last stands for node -1, of no group
    place_of_node: np.ndarray  # (n_node + 1,) i8, place in the group's arrays
    instances: tuple[Parts, ...]  # of each mechanism
    sources: tuple[np.ndarray, ...]  # per mechanism (n,) i4: source that an instance is, or -1
    connections: Parts


def place_block(block: Block, groups: Sequence[Group]) -> Placement:
    """Divide a block among groups of cells.

    Instances lie by place, so that tiles lie along the lanes; several on one node keep their order.
    """
    group_of_cell = np.zeros(block.n_cell, np.int64)
    group_of_node = np.full(block.n_node + 1, -1, np.int64)
    place_of_node = np.zeros(block.n_node + 1, np.int64)
    for k, group in enumerate(groups):
        group_of_cell[group.cells] = k
        group_of_node[group.node] = k
        place_of_node[group.node] = group.place
    n = len(groups)
    instances = tuple(
        _divide(group_of_cell[one.cell], place_of_node[one.node], n) for one in block.mechanisms
    )
    target = block.connection_target
    owner = np.zeros(len(target), np.int64)
    sources = tuple(np.full(one.n, -1, np.int32) for one in block.mechanisms)
    for m, parts in enumerate(instances):
        mine = target[:, 0] == m
        owner[mine] = parts.group[target[mine, 1]]
        is_source = block.source_instance[:, 0] == m
        sources[m][block.source_instance[is_source, 1]] = np.flatnonzero(is_source)
    connections = _divide(owner, np.zeros(len(owner), np.int64), n)
    return Placement(group_of_node, place_of_node, instances, sources, connections)


def _divide(owner: np.ndarray, key: np.ndarray, n_group: int) -> Parts:
    """Parts by owner, each in order of key, equal keys in the order they had."""
    order = np.lexsort((key, owner))
    ptr = np.searchsorted(owner[order], np.arange(n_group + 1))
    position = np.zeros(len(owner), np.int64)
    position[order] = np.arange(len(owner)) - ptr[owner[order]]
    return Parts(owner, position, order, ptr)
