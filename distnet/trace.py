"""What every rank did in every epoch of a run: to replay it on a network of another speed.

An epoch of a rank is what it computes, posting and unpacking of messages included, and what it
waits for others (`distnet.exchange.waiting`). Beside them stand the bytes that it has sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distnet.errors import InputError
from distnet.exchange import Exchange


@dataclass(frozen=True)
class Trace:
    """All ranks of a run."""

    busy: np.ndarray  # (n_ranks, n_epochs) f8 [s]
    waited: np.ndarray  # (n_ranks, n_epochs) f8 [s]
    n_bytes: np.ndarray  # (n_ranks, n_epochs) i8, sent
    hears: np.ndarray  # (n_ranks, n_ranks) bool: the first hears the second
    depth: int  # exchanges in flight
    n_nodes: int
    transport: str

    @property
    def seconds(self) -> float:
        """Wall time of the loop, on the slowest rank."""
        return float((self.busy + self.waited).sum(axis=1).max())


class Tracer:
    """Notes the epochs of one rank."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._rows: list[tuple[float, float, int]] = []
        self.begin()

    def begin(self) -> None:
        """An epoch begins here."""
        self._then, self._waited, self._sent = self._now()

    def _now(self) -> tuple[float, float, int]:
        traffic = getattr(self._exchange, "traffic", None)
        waited = getattr(self._exchange, "waited", 0.0)
        return time.perf_counter(), waited, traffic.n_bytes if traffic is not None else 0

    def note(self) -> None:
        """An epoch ends here, and the next begins."""
        now, waited, sent = self._now()
        away = waited - self._waited
        self._rows.append((now - self._then - away, away, sent - self._sent))
        self._then, self._waited, self._sent = now, waited, sent

    def gather(self, heard: np.ndarray, depth: int) -> Trace | None:
        """The trace of all ranks, on rank 0.

        Args:
            heard: ranks that this one hears.
            depth: exchanges in flight.
        """
        every = self._exchange.gather((self._rows, heard))
        if every is None:
            return None
        rows = np.array([rows for rows, _ in every], np.float64).reshape(len(every), -1, 3)
        hears = np.zeros((len(every), len(every)), bool)
        for rank, (_, of) in enumerate(every):
            hears[rank, of] = True
        np.fill_diagonal(hears, False)
        node = getattr(self._exchange, "node", None)
        return Trace(
            rows[:, :, 0],
            rows[:, :, 1],
            rows[:, :, 2].astype(np.int64),
            hears,
            depth,
            node.n_nodes if node is not None else 1,
            getattr(self._exchange, "name", "local"),
        )


def write_trace(path: Path, trace: Trace) -> None:
    """Keep a trace."""
    np.savez_compressed(path, **vars(trace))


def read_trace(path: Path) -> Trace:
    """What `write_trace` kept.

    Raises:
        InputError: it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in Trace.__dataclass_fields__}
    except (OSError, ValueError, KeyError, EOFError) as problem:
        raise InputError(path, f"holds no trace of a run ({problem})") from None
    for name, kind in (("depth", int), ("n_nodes", int), ("transport", str)):
        found[name] = kind(found[name])
    return Trace(**found)
