"""Axon stubs: the rules of Allen models against NEURON and the stored tables of a circuit."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from distnet.cell import Cell
from distnet.discretisation import n_segments, nseg_rule
from distnet.errors import InputError
from distnet.morphology import AXON_RULES, Morphology, load_swc, replace_axon

MORPHOLOGIES = {
    "Scnn1a_473845048_m": 0,
    "Rorb_325404214_m": 5,
    "Nr5a1_471087815_m": 10,
    "Pvalb_470522102_m": 15,
    "Pvalb_469628681_m": 18,
}  # -> a cell of the circuit


@pytest.mark.parametrize("name", MORPHOLOGIES)
def test_perisomatic_cable_is_the_stored_one(name, assets):
    folder = assets / "sonata_small"
    whole = load_swc(folder / "components" / "morphologies" / f"{name}.swc")
    cell = Cell(AXON_RULES["aibs_perisomatic"](whole))
    cell.discretise(nseg_rule(40.0))
    with h5py.File(folder / "expected" / "reference.h5") as file:
        group = file[f"cells/{MORPHOLOGIES[name]}"]
        names = [text.decode() for text in group["section_name"]]
        section = dict(zip(group["sections"].attrs["columns"], group["sections"][:].T, strict=True))
        segment = dict(zip(group["segments"].attrs["columns"], group["segments"][:].T, strict=True))
    assert [s.name for s in cell.sections] == names
    assert names[-2:] == ["axon[0]", "axon[1]"]
    np.testing.assert_array_equal(cell.nseg, section["nseg"])
    np.testing.assert_array_equal([s.parent for s in cell.sections], section["parent_row"])
    np.testing.assert_array_equal([s.parent_x for s in cell.sections][1:], section["parent_x"][1:])
    cable = cell.cable
    node = cable.node_of_segment
    np.testing.assert_array_equal(cell.morphology.lengths, section["L_um"])
    np.testing.assert_array_equal(cable.area[node], segment["area_um2"])
    np.testing.assert_array_equal(cable.diam[node], segment["diam_um"])
    np.testing.assert_allclose(cable.x[node], segment["x"], rtol=1e-15)


@pytest.mark.neuron
@pytest.mark.parametrize(("name", "n_axon"), [("Scnn1a_473845048_m", 3), ("Rorb_325404214_m", 1)])
def test_allactive_stub_has_the_diameters_of_the_axon(name, n_axon, assets, import3d):
    path = assets / "sonata_small" / "components" / "morphologies" / f"{name}.swc"
    axon = [section for section in import3d(path) if ".axon[" in section.name()]
    stubs = AXON_RULES["aibs_allactive"](load_swc(path)).sections[-2:]
    assert len(axon) == n_axon
    # BMTK's stubs have 3-D points, which NEURON holds in float32.
    expected = np.float32([axon[0].diam, axon[-1].diam]).tolist()
    assert [stub.diam for stub in stubs] == expected
    assert [(stub.length, stub.parent_x) for stub in stubs] == [(30.0, 1.0)] * 2


def branched() -> Morphology:
    morphology = Morphology("branched")
    soma = morphology.add("soma[0]", length=10, diam=10)
    axon = morphology.add("axon[0]", length=50, diam=(1.0, 0.5), parent=soma)
    morphology.add("axon[1]", length=50, diam=0.5, parent=axon)
    morphology.add("dend[0]", length=50, diam=2, parent=soma, parent_x=0.5)
    morphology.add("dend[1]", length=50, diam=2, parent="dend[0]")
    return morphology


def test_sections_keep_their_order_and_stubs_come_last():
    stubbed = replace_axon(branched(), [(15.0, 1.5), (15.0, 0.7), (5.0, 0.6)], parent_x=0.5)
    names = ["soma[0]", "dend[0]", "dend[1]", "axon[0]", "axon[1]", "axon[2]"]
    assert [section.name for section in stubbed] == names
    assert [section.parent for section in stubbed] == [-1, 0, 1, 0, 3, 4]
    assert [section.parent_x for section in stubbed] == [1.0, 0.5, 1.0, 0.5, 1.0, 1.0]
    assert len(branched()) == 5
    cell = Cell(stubbed)
    cell.discretise(n_segments(1))
    assert (cell.cable.parent < np.arange(cell.cable.n_node)).all()


def test_a_dendrite_on_the_axon_is_an_error():
    morphology = branched()
    morphology.add("dend[2]", length=9, diam=1, parent="axon[1]")
    with pytest.raises(InputError, match=r"dend\[2\]: is attached to axon\[1\]"):
        replace_axon(morphology, [(30.0, 1.0)], parent_x=0.5)


def test_an_all_active_cell_needs_an_axon():
    stubless = replace_axon(branched(), [], parent_x=0.5)
    with pytest.raises(InputError, match="has no axon"):
        AXON_RULES["aibs_allactive"](stubless)
