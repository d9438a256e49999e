"""Which ranks share a machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

#: Ranks that are taken for one machine, instead of those that share memory: to try several.
NODE_SIZE = "DISTNET_NODE_SIZE"


@dataclass(frozen=True)
class Node:
    """The machine of this rank."""

    communicator: Any  # of its ranks
    n_nodes: int
    largest: int  # ranks of the machine that has most

    @property
    def crowded(self) -> bool:
        """Whether it has more ranks than this process may use cores."""
        return self.communicator.Get_size() > len(os.sched_getaffinity(0))


def find_node(mpi: Any, communicator: Any) -> Node:
    """Split a communicator by shared memory."""
    size = os.environ.get(NODE_SIZE, "")
    rank = communicator.Get_rank()
    if size.isdigit() and int(size) > 0:
        node = communicator.Split(rank // int(size), rank)
    else:
        node = communicator.Split_type(mpi.COMM_TYPE_SHARED, rank)
    n_nodes = communicator.allreduce(int(node.Get_rank() == 0))
    largest = communicator.allreduce(node.Get_size(), op=mpi.MAX)
    return Node(node, n_nodes, largest)
