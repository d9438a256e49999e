"""The log of spikes: readable whatever happened to those who wrote it."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from distnet.errors import InputError, SimulationError
from distnet.output import Population, spike_log

POPULATIONS = [Population("a", 0, np.array([5, 6, 7])), Population("b", 3, np.arange(2))]


@pytest.fixture
def folder(tmp_path):
    spike_log.start_log(tmp_path / "log", 2, POPULATIONS, "spikes.h5", "by_id", {"run": {"dt": 1}})
    return tmp_path / "log"


def open_logs(folder, every=1e9):
    return [spike_log.SpikeLog(folder, rank, every) for rank in (0, 1)]


def test_all_spikes_before_the_earliest_last_time_are_read(folder):
    one, two = open_logs(folder)
    one.add(10.0, np.array([3.5, 9.0]), np.array([0, 4]))
    two.add(10.0, np.array([4.0]), np.array([2]))
    one.flush(10.0)
    two.flush(10.0)
    one.add(20.0, np.array([15.0]), np.array([1]))
    one.flush(20.0)
    found = spike_log.read_log(folder)
    assert found.until == 10.0
    assert sorted(zip(found.times, found.gids, strict=True)) == [(3.5, 0), (4.0, 2), (9.0, 4)]
    assert [(p.name, p.first, p.node_ids.tolist()) for p in found.populations] == [
        ("a", 0, [5, 6, 7]),
        ("b", 3, [0, 1]),
    ]
    assert (found.file_name, found.sort) == ("spikes.h5", "by_id")
    assert found.configuration == '{"run": {"dt": 1}}'


def test_what_was_not_flushed_is_not_there(folder):
    one, two = open_logs(folder)
    for log in (one, two):
        log.add(10.0, np.array([3.5]), np.array([0]))
        log.close()
    found = spike_log.read_log(folder)
    assert found.until == 0.0
    assert len(found.times) == 0


def test_it_is_flushed_when_it_is_time(folder):
    one, two = open_logs(folder, every=1e-9)
    for log in (one, two):
        log.add(10.0, np.array([3.5]), np.array([log.path.name == "000000.spikes"]))
    assert len(spike_log.read_log(folder).times) == 2


@pytest.mark.parametrize("cut", [1, 15, 16, 17])
def test_a_record_that_was_cut_short_is_left_out(folder, cut):
    one, two = open_logs(folder)
    for log in (one, two):
        log.add(10.0, np.array([3.5]), np.array([0]))
        log.flush(10.0)
        log.add(20.0, np.array([13.5]), np.array([0]))
        log.flush(20.0)
    one.path.write_bytes(one.path.read_bytes()[:-cut])
    found = spike_log.read_log(folder)
    assert found.until == 10.0
    assert found.times.tolist() == [3.5, 3.5]


def test_nothing_is_known_where_a_rank_has_written_nothing(folder):
    one, _ = open_logs(folder)
    one.add(10.0, np.array([3.5]), np.array([0]))
    one.flush(10.0)
    assert spike_log.read_log(folder).until == 0.0
    assert [path.name for path in folder.glob("*.spikes")] == ["000000.spikes"]


def test_no_log_is_told(tmp_path):
    with pytest.raises(InputError, match=r"log.h5 does not exist"):
        spike_log.read_log(tmp_path)


def test_a_full_disk_is_told(folder):
    log, _ = open_logs(folder)

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    log._file = Full()
    with pytest.raises(SimulationError, match=r"000000.spikes: cannot be written .*No space left"):
        log.flush(1.0)
