"""What a simulation asks of an exchange, and the records that travel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

#: A spike: source gid, step at which it was found, exact time [ms]. Threshold crossings happen at a
#: step; a spike of an artificial cell has step -1 and counts by its time alone.
SPIKE = np.dtype([("gid", "<i4"), ("step", "<i4"), ("time", "<f8")])

#: The head of every message, as large as a spike: number of spikes, and a `Notice`.
HEADER = np.dtype([("count", "<i4"), ("kind", "<i4"), ("epoch", "<i8")])

NO_SPIKES = np.zeros(0, SPIKE)

#: Spikes that a slot holds before it has grown.
FIRST_SLOT = 15


class Notice(NamedTuple):
    """What some rank wants all ranks to do at the end of an epoch; kind 0: nothing."""

    kind: int = 0
    epoch: int = 0


NO_NOTICE = Notice()


def strongest(notices: list[Notice]) -> Notice:
    """The notice of the last epoch among those that want something; of equals the largest kind."""
    wanted = [notice for notice in notices if notice.kind]
    return max(wanted, key=lambda one: (one.epoch, one.kind), default=NO_NOTICE)


@dataclass(frozen=True)
class Links:
    """Whom a rank listens to, and how much it has to say."""

    own: np.ndarray  # (n,) i8 ascending, gids of this rank that may spike
    heard: np.ndarray  # (k,) i8 ascending, gids that this rank's connections come from
    owner: np.ndarray  # (k,) i4, the rank of each of them
    depth: int = 1  # exchanges in flight at a time
    expected: float = 0.0  # spikes of this rank in an epoch, about


#: Nobody spikes, nobody listens.
NO_LINKS = Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32))


@dataclass
class Traffic:
    """What a rank has sent so far."""

    messages: int = 0
    n_bytes: int = 0
    overflows: int = 0  # epochs in which a slot was too small
    detail: dict[str, Any] = field(default_factory=dict)


class Transport(Protocol):
    """One way for spikes to travel; all ranks call the same methods in the same order."""

    reach: int  # exchanges after which a notice is known to all ranks
    traffic: Traffic

    def start(self, spikes: np.ndarray, notice: Notice) -> None:
        """Post the exchange of an epoch; at most `Links.depth` are in flight."""

    def finish(self) -> tuple[np.ndarray, Notice]:
        """Spikes and the strongest notice of the oldest exchange in flight."""

    def close(self) -> None:
        """Free what MPI holds."""


class Exchange(Protocol):
    """The ranks of a simulation; all call the same methods in the same order."""

    rank: int
    size: int
    reach: int

    def connect(self, links: Links) -> None:
        """Told once, before the first exchange, who listens to whom."""

    def start(self, spikes: np.ndarray, notice: Notice = NO_NOTICE) -> None:
        """Send this rank's spikes (SPIKE) of an epoch; may return before they arrive."""

    def finish(self) -> tuple[np.ndarray, Notice]:
        """The oldest exchange in flight: spikes that this rank listens to, of all ranks, this
        one's included (others may be among them), and a notice.
        """

    def minimum(self, value: float) -> float:
        """The smallest value of all ranks."""

    def gather(self, value: Any) -> list[Any] | None:
        """Values of all ranks on rank 0, in order of rank; None elsewhere."""

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, everywhere."""
