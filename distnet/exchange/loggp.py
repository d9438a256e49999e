"""Four numbers of a network, and what an exchange costs by them.

A. Alexandrov, M. F. Ionescu, K. E. Schauser, C. Scheiman, LogGP: incorporating long messages into
the LogP model, SPAA 1995, 95-105. They are measured between ranks 0 and 1 of a job, the shortest of
many times each: a message there and back, the call that sends one, many in a row, a long one.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from distnet.errors import InputError
from distnet.exchange.choice import BANDWIDTH, LATENCY, OVERHEAD

SHORT, LONG = 256, 1 << 18  # bytes of a message
REPEATS, ROW = 300, 64  # measurements of each; messages in a row


@dataclass(frozen=True)
class LogGP:
    """A network; without measurement a typical cluster's."""

    latency: float = LATENCY  # [s], L: on the wire
    overhead: float = OVERHEAD  # [s], o: of a core at each end of a message
    gap: float = OVERHEAD  # [s], g: between messages of a rank
    byte: float = 1.0 / BANDWIDTH  # [s], G: of each byte of a long message

    def message(self, n_bytes: float) -> float:
        """One message from the call to its arrival [s]."""
        return self.latency + 2.0 * self.overhead + self.byte * n_bytes


def measure(communicator: Any) -> LogGP:
    """Measure between ranks 0 and 1; the same answer on all ranks.

    Raises:
        InputError: there is one rank only.
    """
    if communicator.Get_size() < 2:
        raise InputError("network", "2 ranks are needed to measure it: mpirun -n 2 ...")
    found = None
    if communicator.Get_rank() < 2:
        there_and_back = _there_and_back(communicator, SHORT)
        long = _there_and_back(communicator, LONG)
        call, row = _row(communicator)
        byte = max(long - there_and_back, 0.0) / (LONG - SHORT)
        latency = max(there_and_back - 2.0 * call - byte * SHORT, 0.0)
        found = LogGP(latency, call, max(row, call), byte)
    return communicator.bcast(found)


def _there_and_back(communicator: Any, n_bytes: int) -> float:
    """Half of the shortest time of a message there and back [s]."""
    rank, buffer = communicator.Get_rank(), np.zeros(n_bytes, np.uint8)
    best = math.inf
    for _ in range(REPEATS):
        begin = time.perf_counter()
        if rank == 0:
            communicator.Send(buffer, 1)
            communicator.Recv(buffer, 1)
        else:
            communicator.Recv(buffer, 0)
            communicator.Send(buffer, 0)
        best = min(best, time.perf_counter() - begin)
    return best / 2.0


def _row(communicator: Any) -> tuple[float, float]:
    """Shortest time of a call that sends [s], and of one of many messages in a row [s]."""
    rank = communicator.Get_rank()
    buffers = [np.zeros(SHORT, np.uint8) for _ in range(ROW)]
    call = row = math.inf
    for _ in range(REPEATS // 10):
        begin = time.perf_counter()
        requests = []
        for buffer in buffers:
            before = time.perf_counter()
            start = communicator.Isend if rank == 0 else communicator.Irecv
            requests.append(start(buffer, 1 - rank))
            call = min(call, time.perf_counter() - before)
        for request in requests:
            request.Wait()
        if rank == 0:
            communicator.Recv(buffers[0], 1)
        else:
            communicator.Send(buffers[0], 0)
        row = min(row, (time.perf_counter() - begin) / ROW)
    return call, row


def store(path: Path, network: LogGP) -> None:
    """Keep a measurement as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(network), indent=1) + "\n", "utf-8")


def load(path: Path) -> LogGP:
    """What `store` kept; a typical cluster where there is no such file.

    Raises:
        InputError: the file holds something else.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return LogGP()
    except (OSError, ValueError) as problem:
        raise InputError(path, f"holds no numbers of a network ({problem}); remove it") from None
    names = {field.name for field in fields(LogGP)}
    if not (isinstance(content, dict) and set(content) == names):
        raise InputError(path, f"holds no {', '.join(sorted(names))}; remove it")
    return LogGP(**{name: float(value) for name, value in content.items()})
