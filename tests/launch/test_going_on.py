"""A run that is interrupted goes on: on other ranks, to the same files."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from distnet.output import read_report, read_spikes

pytestmark = pytest.mark.mpi

#: `distnet` on this rank, which sends itself a signal when the first checkpoint is there.
SIGNALLED = """
import os, signal, sys, threading, time
from pathlib import Path

def watch(folder, number):
    while not any(folder.glob("checkpoint-*")):
        time.sleep(0.005)
    os.kill(os.getpid(), number)

from launch.cli import main
from launch.ranks import launched
number = getattr(signal, sys.argv[1])
if launched()[0] == int(sys.argv[2]):
    arguments = (Path(sys.argv[3]) / "checkpoints", number)
    threading.Thread(target=watch, args=arguments, daemon=True).start()
sys.exit(main(sys.argv[4:]))
"""


@pytest.fixture(scope="module")
def config(circuit):
    return circuit / "simulation_config.json"


@pytest.fixture(scope="module")
def whole(run_python, config, tmp_path_factory):
    """Results of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run_python(["-m", "launch", "run", config, "--out", out, "--tstop", 80, "--quiet"])
    assert done.returncode == 0, done.output
    return out


def assert_same_results(one, two):
    first, second = (read_spikes(out / "spikes.h5")["cortex"] for out in (one, two))
    assert len(first.times) > 5
    assert np.array_equal(first.times, second.times)
    assert np.array_equal(first.node_ids, second.node_ids)
    first, second = (read_report(out / "voltage.h5")["cortex"] for out in (one, two))
    assert np.array_equal(first.data, second.data)
    assert np.array_equal(first.node_ids, second.node_ids)
    assert np.array_equal(first.element_pos, second.element_pos)


@pytest.mark.parametrize(("number", "rank"), [("SIGUSR1", 1), ("SIGTERM", 0)])
def test_a_signal_saves_and_the_run_goes_on(
    mpirun, run_python, config, whole, tmp_path, number, rank
):
    out = tmp_path / "out"
    run = ["run", config, "--out", out, "--tstop", 80, "--quiet"]
    done = mpirun(2, ["-c", SIGNALLED, number, rank, out, *run, "--checkpoint-every", 5])
    assert done.returncode == 75, done.output
    assert not (out / "spikes.h5").exists()
    assert not (tmp_path / ".out.partial").exists()
    refused = run_python(["-m", "launch", *run])
    assert refused.returncode == 1
    assert "give --resume to go on with it" in refused.stderr
    done = mpirun(3, ["-m", "launch", *run, "--resume"])
    assert done.returncode == 0, done.output
    assert_same_results(whole, out)


def test_pieces_are_readable_after_a_kill_and_merged(mpirun, run_python, config, whole, tmp_path):
    out = tmp_path / "out"
    run = ["run", config, "--out", out, "--tstop", 80, "--quiet", "--checkpoint-every", 5]
    run += ["--flush-every", 1e-3]
    done = mpirun(2, ["-c", SIGNALLED, "SIGKILL", 1, out, *run])
    assert done.returncode not in (0, 75)
    pieces = sorted(out.glob("pieces/voltage/*.h5"))
    assert pieces
    done = run_python(["-m", "launch", "merge", out, "--keep"])
    assert done.returncode == 0, done.output
    found = read_report(out / "voltage.h5")["cortex"].data
    expected = read_report(whole / "voltage.h5")["cortex"].data
    written = ~np.isnan(found)
    assert written.sum() > 0
    assert np.array_equal(found[written], expected[: len(found)][written])
    found, all_spikes = (read_spikes(of / "spikes.h5")["cortex"] for of in (out, whole))
    assert np.array_equal(found.times, all_spikes.times[: len(found.times)])
    done = run_python(["-m", "launch", *run, "--resume", "--overwrite"])
    assert done.returncode == 0, done.output
    assert_same_results(whole, out)


def test_an_index_of_pieces_is_read_by_libsonata(run_python, config, whole, tmp_path, monkeypatch):
    libsonata = pytest.importorskip("libsonata")
    import distnet.report_streams
    from distnet.run import Going, run_sonata

    monkeypatch.setattr(distnet.report_streams, "COPIED", 0)
    monkeypatch.setattr(distnet.report_streams, "PIECE", 50_000)
    run_sonata(config, tmp_path, tstop=80.0, going=Going(tmp_path))
    assert len(list(tmp_path.glob("pieces/voltage/*.h5"))) > 2
    with h5py.File(tmp_path / "voltage.h5") as file:
        assert file["report/cortex/data"].is_virtual
    assert_same_results(whole, tmp_path)
    reader = libsonata.ElementReportReader(str(tmp_path / "voltage.h5"))["cortex"]
    frame = reader.get(tstart=10.0, tstop=20.0)
    data = read_report(whole / "voltage.h5")["cortex"]
    rows = (data.times >= 10.0 - 1e-6) & (data.times <= 20.0 + 1e-6)
    assert np.array_equal(np.asarray(frame.data), data.data[rows].astype(np.float32))
    done = run_python(["-m", "launch", "merge", tmp_path])
    assert done.returncode == 0, done.output
    assert not (tmp_path / "pieces").exists()
    assert_same_results(whole, tmp_path)
