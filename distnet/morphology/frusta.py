"""Area, diameter and axial resistance of the segments of a morphology, in NEURON's float order.

A section with 3-D points is a chain of truncated cones. A segment is cut into halves; over each
half the integrals of 1/cross-section (axial resistance), lateral surface (area) and diameter are
summed cone by cone. NEURON 9, `nrn_area_ri`, is the definition; the sums here run in its order, so
that the results agree bit for bit (measured in tests/distnet/cell).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distnet.morphology.morphology import Morphology, Section

_LEAST = 1e-15  # [um], NEURON's stand-in for a step of no length
_SAME = 1e-10  # [um], points closer than this are not interpolated


@dataclass(frozen=True)
class Segments:
    """Geometry of the segments of all sections, in section order."""

    section: np.ndarray  # (n_segment,) i4
    area: np.ndarray  # (n_segment,) f8 [um2]
    diam: np.ndarray  # (n_segment,) f8 [um]
    dx: np.ndarray  # (n_segment,) f8 [um]
    is_cylinder: np.ndarray  # (n_segment,) b1, of a section without 3-D points
    left: np.ndarray  # (n_segment,) f8 [1/um], integral of dx/diam^2 over the half nearer the root
    right: np.ndarray  # (n_segment,) f8 [1/um], over the other half

    def resistance(self, Ra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Axial resistance of the two halves of each segment.

        Args:
            Ra: (n_section,) f8 [ohm cm].

        Returns:
            Two (n_segment,) f8 [Mohm].
        """
        ra = Ra[self.section]
        left = self.left * ra / np.pi * (4.0 * 0.01)
        right = self.right * ra / np.pi * (4.0 * 0.01)
        cylinder = 1e-2 * ra * (self.dx / 2) / (np.pi * self.diam * self.diam / 4.0)
        return (
            np.where(self.is_cylinder, cylinder, left),
            np.where(self.is_cylinder, cylinder, right),
        )


def make_segments(morphology: Morphology, nseg: np.ndarray) -> Segments:
    """Cut every section into equal segments.

    Args:
        morphology: n_section sections.
        nseg: (n_section,) i4, segments of each section.
    """
    n_section = len(morphology)
    section = np.repeat(np.arange(n_section, dtype=np.int32), nseg)
    lengths = morphology.lengths
    dx = (lengths / nseg)[section]
    diam = np.array([s.diam for s in morphology])[section]
    has_points = np.array([s.points is not None for s in morphology])
    is_cylinder = ~has_points[section]
    area = np.pi * diam * dx
    left = np.zeros(len(section))
    right = np.zeros(len(section))
    if has_points.any():
        chosen = [s for s in morphology if s.points is not None]
        sums = _integrate(chosen, nseg[has_points])
        at = np.flatnonzero(~is_cylinder)
        left[at], right[at] = sums.ri[0::2], sums.ri[1::2]
        area[at] = sums.area * 0.5 * np.pi
        diam[at] = sums.diam * (0.5 / dx[at])
    return Segments(section, area, diam, dx, is_cylinder, left, right)


@dataclass(frozen=True)
class _Sums:
    ri: np.ndarray  # (2 n_segment,) f8 [1/um], one a half segment
    area: np.ndarray  # (n_segment,) f8 [um2 / (pi/2)]
    diam: np.ndarray  # (n_segment,) f8 [2 um2]


def _integrate(sections: Sequence[Section], nseg: np.ndarray) -> _Sums:
    """Sum over the cones between successive cuts; a cut is an inner 3-D point or a half's end."""
    n_point = np.array([len(s.arc) for s in sections])
    arc = np.concatenate([s.arc for s in sections])
    width = np.concatenate([s.points[:, 3] for s in sections if s.points is not None])
    width = np.abs(width.astype(np.float64))
    first = np.concatenate([[0], np.cumsum(n_point)[:-1]])
    ends, end_section = _half_ends(arc[first + n_point - 1], nseg)

    # Merge inner points and ends of halves along each section; a point goes before an equal end.
    inner = np.ones(len(arc), dtype=bool)
    inner[first] = inner[first + n_point - 1] = False
    inner_at = np.flatnonzero(inner)
    section = np.concatenate([np.repeat(np.arange(len(sections)), n_point)[inner_at], end_section])
    place = np.concatenate([arc[inner_at], ends])
    is_end = np.repeat([False, True], [len(inner_at), len(ends)])
    point = np.concatenate([inner_at, np.zeros(len(ends), dtype=np.int64)])
    order = np.lexsort((is_end, place, section))
    section, place, is_end, point = section[order], place[order], is_end[order], point[order]

    # The last 3-D point not beyond each cut, and the diameter there.
    n_before = np.concatenate([[0], np.cumsum(~is_end)])
    start = np.searchsorted(section, np.arange(len(sections)))
    below = first[section] + n_before[1:] - n_before[start][section]
    y2 = np.where(is_end, _between(arc, width, below, place), width[point])

    # The cone that ends at each cut begins at the cut before it, or at the section's first point.
    x1 = np.concatenate([[0.0], place[:-1]])
    y1 = np.concatenate([[0.0], y2[:-1]])
    x1[start], y1[start] = arc[first], width[first]
    half = np.concatenate([[0], np.cumsum(is_end)[:-1]])
    inside = half < len(ends)  # a doubled last point may lie beyond the last end
    inside &= section == end_section[np.minimum(half, len(ends) - 1)]
    return _sum_cones(x1[inside], y1[inside], place[inside], y2[inside], half[inside], len(ends))


def _half_ends(length: np.ndarray, nseg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Path length at the end of each half segment, and the section of each."""
    section = np.repeat(np.arange(len(nseg)), nseg)
    number = np.arange(len(section)) - np.repeat(np.cumsum(nseg) - nseg, nseg)
    ds = (length / nseg)[section]
    middle = number * ds + ds / 2.0
    return np.stack([middle, middle + ds / 2.0], axis=1).ravel(), np.repeat(section, 2)


def _between(arc: np.ndarray, width: np.ndarray, below: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Diameter at x, between point `below` and the next."""
    above = np.minimum(below + 1, len(arc) - 1)
    gap = arc[above] - arc[below]
    same = np.abs(gap) < _SAME
    fraction = np.where(same, 1.0, (x - arc[below]) / np.where(same, 1.0, gap))
    return (1.0 - fraction) * width[below] + fraction * width[above]


def _sum_cones(
    x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray, half: np.ndarray, n_half: int
) -> _Sums:
    """Sum the cones (x1, y1) to (x2, y2) over halves and segments, one after the other in order."""
    delta = x2 - x1
    diam = (y2 + y1) * delta
    delta = np.where(delta < _LEAST, _LEAST, delta)
    conductance = y2 * y1 / delta
    conductance = np.where(conductance == 0.0, _LEAST, conductance)
    taper = 0.5 * (y2 - y1)
    area = (y2 + y1) * np.sqrt(delta * delta + taper * taper)
    # bincount adds one weight after the other, as the definition does; reduceat would pair them.
    return _Sums(
        ri=np.bincount(half, 1 / conductance, minlength=n_half),
        area=np.bincount(half // 2, area, minlength=n_half // 2),
        diam=np.bincount(half // 2, diam, minlength=n_half // 2),
    )
