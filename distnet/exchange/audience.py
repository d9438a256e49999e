"""Who listens to the cells of a rank: every rank tells the owners of the gids that it hears.

Only lists of gids travel, from listener to owner; no rank sees the connections of others. The
number of lists is agreed by one all-to-all of counts at set-up, the lists go point to point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from distnet.exchange.base import Links
from distnet.exchange.waiting import Waiting

TAG = 7


@dataclass(frozen=True)
class Audience:
    """The ranks that listen to each gid of this rank, and the ranks that this one listens to."""

    own: np.ndarray  # (n,) i8 ascending gids
    ptr: np.ndarray  # (n + 1,) i8, listeners of each
    rank: np.ndarray  # (ptr[-1],) i4, ascending within a gid
    sources: np.ndarray  # (k,) i4 ascending, ranks that this one listens to

    @property
    def targets(self) -> np.ndarray:
        """(j,) i4 ascending, ranks that listen to any gid of this one."""
        return np.unique(self.rank)

    def address(self, spikes: np.ndarray) -> dict[int, np.ndarray]:
        """The spikes for each rank that listens to their gids."""
        row = np.searchsorted(self.own, spikes["gid"])
        count = self.ptr[row + 1] - self.ptr[row]
        of = np.repeat(np.arange(len(spikes)), count)
        k = self.ptr[row][of] + np.arange(len(of)) - (np.cumsum(count) - count)[of]
        rank = self.rank[k]
        order = np.argsort(rank, kind="stable")
        found, first = np.unique(rank[order], return_index=True)
        parts = np.split(spikes[of[order]], first[1:])
        return dict(zip(found.tolist(), parts, strict=False))


def find_audience(mpi: Any, communicator: Any, links: Links, waiting: Waiting) -> Audience:
    """Tell the owners, and be told."""
    size = communicator.Get_size()
    order = np.argsort(links.owner, kind="stable")
    owners, first = np.unique(links.owner[order], return_index=True)
    lists = np.split(links.heard[order].astype(np.int64), first[1:])
    asked = np.zeros(size, np.int32)
    asked[owners] = [len(one) for one in lists[: len(owners)]]
    asking = np.zeros(size, np.int32)
    communicator.Alltoall(asked, asking)
    told = {int(r): np.zeros(asking[r], np.int64) for r in np.flatnonzero(asking)}
    requests = [communicator.Irecv(gids, source, TAG) for source, gids in told.items()]
    for owner, gids in zip(owners.tolist(), lists, strict=False):
        requests.append(communicator.Isend(gids, owner, TAG))
    waiting.wait(lambda: mpi.Request.Testall(requests), "the ranks that listen to this one")
    return collect(links.own, told, owners)


def collect(own: np.ndarray, told: dict[int, np.ndarray], sources: np.ndarray) -> Audience:
    """The audience from what each listener told, by rank."""
    gids = np.concatenate([np.zeros(0, np.int64), *told.values()])
    ranks = np.repeat(np.array([*told], np.int32), [len(one) for one in told.values()])
    known = np.isin(gids, own)  # a gid without a detector never spikes
    row, rank = np.searchsorted(own, gids[known]), ranks[known]
    order = np.lexsort((rank, row))
    ptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(own)))]).astype(np.int64)
    return Audience(own, ptr, rank[order], np.asarray(sources, np.int32))
