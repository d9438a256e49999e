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


READER = """
NEURON { SUFFIX reader POINTER a, b, c RANGE x }
ASSIGNED { a b c x }
BREAKPOINT { SOLVE copy }
PROCEDURE copy() { x = a + b + c }
"""


@pytest.fixture
def branched():
    morphology = Morphology()
    soma = morphology.add("soma", length=20.0, diam=20.0)
    morphology.add("dend", length=90.0, diam=2.0, parent=soma)
    cell = Cell(morphology)
    cell.discretise(lambda morphology, Ra, cm: np.array([1, 3]))
    cell.insert("hh")
    return cell


@pytest.fixture
def reading(tmp_path, block_of):
    (tmp_path / "reader.mod").write_text(READER)
    return block_of


def test_pointers_of_a_density_mechanism(branched, reading):
    synapse = branched.place(Location("soma", 0.5), "ExpSyn")
    branched.insert("reader", "dend")
    branched.point("reader", "a", "hh.m")
    branched.point("reader", "b", "v", Location("soma"))
    branched.point("reader", "b", "na.i", region=Location("dend", 0.5))
    branched.point("reader", "c", "ExpSyn.g", synapse, region="dend")
    twin = branched.copy()
    twin.point("reader", "b", "v")
    block = reading(branched, twin)
    groups = {group.mechanism.name: group for group in block.mechanisms}
    places = {
        (p.name, p.variable): (p.instance.tolist(), p.place.tolist())
        for p in groups["reader"].pointers
    }
    node = groups["reader"].node.tolist()
    assert node == [1, 2, 3, 5, 6, 7]
    assert places["a", "hh.m"] == (list(range(6)), node)  # hh is in every node
    assert places["b", "v"] == ([0, 2, 3, 4, 5], [0, 0, 5, 6, 7])
    assert places["b", "na.i"] == ([1], [2])
    assert places["c", "ExpSyn.g"] == (list(range(6)), [0, 0, 0, 1, 1, 1])


def test_pointers_of_a_density_mechanism_that_are_wrong(branched, reading):
    synapse = branched.place(Location("soma", 0.5), "ExpSyn")
    branched.insert("reader", "dend")
    for name in "abc":
        branched.point("reader", name, "v", region=Location("dend", 0.1))
    with pytest.raises(InputError, match=r"reader in dend\(0.5\): POINTER a stands for nothing"):
        reading(branched)
    for name in "abc":
        branched.point("reader", name, "hh.m")
    reading(branched)
    for variable, place, told in (
        ("ExpSyn.g", None, "needs the index of a point process"),
        ("ExpSyn.g", Location("soma"), "needs the index of a point process"),
        ("hh.m", synapse, "needs a location"),
        ("pas.g", None, 'no mechanism or ion "pas"'),
    ):
        cell = branched.copy()
        cell.point("reader", "a", variable, place)
        with pytest.raises(InputError, match=told):
            reading(cell)
    branched.point("reader", "d", "v")
    with pytest.raises(InputError, match='reader: there is no POINTER "d"; allowed are a, b, c'):
        reading(branched)
