"""A state that was saved and taken up again gives the same bits; a wrong one is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "mpi"))
from networks import make_network

from distnet.checkpoint import Checkpoint, Saving, latest_checkpoint
from distnet.checkpoint.cells import cell_pointers, entries
from distnet.control import CHECKPOINT, STOP
from distnet.errors import InputError
from distnet.exchange import LocalExchange
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation

DT, END = 0.025, 30.0


def simulate(network, tstop=END, backend="cpu", settings=None, ask=None, **options):
    n = int((network.kinds() == 0).sum())
    voltage = Recording("v", np.arange(n), np.zeros(n, int), 0.5)
    simulation = Simulation(network, settings or Settings(dt=DT), [voltage], backend)

    def on_progress(step, last):
        if ask is not None and step == round(ask[0] / DT):
            simulation.control.request(ask[1])

    result = simulation.run(tstop, on_progress, **options)
    return simulation, result


def saving(folder, every=10.0):
    return Saving(folder, LocalExchange(), every)


def save(network, folder, **options):
    """Save at 10 ms; the folder of it."""
    simulate(network, 15.0, saving=saving(folder), **options)
    return Checkpoint.open(folder)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_run_goes_on_to_the_same_bits(tmp_path, backend):
    n, end = (8, END) if backend == "cpu" else (3, 16.0)
    network = make_network(n, fan_in=2)
    checkpoint = save(network, tmp_path, backend=backend)
    _, whole = simulate(network, end, backend)
    _, rest = simulate(network, end, backend, restart=checkpoint)
    assert checkpoint.step == 400
    assert len(whole.spike_time) > 5
    assert np.array_equal(whole.spike_time, rest.spike_time)
    assert np.array_equal(whole.spike_gid, rest.spike_gid)
    assert np.array_equal(whole.samples[0][20:], rest.samples[0])


def test_saving_changes_nothing_and_the_last_two_stay(tmp_path):
    network = make_network(8, fan_in=2)
    _, plain = simulate(network)
    _, saved = simulate(network, saving=saving(tmp_path, 5.0))
    assert np.array_equal(plain.samples[0], saved.samples[0])
    assert np.array_equal(plain.spike_time, saved.spike_time)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-0000000800",
        "checkpoint-0000001000",
    ]


def test_one_wish_saves_the_other_stops(tmp_path):
    network = make_network(8, fan_in=2)
    _, found = simulate(network, saving=saving(tmp_path, None), ask=(12.0, CHECKPOINT))
    assert found.complete
    assert latest_checkpoint(tmp_path).name == "checkpoint-0000000500"
    _, found = simulate(network, saving=saving(tmp_path, None), ask=(20.0, STOP))
    assert not found.complete
    assert found.step == 820
    assert latest_checkpoint(tmp_path).name == "checkpoint-0000000820"
    _, rest = simulate(network, restart=Checkpoint.open(tmp_path))
    _, plain = simulate(network)
    assert np.array_equal(plain.spike_time, rest.spike_time)


def refused(network, path, words, **options):
    with pytest.raises(InputError, match=words):
        simulate(network, restart=Checkpoint.open(path), **options)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    network = make_network(4, fan_in=2)
    whole = save(network, tmp_path / "whole").folder
    with pytest.raises(InputError, match="holds no checkpoint"):
        Checkpoint.open(tmp_path)

    def damaged(name, change):
        folder = tmp_path / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        path = folder / name
        path.write_bytes(change(path.read_bytes()))
        return folder

    refused(network, damaged("rank-000000.npz", lambda b: b[:-7]), "bytes; the manifest says")
    flip = damaged("rank-000000.npz", lambda b: b[:900] + bytes([b[900] ^ 1]) + b[901:])
    refused(network, flip, "its checksum is not")
    refused(network, damaged("owners.npy", lambda b: b[:-1]), "its checksum is not")
    refused(network, damaged("manifest.json", lambda b: b[:40]), "manifest.json: is damaged")
    later = damaged("manifest.json", lambda b: b.replace(b'"format": 1', b'"format": 9'))
    refused(network, later, "has the format 9")
    folder = damaged("manifest.json", lambda b: b)
    (folder / "rank-000000.npz").unlink()
    refused(network, folder, "is missing from the checkpoint")


def test_a_foreign_checkpoint_is_refused(tmp_path):
    network = make_network(4, fan_in=2)
    path = save(network, tmp_path).folder
    refused(make_network(5, fan_in=2), path, "number of cells was 10 then and is 11 now")
    refused(network, path, "dt was 0.025 then", settings=Settings(dt=0.05))
    refused(network, path, "celsius was 6.3 then", settings=Settings(dt=DT, celsius=34.0))
    other = make_network(4, seed=2, fan_in=2)
    refused(other, path, "cell 0 had another shape or other connections then")
    refused(network, path, "was saved at 10 ms; the run ends at 5", tstop=5.0)
    content = json.loads((path / "manifest.json").read_text())
    content["identity"]["mechanisms"]["hh"] = "0"
    (path / "manifest.json").write_text(json.dumps(content))
    refused(network, path, "mechanism hh was another one then")


def test_every_entry_of_a_block_belongs_to_one_cell(tmp_path):
    network = make_network(6, fan_in=2)
    simulation, _ = simulate(network, 1.0)
    lowered = simulation.lowered
    ptr = cell_pointers(lowered)
    sizes = {"node": lowered.block.n_node, "connection": len(lowered.block.weight)}
    sizes["source"] = len(lowered.source_gid)
    sizes |= {group.mechanism.name: group.n for group in lowered.block.mechanisms}
    for kind, size in sizes.items():
        assert ptr[kind][0] == 0
        assert ptr[kind][-1] == size
        everything = entries(ptr[kind], np.arange(lowered.block.n_cell))
        assert np.array_equal(everything, np.arange(size))


@pytest.mark.parametrize("every", [0.0, -1.0, float("nan")])
def test_a_time_between_checkpoints_is_positive(tmp_path, every):
    with pytest.raises(InputError, match="is not a positive time"):
        simulate(make_network(3, fan_in=1), 1.0, saving=saving(tmp_path, every))
