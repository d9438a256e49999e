"""Reports go to disk in SONATA's layout and come back."""

from __future__ import annotations

import json

import h5py
import libsonata
import numpy as np
import pytest

from distnet.errors import InputError, SimulationError
from distnet.output import Population, ReportWriter, elements_of, read_report
from distnet.output.report import count_rows

POPULATIONS = [Population("cortex", 0, np.arange(4)), Population("motor", 4, np.arange(2))]
GIDS = np.array([1, 1, 3, 5])
SECTIONS = np.array([0, 2, 0, 1])
X = np.array([0.5, 0.25, 0.5, 0.75])
DATA = np.arange(24.0).reshape(6, 4)


def writer(path, **other):
    elements = elements_of(POPULATIONS, GIDS, SECTIONS, X)
    return ReportWriter(path, elements, 1.0, 1.6, 0.1, "v", "mV", **other)


def write(path):
    with writer(path) as report:
        report.write(0, DATA[:4])
        report.write(4, DATA[4:])


def test_libsonata_reads_what_is_written(tmp_path):
    write(tmp_path / "v.h5")
    reader = libsonata.ElementReportReader(str(tmp_path / "v.h5"))
    assert sorted(reader.get_population_names()) == ["cortex", "motor"]
    cortex = reader["cortex"]
    assert cortex.times == pytest.approx((1.0, 1.6, 0.1))
    assert (cortex.time_units, cortex.data_units, cortex.sorted) == ("ms", "mV", True)
    frame = cortex.get()
    assert frame.ids.tolist() == [[1, 0], [1, 2], [3, 0]]
    assert frame.times == pytest.approx(1.0 + 0.1 * np.arange(6))
    np.testing.assert_array_equal(frame.data, DATA[:, :3])
    np.testing.assert_array_equal(reader["motor"].get().data, DATA[:, 3:])


def test_bmtk_reads_what_is_written(tmp_path):
    compartment = pytest.importorskip("bmtk.utils.reports.compartment")
    write(tmp_path / "v.h5")
    report = compartment.CompartmentReport(str(tmp_path / "v.h5"), "r")
    assert report["cortex"].variable() == "v"
    assert report["cortex"].element_pos(node_id=1).tolist() == [0.5, 0.25]
    # BMTK counts int((stop - start) / dt) rows, which rounds 6 down to 5 here.
    np.testing.assert_array_equal(report["cortex"].data(node_id=1)[:5], DATA[:5, :2])


def test_it_is_read_back(tmp_path):
    write(tmp_path / "v.h5")
    report = read_report(tmp_path / "v.h5")["cortex"]
    assert (report.variable, report.unit) == ("v", "mV")
    np.testing.assert_allclose(report.times, [1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    np.testing.assert_array_equal(report.of(3), DATA[:, 2:3])
    with pytest.raises(KeyError):
        report.of(0)


def test_a_report_of_bmtk_is_read(assets):
    report = read_report(assets / "sonata_small/expected/soma_v.h5")["cortex"]
    assert report.data.shape == (5000, 21)
    assert report.variable == "v"


def test_the_file_appears_when_it_is_whole(tmp_path):
    report = writer(tmp_path / "v.h5", configuration={"a": 1})
    report.write(0, DATA)
    assert not (tmp_path / "v.h5").exists()
    report.close()
    assert [p.name for p in tmp_path.iterdir()] == ["v.h5"]
    with h5py.File(tmp_path / "v.h5") as file:
        assert json.loads(file["configuration"].asstr()[()]) == {"a": 1}
        assert file["report/cortex/data"].compression is None


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), writer(tmp_path / "v.h5") as report:
        report.write(0, DATA)
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_missing_rows_are_an_error(tmp_path):
    report = writer(tmp_path / "v.h5")
    report.write(0, DATA[:4])
    with pytest.raises(SimulationError, match="2 of 6 rows were not written, the first is row 4"):
        report.close()
    assert list(tmp_path.iterdir()) == []


def test_rows_beyond_the_end_are_dropped(tmp_path):
    with writer(tmp_path / "v.h5") as report:
        report.write(0, np.vstack([DATA, DATA]))
        report.write(9, DATA)
    np.testing.assert_array_equal(read_report(tmp_path / "v.h5")["motor"].data, DATA[:, 3:])


@pytest.mark.parametrize(
    ("start", "stop", "dt", "n"),
    [
        (0, 500, 0.1, 5000),
        (0, 500, 0.025, 20000),
        (1.0, 1.6, 0.1, 6),
        (0, 0.25, 0.1, 3),
        (5, 5, 1, 0),
    ],
)
def test_rows_are_the_times_before_the_end(start, stop, dt, n):
    assert count_rows(start, stop, dt) == n


def test_reading_another_layout(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["report/cortex/data"] = DATA
    with pytest.raises(InputError, match="needs the datasets data, mapping/index_pointers"):
        read_report(tmp_path / "v.h5")
