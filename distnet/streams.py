"""Identities of random streams that do not depend on ranks.

A stream whose user sets no identity gets its own: the gid of its cell, a number made from the names
of mechanism and stream, and which instance of the mechanism in the cell it is. Adding another
mechanism or moving cells between ranks changes no stream; `Settings.seed` changes all.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

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
        for name, default in zip(names, (gid, code, order), strict=True):
            values[name] = np.where(own, default, values.get(name, 0.0)).astype(np.float64)
