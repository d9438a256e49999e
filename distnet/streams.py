"""Identities of random streams that do not depend on ranks.

A stream whose user sets no identity gets its own: the gid of its cell, a number made from the names
of mechanism and stream, and which instance of the mechanism in the cell it is. Adding another
mechanism or moving cells between ranks changes no stream; `Settings.seed` changes all.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.mechanism import Mechanism

PARTS = ("id1", "id2", "id3")
KEY = "random__key"


def identify_streams(
    mechanism: Mechanism,
    gid: np.ndarray,
    given: Sequence[tuple[slice, frozenset[str]]],
    values: dict[str, np.ndarray],
    seed: int,
) -> None:
    """Give every random stream of a mechanism's instances its identity.

    Args:
        mechanism: may have no streams at all.
        gid: (n,) i8 of each instance, ascending.
        given: which instances were described together, and which variables the user set of them.
        values: variable -> (n,) f8; identities that are missing are added.
        seed: NEURON's global index.
    """
    if not mechanism.streams:
        return
    n = len(gid)
    values.setdefault(KEY, np.full(n, float(seed)))
    order = np.arange(n) - np.searchsorted(gid, gid)
    for stream in mechanism.streams:
        names = [f"{stream}__{part}" for part in PARTS]
        own = np.ones(n, bool)
        for here, known in given:
            own[here] = not known.intersection(names)
        code = zlib.crc32(f"{mechanism.name}.{stream}".encode())
        defaults: tuple[np.ndarray, ...] = (gid, np.full(n, code), order)
        for name, default in zip(names, defaults, strict=True):
            values[name] = np.where(own, default, values.get(name, 0.0)).astype(np.float64)


def identify_placed(
    mechanism: Mechanism,
    placed: Sequence[tuple[int, int, int, Any]],
    size: Sequence[int],
    values: dict[str, np.ndarray],
    seed: int,
) -> None:
    """`identify_streams` of what lowering has placed.

    Args:
        mechanism: may have no streams at all.
        placed: (cell, gid, index, what is there with its `parameters`), in order of instances.
        size: instances of each.
        values: variable -> (n,) f8; identities that are missing are added.
        seed: NEURON's global index.
    """
    if mechanism.streams:
        ends = np.cumsum(size).tolist()
        given = [
            (slice(end - n, end), frozenset(one[3].parameters))
            for one, end, n in zip(placed, ends, size, strict=True)
        ]
        gid = np.repeat([one[1] for one in placed], size).astype(np.int64)
        identify_streams(mechanism, gid, given, values, seed)
