"""POINTERs of point processes: what a cell says of them, and their places in a block."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.catalogue import Catalogue
from distnet.cell import Cell, Location
from distnet.errors import InputError
from distnet.lower import lower
from distnet.morphology import Morphology
from distnet.settings import Settings

PROBE = """
NEURON { POINT_PROCESS Follow POINTER a, b, c RANGE x }
ASSIGNED { a b c x }
BREAKPOINT { SOLVE copy }
PROCEDURE copy() { x = a + b + c }
"""


@pytest.fixture
def cylinder():
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    return morphology


@pytest.fixture
def block_of(tmp_path):
    (tmp_path / "follow.mod").write_text(PROBE)
    settings = Settings(mechanism_folders=(tmp_path,))

    def make(*cells):
        by_gid = dict(enumerate(cells))
        return lower(by_gid, {}, settings, Catalogue(settings)).block

    return make


def test_pointers_find_their_places(cylinder, block_of):
    def cell():
        made = Cell(cylinder)
        made.insert("hh")
        synapse = made.place(Location(0, 0.5), "ExpSyn")
        follow = made.place(Location(0, 0.5), "Follow")
        made.point(follow, "a", "v", Location(0, 0.5))
        made.point(follow, "b", "ExpSyn.g", synapse)
        made.point(follow, "c", "hh.m", Location(0, 0.5))
        return made

    block = block_of(cell(), cell().copy())
    names = [group.mechanism.name for group in block.mechanisms]
    group = block.mechanisms[names.index("Follow")]
    places = {p.name: (p.variable, p.instance.tolist(), p.place.tolist()) for p in group.pointers}
    nodes = block.mechanisms[names.index("ExpSyn")].node
    hh = block.mechanisms[names.index("hh")].node
    assert places["a"] == ("v", [0, 1], nodes.tolist())
    assert places["b"] == ("ExpSyn.g", [0, 1], [0, 1])
    assert places["c"] == ("hh.m", [0, 1], np.searchsorted(hh, nodes).tolist())


def test_pointers_that_are_wrong_are_errors(cylinder, block_of):
    cell = Cell(cylinder)
    follow = cell.place(Location(0, 0.5), "Follow")
    with pytest.raises(InputError, match="POINTER a stands for nothing"):
        block_of(cell)
    for name in "abd":
        cell.point(follow, name, "v", Location(0, 0.5))
    with pytest.raises(InputError, match="POINTER c stands for nothing"):
        block_of(cell)
    cell.point(follow, "c", "hh.m", Location(0, 0.5))
    with pytest.raises(InputError, match='no POINTER "d"; allowed are a, b, c'):
        block_of(cell)
    with pytest.raises(InputError, match="there is no point process 3"):
        cell.point(follow, "a", "ExpSyn.g", 3)
