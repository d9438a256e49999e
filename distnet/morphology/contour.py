"""A soma drawn as an outline becomes a stack of truncated cones along its long axis.

The rule is that of NEURON's Import3d: 101 points evenly along the outline, the principal axis of
their second moments, and at 21 places along it the width of the outline across.
"""

from __future__ import annotations

import numpy as np

from distnet.errors import InputError

_N_AROUND = 101  # points along the outline
_N_ALONG = 20  # cones


def stack_frusta(outline: np.ndarray, where: str) -> np.ndarray:
    """Turn an outline into points with diameters.

    Args:
        outline: (n, 3) f8 [um], in order around the soma, not closed.
        where: for messages.

    Returns:
        (21, 4) f8 [um]: x, y, z, diam.

    Raises:
        InputError: the outline has no width.
    """
    around = _spread_evenly(outline)
    mean = around.mean(axis=0)
    centred = around - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    major = axes[:, 2]
    if major[np.argmax(np.abs(major))] < 0.0:
        major = -major
    minor = axes[:, 1] * (1.0, 1.0, 0.0)
    size = np.linalg.norm(minor)
    if size < 1e-6:
        raise InputError(where, "the outline of the soma has no width in the xy plane")
    (d1, r1), (d2, r2) = _two_sides(centred @ major, centred @ (minor / size))
    ends = np.sort(np.concatenate([d1, d2]))
    first, last = ends[1], ends[-2]
    along = np.arange(_N_ALONG + 1) * ((last - first) / _N_ALONG) + first
    diam = np.abs(np.interp(along, d1, r1) - np.interp(along, d2, r2))
    diam[0] = (diam[0] + diam[1]) / 2  # no point at either end
    diam[-1] = (diam[-1] + diam[-2]) / 2
    return np.column_stack([along[:, None] * major + mean, diam])


def centre(outline: np.ndarray) -> np.ndarray:
    """(3,) f8 [um], centre of an outline."""
    return _spread_evenly(outline).mean(axis=0)


def _spread_evenly(outline: np.ndarray) -> np.ndarray:
    """Points evenly spaced by path length in the xy plane, from the first point to the last."""
    step = np.linalg.norm(np.diff(outline[:, :2], axis=0), axis=1)
    path = np.concatenate([[0.0], np.cumsum(step)])
    at = np.arange(_N_AROUND) * (path[-1] / (_N_AROUND - 1))
    return np.column_stack([np.interp(at, path, column) for column in outline.T])


def _two_sides(
    along: np.ndarray, across: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Split the outline at its two ends; each side runs upwards along the axis."""
    top = int(np.argmax(along))
    along, across = np.roll(along, -top), np.roll(across, -top)
    bottom = int(np.argmin(along))
    one = _rising(along[:bottom][::-1], across[:bottom][::-1])
    other = _rising(along[bottom:], across[bottom:])
    return one, other


def _rising(along: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out points, from the far end, until `along` rises strictly."""
    kept = list(range(len(along)))
    j = len(kept) - 1
    while j > 0:
        if along[kept[j]] <= along[kept[j - 1]]:
            del kept[j]
            j = min(j, len(kept) - 1)
        else:
            j -= 1
    return along[kept], across[kept]
