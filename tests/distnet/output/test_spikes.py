"""Spikes go to disk in SONATA's layout and come back."""

from __future__ import annotations

import json

import h5py
import libsonata
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distnet.errors import InputError, SimulationError
from distnet.output import Population, by_population, read_spikes, write_spikes, write_spikes_csv

POPULATIONS = [
    Population("cortex", 0, np.arange(4)),
    Population("thalamus", 4, np.array([7, 3])),
]
TIMES = np.array([2.0, 1.0, 3.5, 1.0, 0.5])
GIDS = np.array([2, 3, 4, 0, 5])


def test_libsonata_reads_what_is_written(tmp_path):
    write_spikes(tmp_path / "spikes.h5", TIMES, GIDS, POPULATIONS)
    reader = libsonata.SpikeReader(str(tmp_path / "spikes.h5"))
    assert sorted(reader.get_population_names()) == ["cortex", "thalamus"]
    assert reader["cortex"].get() == [(0, 1.0), (3, 1.0), (2, 2.0)]
    assert reader["cortex"].sorting == "by_time"
    assert reader["cortex"].time_units == "ms"
    assert reader["thalamus"].get() == [(3, 0.5), (7, 3.5)]


def test_bmtk_reads_what_is_written(tmp_path):
    trains = pytest.importorskip("bmtk.utils.reports.spike_trains")
    write_spikes(tmp_path / "spikes.h5", TIMES, GIDS, POPULATIONS)
    table = trains.SpikeTrains.load(str(tmp_path / "spikes.h5")).to_dataframe()
    table = table[table.population == "cortex"].sort_values(["timestamps", "node_ids"])
    assert table.timestamps.tolist() == [1.0, 1.0, 2.0]
    assert table.node_ids.tolist() == [0, 3, 2]


@pytest.mark.parametrize(
    ("sort", "expected"), [("by_id", [0, 2, 3]), ("by_time", [0, 3, 2]), ("none", [2, 3, 0])]
)
def test_sorting(tmp_path, sort, expected):
    write_spikes(tmp_path / "spikes.h5", TIMES, GIDS, POPULATIONS, sort=sort)
    assert read_spikes(tmp_path / "spikes.h5")["cortex"].node_ids.tolist() == expected


def test_the_configuration_is_stored(tmp_path):
    write_spikes(tmp_path / "s.h5", TIMES, GIDS, POPULATIONS, configuration={"run": {"dt": 0.1}})
    with h5py.File(tmp_path / "s.h5") as file:
        assert json.loads(file["configuration"].asstr()[()]) == {"run": {"dt": 0.1}}


def test_no_spikes_are_written_as_empty_populations(tmp_path):
    write_spikes(tmp_path / "spikes.h5", np.zeros(0), np.zeros(0, int), POPULATIONS)
    assert libsonata.SpikeReader(str(tmp_path / "spikes.h5"))["cortex"].get() == []


def test_csv(tmp_path):
    write_spikes_csv(tmp_path / "spikes.csv", TIMES, GIDS, POPULATIONS)
    lines = (tmp_path / "spikes.csv").read_text().splitlines()
    assert lines[:3] == ["timestamps population node_ids", "1.0 cortex 0", "1.0 cortex 3"]
    assert len(lines) == 6


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        write_spikes(tmp_path / "spikes.h5", TIMES, GIDS, POPULATIONS, sort="by_mood")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulationError, match=r"spikes\.h5: cannot be written"):
        write_spikes(tmp_path / "file" / "spikes.h5", TIMES, GIDS, POPULATIONS)


def test_reading_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.h5 does not exist"):
        read_spikes(tmp_path / "none.h5")


def test_reading_what_is_not_hdf5(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_spikes(tmp_path / "text.h5")


def test_seconds_become_milliseconds(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["spikes/a/timestamps"] = [0.001]
        file["spikes/a/node_ids"] = [1]
        file["spikes/a/timestamps"].attrs["units"] = "s"
    assert read_spikes(tmp_path / "s.h5")["a"].times.tolist() == [1.0]


def test_an_unknown_unit_is_refused(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["spikes/a/timestamps"] = [1.0]
        file["spikes/a/node_ids"] = [1]
        file["spikes/a/timestamps"].attrs["units"] = "fortnight"
    with pytest.raises(InputError, match='"fortnight" is not one of ms, '):
        read_spikes(tmp_path / "s.h5")


def test_compressed_spikes_of_bmtk(assets):
    spikes = read_spikes(assets / "sonata_small/inputs/external_spikes.h5")["external"]
    assert len(spikes.times) == 467


@given(st.lists(st.integers(0, 10**6), unique=True), st.lists(st.integers(-5, 10**6)))
def test_rows_of_node_ids(node_ids, asked):
    rows = Population("p", 0, np.array(node_ids, dtype=np.int64)).rows(np.array(asked, np.int64))
    expected = [node_ids.index(a) if a in node_ids else -1 for a in asked]
    assert rows.tolist() == expected


def test_gids_split_by_population():
    split = {p.name: (at.tolist(), ids.tolist()) for p, at, ids in by_population(GIDS, POPULATIONS)}
    assert split == {"cortex": ([0, 1, 3], [2, 3, 0]), "thalamus": ([2, 4], [7, 3])}
