"""Spike exchange between ranks: one interface, one transport a file."""

from distnet.exchange.base import NO_SPIKES, SPIKE, Exchange
from distnet.exchange.local import LocalExchange

__all__ = ["NO_SPIKES", "SPIKE", "Exchange", "LocalExchange", "make_exchange"]


def make_exchange(communicator: object | None = None) -> Exchange:
    """The exchange over an mpi4py communicator; without one, or with one rank, a local one."""
    if communicator is None or communicator.Get_size() == 1:  # type: ignore[attr-defined]
        return LocalExchange()
    from distnet.exchange.allgather import AllgatherExchange

    return AllgatherExchange(communicator)
