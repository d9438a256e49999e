"""Morphologies built by hand."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.errors import InputError
from distnet.morphology import Morphology


def ball_and_stick() -> Morphology:
    morphology = Morphology("ball and stick")
    soma = morphology.add("soma", length=20, diam=20)
    morphology.add("dend[0]", length=200, diam=(2, 1), parent=soma)
    return morphology


def test_sections_are_found_by_name_and_number():
    morphology = ball_and_stick()
    assert morphology["dend"] is morphology["dend[0]"] is morphology[1]
    assert morphology.regions == ("soma", "dend")
    assert morphology.root == 0
    np.testing.assert_array_equal(morphology.lengths, [20, 200])


def test_a_tapered_cylinder_has_two_points():
    dend = ball_and_stick()["dend"]
    assert dend.points.dtype == np.float32
    np.testing.assert_array_equal(dend.points, [[0, 0, 0, 2], [200, 0, 0, 1]])
    assert dend.diam == 1.5


def test_length_of_points_is_along_them():
    morphology = Morphology()
    soma = morphology.add("soma", points=[[0, 0, 0, 1], [3, 4, 0, 1], [3, 4, 12, 2]])
    assert soma.length == 17
    assert not soma.points.flags.writeable


def test_a_copy_is_independent():
    morphology = ball_and_stick()
    twin = morphology.copy()
    twin.add("axon", length=1, diam=1, parent="soma")
    assert (len(morphology), len(twin)) == (2, 3)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "soma", "length": 1, "diam": 1, "parent": 0}, "section soma: the name is used"),
        ({"name": "a", "length": 1, "diam": 1}, "every section but the first has one parent"),
        ({"name": "a", "length": 1, "diam": 1, "parent": "b"}, "no section 'b'; known are soma"),
        ({"name": "a", "length": 1, "diam": 1, "parent": 5}, "there is no section 5"),
        ({"name": "a", "length": 1, "diam": 1, "parent": 0, "parent_x": 2}, "allowed is 0 to 1"),
        ({"name": "a", "length": 0, "diam": 1, "parent": 0}, "length is 0 um; it must be positive"),
        ({"name": "a", "length": 1, "diam": -2, "parent": 0}, "diameter is -2 um; it must be pos"),
        ({"name": "a", "length": 1, "diam": (1, 0), "parent": 0}, "diameter is 0 um; it must be"),
        ({"name": "a", "length": 1, "parent": 0}, "give length and diam, or points"),
        ({"name": "a", "points": [[0, 0, 0, 1]], "parent": 0}, "two or more rows of x, y, z, diam"),
        ({"name": "a", "points": [[1, 0, 0, 1]] * 2, "parent": 0}, "its length is 0 um"),
        (
            {"name": "a", "points": [[0, 0, 0, 1], [1, 0, 0, np.nan]], "parent": 0},
            "a point is not a finite number",
        ),
        (
            {"name": "a", "points": [[0, 0, 0, 1], [1, 0, 0, 1]], "diam": 2, "parent": 0},
            "give either points, or length and diam",
        ),
    ],
)
def test_what_is_wrong_is_said(section, message):
    with pytest.raises(InputError, match=message):
        ball_and_stick().add(**section)


def test_one_root_and_no_loops():
    soma, dend = ball_and_stick()
    with pytest.raises(InputError, match="one root; found soma, soma"):
        Morphology.from_sections([soma, soma], "twice")
    with pytest.raises(InputError, match="one root; found none"):
        Morphology.from_sections([], "empty")
    from dataclasses import replace

    looped = [soma, replace(dend, parent=2), replace(dend, name="dend[1]", parent=1)]
    with pytest.raises(InputError, match="is its own ancestor"):
        Morphology.from_sections(looped, "loop")
