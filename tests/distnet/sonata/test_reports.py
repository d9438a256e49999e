"""Reports: times, places and variables."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.errors import InputError
from distnet.output import elements_of
from distnet.sonata import load

MECHANISMS = ("NaV", "pas", "SK", "K_SK")


def simulation(circuit, **report):
    circuit.simulation["reports"]["r"] = {"variable_name": "v", "cells": "cortex", **report}
    return load(circuit.write())


def report(circuit, **values):
    return simulation(circuit, **values).plan.reports[0]


def test_what_holds_by_default(circuit):
    found = report(circuit)
    assert (found.name, found.file_name, found.variable, found.unit) == ("r", "r.h5", "v", "mV")
    assert (found.start, found.stop, found.dt, found.n_rows) == (0.0, 10.0, 0.1, 100)
    assert found.gids.tolist() == [0, 1, 2]
    assert found.regions == {"all"}


def test_the_default_is_all_detailed_cells(circuit):
    assert report(circuit, cells=None).gids.tolist() == [0, 1, 2]


def test_times(circuit):
    found = report(circuit, dt=0.5, start_time=2.0, end_time=4.0)
    assert (found.start, found.stop, found.dt, found.n_rows) == (2.0, 4.0, 0.5, 4)


def test_the_end_may_come_earlier_than_the_reports(circuit):
    circuit.simulation["reports"]["r"] = {"variable_name": "v", "end_time": 9.0}
    assert load(circuit.write(), tstop=5.0).plan.reports[0].stop == 5.0


@pytest.mark.parametrize(("tstop", "n_rows"), [(10.0, 100), (10.04, 100), (10.06, 101)])
def test_rows_are_no_more_than_steps(circuit, tstop, n_rows):
    circuit.simulation["run"]["tstop"] = tstop
    assert report(circuit).n_rows == n_rows


@pytest.mark.parametrize("sections", ["soma", ["soma"], "dend", ["axonal", "SOMA"], "all", None])
def test_places(circuit, sections):
    loaded = simulation(circuit, sections=sections)
    cell = loaded.network.cell(0)
    section, x, node = loaded.plan.reports[0].sites(cell)
    regions = {
        "soma": {0},
        "dend": {1, 2, 3},
        "all": set(range(6)),
        None: set(range(6)),
    }.get(sections if not isinstance(sections, list) else "", {0, 4, 5})
    if sections == ["soma"]:
        regions = {0}
    assert set(section) == regions
    assert len(node) == sum(cell.nseg[s] for s in regions)
    np.testing.assert_array_equal(cell.cable.section[node], section)
    np.testing.assert_array_equal(cell.cable.x[node], x)
    assert (np.diff(section) >= 0).all()


def test_columns_of_the_cells_of_a_rank(circuit):
    loaded = simulation(circuit, sections="axon", dt=0.2)
    network, found = loaded.network, loaded.plan.reports[0]
    columns = found.columns({gid: network.cell(gid) for gid in (0, 2)}, MECHANISMS)
    assert columns.recording.gid.tolist() == [0, 0, 2, 2]
    assert columns.section.tolist() == [4, 5, 4, 5]
    assert columns.recording.dt == 0.2
    (elements,) = elements_of(
        network.populations, columns.recording.gid, columns.section, columns.x
    )
    assert elements.node_ids.tolist() == [0, 2]
    assert elements.index_pointers.tolist() == [0, 2, 4]


def test_columns_of_a_rank_without_cells(circuit):
    columns = report(circuit).columns({}, MECHANISMS)
    assert columns.recording.gid.shape == columns.section.shape == columns.x.shape == (0,)


@pytest.mark.parametrize(
    ("variable", "expected", "unit"),
    [
        ("v", "v", "mV"),
        ("cai", "ca.ci", "mM"),
        ("nao", "na.co", "mM"),
        ("ek", "k.e", "mV"),
        ("ina", "na.i", "mA/cm2"),
        ("gbar_NaV", "NaV.gbar", ""),
        ("z_SK", "SK.z", ""),
        ("z_K_SK", "K_SK.z", ""),
        ("NaV.gbar", "NaV.gbar", ""),
        ("cl.ci", "cl.ci", ""),
    ],
)
def test_variables(circuit, variable, expected, unit):
    found = report(circuit, variable_name=[variable])
    assert found.probe_variable(MECHANISMS) == expected
    assert found.unit == unit


def test_a_unit_may_be_given(circuit):
    assert report(circuit, variable_name="gbar_NaV", unit="S/cm2").unit == "S/cm2"


def test_a_variable_that_does_not_exist(circuit):
    with pytest.raises(InputError, match=r'"reports\.r": the variable "gbar_KX" is not known'):
        report(circuit, variable_name="gbar_KX").probe_variable(MECHANISMS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"variable_name": None}, r'"reports\.r": the key "variable_name" is missing'),
        (
            {"variable_name": ["v", "cai"]},
            r"where one variable; make a report for each is expected",
        ),
        ({"module": "extracellular"}, r'"extracellular" is not supported; allowed are membrane_re'),
        ({"module": "extracellular", "electrode_channels": "all"}, r'"extracellular" is not supp'),
        ({"sections": "tuft"}, r"'tuft' is not one of soma, somatic"),
        ({"dt": 0.25}, r"0\.25 ms is not a whole multiple of the time step, 0\.1 ms"),
        ({"dt": 0.05}, r"0\.05 ms is not a whole multiple of the time step, 0\.1 ms"),
        ({"dt": 0.5, "start_time": 0.7}, r"0\.7 ms is not a whole multiple of the report's dt"),
        ({"start_time": 5.0, "end_time": 5.0}, r"it starts at 5\.0 ms and ends at 5\.0 ms"),
        ({"start_time": 11.0}, r"it starts at 11\.0 ms and ends at 10\.0 ms"),
        ({"end_time": 20.0}, r"ends at 20\.0 ms, after the simulation, 10\.0 ms"),
        ({"cells": "input"}, r'"reports\.r\.cells": the node set holds no biophysical node'),
        ({"cells": "none"}, r'there is no node set "none"'),
        ({"transform": {}}, r'"reports\.r\.transform": the key is not known here'),
    ],
)
def test_reports_that_are_refused(circuit, values, message):
    with pytest.raises(InputError, match=message):
        report(circuit, **values)


def test_two_reports_in_one_file(circuit):
    circuit.simulation["reports"] = {
        "a": {"variable_name": "v", "file_name": "x.h5"},
        "b": {"variable_name": "v", "file_name": "./output/x.h5"},
    }
    with pytest.raises(InputError, match=r'"reports\.b\.file_name": "x\.h5" is written by reports'):
        load(circuit.write())


def test_a_report_may_not_take_the_name_of_the_spikes(circuit):
    with pytest.raises(InputError, match=r'"spikes\.h5" is written by output\.spikes_file too'):
        report(circuit, file_name="spikes.h5")


def test_a_report_may_be_switched_off(circuit):
    assert simulation(circuit, enabled=False).plan.reports == ()


def test_a_soma_report_of_the_asset(assets):
    plan = load(assets / "sonata_small/config.json").plan
    assert [(r.file_name, r.unit, r.only_soma, r.n_rows) for r in plan.reports] == [
        ("soma_v.h5", "mV", True, 5000),
        ("soma_cai.h5", "mM", True, 5000),
    ]
