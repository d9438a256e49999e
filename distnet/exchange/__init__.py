"""Spike exchange between ranks: one interface, one transport a file."""

from distnet.exchange.base import (
    NO_LINKS,
    NO_NOTICE,
    NO_SPIKES,
    SPIKE,
    Exchange,
    Links,
    Notice,
)
from distnet.exchange.choice import COSTS
from distnet.exchange.local import LocalExchange

#: Names that `make_exchange` takes.
NAMES = ("auto", *COSTS)

__all__ = [
    "NAMES",
    "NO_LINKS",
    "NO_NOTICE",
    "NO_SPIKES",
    "SPIKE",
    "Exchange",
    "Links",
    "LocalExchange",
    "Notice",
    "make_exchange",
]


def make_exchange(
    communicator: object | None = None, transport: str = "auto", limit: float | None = None
) -> Exchange:
    """The exchange over an mpi4py communicator; without one, or with one rank, a local one.

    Args:
        communicator: of mpi4py.
        transport: a name of `NAMES`.
        limit: how long a rank waits for others before it aborts the job [s]; by default that of
            DISTNET_WATCHDOG, or 600.
    """
    if communicator is None or communicator.Get_size() == 1:  # type: ignore[attr-defined]
        return LocalExchange()
    from distnet.exchange.mpi import MpiExchange

    return MpiExchange(communicator, transport, limit)
