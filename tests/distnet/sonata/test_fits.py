"""Cells from fits, as BMTK builds them."""

from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pytest

from distnet.errors import InputError
from distnet.sonata import load


def build(circuit, processing="aibs_perisomatic", gid=0):
    circuit.node_types = [re.sub(r"\baibs_\w+", processing, row) for row in circuit.node_types]
    return load(circuit.write()).network.cell(gid)


def value(cell, mechanism, parameter, region):
    """The values of a parameter in a region."""
    density = cell.density[mechanism]
    inside = [cell.sections[s].region == region for s in cell.cable.section[density.node]]
    return set(density.parameters[parameter][inside].tolist())


def refused(circuit, message, processing="aibs_perisomatic"):
    with pytest.raises(InputError, match=message):
        build(circuit, processing)


def test_a_perisomatic_cell(circuit):
    cell = build(circuit)
    assert [s.name for s in cell.sections] == [
        "soma[0]", "dend[0]", "dend[1]", "dend[2]", "axon[0]", "axon[1]",
    ]  # fmt: skip
    lengths = cell.morphology.lengths
    assert cell.nseg.tolist() == [1 + 2 * int(length / 40) for length in lengths]
    assert [(s.length, s.diam) for s in cell.sections[4:]] == [(30.0, 1.0), (30.0, 1.0)]
    assert cell.sections[4].parent_x == 0.5
    assert set(cell.Ra) == {120.0}
    assert cell.cm.tolist() == [1.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    assert value(cell, "pas", "g", "dend") == {0.003}
    assert value(cell, "pas", "g", "axon") == {0.002}
    assert value(cell, "pas", "e", "axon") == value(cell, "pas", "e", "soma") == {-75.0}
    assert value(cell, "NaV", "gbar", "soma") == {0.05}
    assert set(cell.cable.section[cell.density["NaV"].node]) == {0}
    assert cell.detector == (0, -15.0)
    assert cell.v_init is None


def test_reversal_potentials_are_set_by_region(circuit):
    cell = build(circuit)
    for ion, e in (("na", 53.0), ("k", -107.0)):
        values = cell.ions[ion]["e"]
        soma = cell.cable.section == 0
        assert set(values[soma]) == {e}
        assert np.isnan(values[~soma]).all()


def test_an_all_active_cell(circuit):
    circuit.fit = {
        "passive": [{"ra": 90.0}],
        "conditions": [{"erev": [{"section": "apic", "ena": 53.0, "ek": -107.0}]}],
        "genome": [
            {"section": "glob", "name": "x", "value": 1.0, "mechanism": ""},
            {"section": "axon", "name": "gbar_Kv3_1", "value": "0.4", "mechanism": "Kv3_1"},
            {"section": "axon", "name": "cm", "value": "3.0", "mechanism": ""},
            {"section": "dend", "name": "Ra", "value": 200.0, "mechanism": ""},
            {"section": "dend", "name": "e_pas", "value": -80.0, "mechanism": ""},
            {"section": "dend", "name": "ena", "value": 60.0, "mechanism": ""},
            {"section": "apic", "name": "gbar_Ih", "value": 1.0, "mechanism": "Ih"},
        ],
    }
    cell = build(circuit, "aibs_allactive")
    assert cell.sections[4].parent_x == 1.0
    # The reconstructed axon has points of diameter 2 um.
    assert [s.diam for s in cell.sections[4:]] == [2.0, 2.0]
    assert cell.Ra.tolist() == [90.0, 200.0, 200.0, 200.0, 90.0, 90.0]
    assert cell.cm.tolist() == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]
    assert value(cell, "Kv3_1", "gbar", "axon") == {0.4}
    assert value(cell, "pas", "e", "dend") == {-80.0}
    assert np.isnan(cell.density["pas"].parameters["e"][0])
    assert set(cell.ions) == {"na"}
    assert "Ih" not in cell.density


def test_all_active_cells_need_less(circuit):
    del circuit.fit["passive"][0]["cm"], circuit.fit["passive"][0]["e_pas"]
    assert build(circuit, "aibs_allactive").cm.tolist() == [1.0] * 6


@pytest.mark.parametrize("processing", ["aibs_perisomatic", "aibs_allactive"])
def test_directed_axons_are_the_same_cable(circuit, processing):
    plain = build(circuit, processing).cable
    directed = build(circuit, f"{processing}_directed").cable
    np.testing.assert_array_equal(plain.axial, directed.axial)


def test_cells_of_a_kind_are_built_once(circuit):
    network = load(circuit.write()).network
    assert network.cell(0).morphology is network.cell(2).morphology


def change(fit, path, new):
    *parents, last = path
    for key in parents:
        fit = fit[key]
    if new is None:
        del fit[last]
    else:
        fit[last] = new


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("passive",), None, r'fit\.json: "passive" must be a list of one object'),
        (("passive", 0, "ra"), None, r'fit\.json: passive: "ra" is missing'),
        (("passive", 0, "e_pas"), "low", r"\"e_pas\" is 'low' where a number is expected"),
        (("passive", 0, "cm", 2), None, r'passive\.cm: there is no entry for section "dend"'),
        (("genome", 0, "value"), None, r'fit\.json: genome\[0\]: "value" is missing'),
        (("genome", 0, "section"), "tuft", r'genome\[0\]: section "tuft" is not one of soma, axon'),
        (
            ("genome", 0, "mechanism"),
            "",
            r'"gbar_NaV" is no parameter of a mechanism in section "so',
        ),
        (("genome",), {}, r'fit\.json: "genome" must be a list of objects'),
        (("conditions", 0, "erev", 0, "ek"), None, r'conditions\.erev\[0\]: "ek" is missing'),
    ],
)
def test_wrong_fits(circuit, path, new, message):
    change(circuit.fit, path, new)
    refused(circuit, message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "ctdb:Biophys1.hoc",
            "nml:Cell",
            r'node 0: model_template "nml:Cell" is not supported; al',
        ),
        ("aibs_perisomatic", "NULL", r"node 0: model_processing is missing"),
        ("aibs_perisomatic", "extracellular", r'model_processing "extracellular" is not supported'),
        ("fit.json", "none.json", r"node 0: the file .*none\.json does not exist"),
        ("cell ", "other ", r"node 0: the file .*other\.swc does not exist"),
    ],
)
def test_wrong_node_types(circuit, old, new, message):
    circuit.node_types[1] = circuit.node_types[1].replace(old, new)
    refused(circuit, message)


def test_a_malformed_morphology(circuit):
    circuit.swc = "1 1 0 0 0 5 -1\n2 3 0 0\n"
    refused(circuit, r"cell\.swc:2: ")


def test_parameters_node_by_node_are_refused(circuit):
    circuit.cortex["0/dynamics_params/ra"] = [1.0, 2.0, 3.0]
    refused(circuit, '"cortex": dynamics_params in HDF5 are not supported')


def test_cells_of_the_asset_equal_neurons(assets):
    """Sections, segments and passive values of 21 cells, to the last bit."""
    network = load(assets / "sonata_small/config.json").network
    with h5py.File(assets / "sonata_small/expected/reference.h5") as file:
        for gid in range(21):
            cell, expected = network.cell(gid), file[f"cells/{gid}"]
            cable, sections = cell.cable, expected["sections"][()]
            segments = expected["segments"][()]
            assert [s.name for s in cell.sections] == list(expected["section_name"].asstr())
            np.testing.assert_array_equal(cell.nseg, sections[:, 1])
            np.testing.assert_array_equal(cell.morphology.lengths, sections[:, 2])
            np.testing.assert_array_equal(cell.Ra, sections[:, 3])
            node = np.flatnonzero(cable.area > 0)
            node = node[np.lexsort((cable.x[node], cable.section[node]))]
            np.testing.assert_array_equal(cable.section[node], segments[:, 0])
            np.testing.assert_allclose(cable.x[node], segments[:, 1], rtol=1e-15)
            np.testing.assert_allclose(cable.diam[node], segments[:, 2], rtol=1e-12)
            np.testing.assert_allclose(cable.area[node], segments[:, 3], rtol=1e-12)
            capacitance = segments[:, 5] * segments[:, 3] * 1e-5
            np.testing.assert_allclose(cable.capacitance[node], capacitance, rtol=1e-12)
            pas = cell.density["pas"]
            place = np.searchsorted(pas.node, node)
            np.testing.assert_array_equal(pas.parameters["g"][place], segments[:, 6])
            np.testing.assert_array_equal(pas.parameters["e"][place], segments[:, 7])


def test_channels_of_the_asset_equal_the_fits(assets):
    """Every gbar of a fit is on the soma of its cell."""
    folder = assets / "sonata_small"
    network = load(folder / "config.json").network
    for gid in range(21):
        cell = network.cell(gid)
        fit = (
            folder
            / "components/biophysical_neuron_models"
            / network.attribute(gid, "dynamics_params")
        )
        genome = json.loads(fit.read_text())["genome"]
        for entry in genome:
            if entry["mechanism"]:
                parameter = entry["name"].removesuffix("_" + entry["mechanism"])
                assert value(cell, entry["mechanism"], parameter, "soma") == {entry["value"]}
        assert set(cell.density) == {e["mechanism"] for e in genome if e["mechanism"]} | {"pas"}
