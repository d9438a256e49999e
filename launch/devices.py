"""Which GPU a rank takes: by UUID, among the ranks of its node, before anything is allocated.

What a rank sees differs between launchers. `srun --gpus-per-task=1` shows each task one device,
`srun --gpus-per-node=2` and mpirun show every task all of them; under mpirun inside an allocation
SLURM_LOCALID is 0 on every rank. So nothing is taken from the environment but what is visible: the
ranks of a node (MPI_Comm_split_type, shared memory) tell each other which devices they see, and all
come to the same answer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from launch.errors import LaunchError
from launch.nvidia import Node, find_devices
from launch.ranks import Ranks


@dataclass(frozen=True)
class Choice:
    """The device of a rank."""

    uuid: str
    n_sharing: int  # ranks on it, this one included


def visible(uuids: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The devices of a node that CUDA_VISIBLE_DEVICES shows to a process.

    Args:
        uuids: of all devices, in PCI order.
        environment: of the process.

    Returns:
        UUIDs in the order in which CUDA numbers them. As in CUDA, the first entry that names no
        device ends the list, and a UUID may be shortened.

    >>> visible(["GPU-a", "GPU-b"], {"CUDA_VISIBLE_DEVICES": "1,0,7,0"})
    ('GPU-b', 'GPU-a')
    """
    if "CUDA_VISIBLE_DEVICES" not in environment:
        return tuple(uuids)
    found: list[str] = []
    for entry in environment["CUDA_VISIBLE_DEVICES"].split(","):
        name = entry.strip()
        if name.isdigit() and int(name) < len(uuids):
            found.append(uuids[int(name)])
        elif name.startswith("MIG-"):
            found.append(name)
        elif name.startswith("GPU-") and any(uuid.startswith(name) for uuid in uuids):
            found.append(next(uuid for uuid in uuids if uuid.startswith(name)))
        else:
            break
    return tuple(found)


def devices_of(node: Node, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What a process may take, by UUID: devices, and the parts of divided ones (MIG).

    Where the environment says nothing, the best of a node come first: those with fast float64, then
    those with more memory. So a workstation's card for the display is the last.
    """
    devices = {device.uuid: device for device in node.devices}
    shown = visible(list(devices), environment)
    if "CUDA_VISIBLE_DEVICES" not in environment:
        worth = {u: (d.has_fast_float64, d.memory >> 30) for u, d in devices.items()}
        shown = tuple(sorted(shown, key=worth.__getitem__, reverse=True))
    parts = [(devices[u].instances if u in devices else ()) or (u,) for u in shown]
    return tuple(uuid for part in parts for uuid in part)


def choose(local: int, seen: Sequence[Sequence[str]]) -> Choice | None:
    """The device of one rank of a node.

    Ranks that see the same devices take them in turn, in the order in which they see them, or by
    UUID where that differs between them.

    Args:
        local: which rank of the node.
        seen: the UUIDs that each rank of the node sees.

    Returns:
        None where this rank sees no device.
    """
    taken = [_take(rank, seen) for rank in range(len(seen))]
    mine = taken[local]
    return None if mine is None else Choice(mine, Counter(taken)[mine])


def _take(local: int, seen: Sequence[Sequence[str]]) -> str | None:
    mine = seen[local]
    if not mine:
        return None
    alike = [rank for rank, other in enumerate(seen) if set(other) == set(mine)]
    agreed = all(tuple(seen[rank]) == tuple(mine) for rank in alike)
    order = mine if agreed else sorted(mine)
    return order[alike.index(local) % len(mine)]


def advice(choices: Sequence[Choice | None], environment: Mapping[str, str]) -> str:
    """A sentence where ranks share a device; empty where none does."""
    shared = Counter(c.uuid for c in choices if c is not None and c.n_sharing > 1)
    if not shared:
        return ""
    n = max(shared.values())
    served = "CUDA_MPS_PIPE_DIRECTORY" in environment
    hint = "" if served else ", or start NVIDIA's MPS so that they do not take turns"
    return (
        f"{n} ranks share one GPU; start one rank for each GPU "
        f"(srun --ntasks-per-node=G --gpus-per-node=G){hint}"
    )


def bind(ranks: Ranks) -> tuple[Choice | None, str]:
    """Give this rank its device: from here on CUDA sees no other.

    Returns:
        The device, None where the node has none; and advice on sharing, the same on all ranks of
        the node.

    Raises:
        LaunchError: a rank of the node sees a device and another none.
    """
    mine = devices_of(find_devices(), os.environ)
    local, seen = ranks.on_node(mine)
    if any(seen) and not all(seen):
        blind = [r for r, one in enumerate(seen) if not one]
        raise LaunchError(
            f"rank {blind[0]} of {len(seen)} on this node sees no GPU but others do; "
            "give each task one (srun --gpus-per-task=1) or all (--gpus-per-node)"
        )
    choices = [choose(r, seen) for r in range(len(seen))]
    choice = choices[local]
    if choice is not None:
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        os.environ["CUDA_VISIBLE_DEVICES"] = choice.uuid
    return choice, advice(choices, os.environ)
