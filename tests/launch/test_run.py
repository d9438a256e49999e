"""`distnet run` and `distnet demo` from the shell: results, and what a failure leaves."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest

from distnet.gpu import gpu_trouble
from distnet.output import read_report, read_spikes


def run_demo(run_python, out, *options):
    return run_python(["-m", "launch", "demo", "--out", out, *options], timeout=300)


@pytest.mark.mpi
def test_the_demo_leaves_spikes_voltages_and_pictures(run_python, tmp_path):
    done = run_demo(run_python, tmp_path / "two", "--tstop", "120")
    assert done.returncode == 0, done.output
    one = run_demo(run_python, tmp_path / "one", "--tstop", "120", "--ranks", "1", "--quiet")
    assert one.returncode == 0, one.output
    assert not one.stderr
    names = {path.name for path in (tmp_path / "two").iterdir()}
    results = {"spikes.h5", "voltage.h5", "raster.png", "rates.png", "voltage.png"}
    assert names == {"circuit", *results}
    for name in results:
        assert str(tmp_path / "two" / name) in done.stdout
    # The same bits on one rank and on two.
    (two, first) = (read_spikes(tmp_path / n / "spikes.h5")["cortex"] for n in ("two", "one"))
    assert len(two.times) > 20
    assert np.array_equal(two.times, first.times)
    assert np.array_equal(two.node_ids, first.node_ids)
    voltages = [read_report(tmp_path / n / "voltage.h5")["cortex"].data for n in ("two", "one")]
    assert np.array_equal(*voltages)


def start(run_python, config, out, *options):
    return run_python(["-m", "launch", "run", config, "--out", out, *options])


def test_earlier_results_are_not_replaced_unasked(run_python, circuit, tmp_path):
    config, out = circuit / "simulation_config.json", tmp_path / "out"
    options = ("--backend", "null", "--tstop", "1")
    assert start(run_python, config, out, *options).returncode == 0
    again = start(run_python, config, out, *options)
    assert again.returncode == 1
    assert "holds spikes.h5 of an earlier run" in again.stderr
    assert start(run_python, config, out, *options, "--overwrite").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_keeps_the_gpu_from_use_is_told_before_the_circuit_is_read(run_python, tmp_path):
    if not (trouble := gpu_trouble()):
        pytest.skip("there is a GPU")
    config = tmp_path / "config.json"
    config.write_text("no circuit")
    done = start(run_python, config, tmp_path / "out", "--backend", "cuda")
    assert done.returncode == 1
    assert done.told == [f"distnet: {trouble}"]


@pytest.mark.gpu
@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_circuit_on_gpus_has_the_bits_of_the_cpu(
    gpu, run_python, mpirun, circuit, tmp_path, ranks
):
    """Each rank takes its own card, or all the only one."""
    config = circuit / "simulation_config.json"
    cpu, gpus = tmp_path / "cpu", tmp_path / "gpus"
    assert start(run_python, config, cpu, "--backend", "cpu", "--tstop", "50").returncode == 0
    options = ["--backend", "cuda", "--tstop", "50", "--out", gpus]
    done = mpirun(ranks, ["-m", "launch", "run", config, *options])
    assert done.returncode == 0, done.output
    one, other = (read_spikes(out / "spikes.h5")["cortex"] for out in (cpu, gpus))
    assert np.array_equal(one.times, other.times)
    assert np.array_equal(one.node_ids, other.node_ids)
    reports = [read_report(out / "voltage.h5")["cortex"].data for out in (cpu, gpus)]
    assert np.array_equal(*reports)


def changed(circuit, tmp_path, change):
    """A copy of the circuit whose simulation configuration was changed."""
    shutil.copytree(circuit, tmp_path / "circuit")
    config = tmp_path / "circuit" / "simulation_config.json"
    content = json.loads(config.read_text())
    change(content)
    config.write_text(json.dumps(content))
    return config


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["run"].update(dT=0.1), "dT"),
        (lambda c: c.update(network="$BASE_DIR/none.json"), "none.json"),
        (lambda c: c["run"].update(tstop=-1), "tstop"),
    ],
)
def test_a_wrong_configuration_is_told_once(mpirun, circuit, tmp_path, change, words):
    config = changed(circuit, tmp_path, change)
    done = mpirun(2, ["-m", "launch", "run", config, "--out", tmp_path / "out"])
    assert done.returncode == 1
    assert len(done.told) == 1, done.stderr
    assert words in done.told[0]
    assert "Traceback" not in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["circuit"]


@pytest.mark.mpi
def test_a_cell_that_blows_up_is_named_and_nothing_is_left(mpirun, circuit, tmp_path):
    config = changed(circuit, tmp_path, lambda c: c["run"].update(tstop=100.0))
    with h5py.File(config.parent / "network" / "external_cortex_edges.h5", "r+") as file:
        edges = file["edges/external_to_cortex"]
        weights = edges["0/syn_weight"][()]
        weights[edges["target_node_id"][()] == 5] = 1e308
        edges["0/syn_weight"][...] = weights
    done = mpirun(2, ["-m", "launch", "run", config, "--out", tmp_path / "out"])
    assert done.returncode != 0
    assert len(done.told) == 1, done.stderr
    assert "cortex 5" in done.told[0]
    assert "ms" in done.told[0]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["circuit"]
