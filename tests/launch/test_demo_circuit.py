"""The demo's circuit is a SONATA network that other tools read, the same for one seed."""

from __future__ import annotations

import hashlib

import h5py
import libsonata
import numpy as np
import pytest

from distnet.morphology import load_swc
from distnet.output import read_spikes
from launch.demo.circuit import build_circuit
from launch.demo.model import N_INPUTS, TYPES
from launch.demo.sonata import write_index

N_CELLS = sum(t.n for t in TYPES)


def edges(circuit, name):
    population = libsonata.EdgeStorage(str(circuit / "network" / f"{name}_cortex_edges.h5"))
    return population.open_population(f"{name}_to_cortex")


def test_it_holds_enough_cells_of_five_types(circuit):
    assert N_CELLS >= 21
    nodes = libsonata.NodeStorage(str(circuit / "network" / "cortex_nodes.h5"))
    population = nodes.open_population("cortex")
    assert population.size == N_CELLS
    with h5py.File(circuit / "network" / "cortex_nodes.h5") as file:
        assert np.unique(file["nodes/cortex/node_type_id"]).tolist() == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("name", ["cortex", "external"])
def test_edges_lie_on_dendrites_and_their_indices_are_right(circuit, name):
    population = edges(circuit, name)
    everything = population.select_all()
    source, target = population.source_nodes(everything), population.target_nodes(everything)
    assert source.max() < (N_CELLS if name == "cortex" else N_INPUTS)
    assert set(target) == set(range(N_CELLS))
    for node in (0, 7, N_CELLS - 1):
        assert (
            population.afferent_edges([node]).flatten().tolist()
            == np.flatnonzero(target == node).tolist()
        )
        assert (
            population.efferent_edges([node]).flatten().tolist()
            == np.flatnonzero(source == node).tolist()
        )
    section = population.get_attribute("afferent_section_id", everything)
    n_section = np.repeat([n_dendrites(circuit, t.morphology) for t in TYPES], [t.n for t in TYPES])
    assert np.all((section >= 1) & (section <= n_section[target]))
    position = population.get_attribute("afferent_section_pos", everything)
    assert np.all((position > 0) & (position < 1))
    delay = population.get_attribute("delay", everything)
    assert delay.min() >= 1.0
    assert np.allclose(delay / 0.025, np.round(delay / 0.025))
    assert population.get_attribute("syn_weight", everything).min() > 0


def n_dendrites(circuit, morphology):
    sections = load_swc(circuit / "components" / "morphologies" / morphology).sections
    return sum(section.region in ("dend", "apic") for section in sections)


def test_no_cell_excites_itself(circuit):
    population = edges(circuit, "cortex")
    everything = population.select_all()
    assert not np.any(population.source_nodes(everything) == population.target_nodes(everything))


def test_the_drive_follows_its_rhythm(circuit):
    spikes = read_spikes(circuit / "inputs" / "external_spikes.h5")["external"]
    assert 300 < len(spikes.times) < 700
    assert spikes.times.min() >= 0
    assert spikes.times.max() <= 500
    phase = spikes.times % 125
    assert (phase < 62.5).sum() > 1.5 * (phase >= 62.5).sum()


def test_it_names_its_origin(circuit):
    assert "Allen Institute" in (circuit / "components" / "LICENSE").read_text()


def test_the_same_seed_gives_the_same_circuit(circuit, tmp_path):
    def digest(folder):
        everything = hashlib.sha256()
        for path in sorted(folder.rglob("*.h5")):
            with h5py.File(path) as file:
                file.visititems(
                    lambda name, item: (
                        everything.update(name.encode())
                        if isinstance(item, h5py.Group)
                        else everything.update(name.encode() + item[()].tobytes())
                    )
                )
        return everything.hexdigest()

    build_circuit(tmp_path / "same", seed=1, tstop=500.0)
    build_circuit(tmp_path / "other", seed=2, tstop=500.0)
    assert digest(tmp_path / "same") == digest(circuit)
    assert digest(tmp_path / "other") != digest(circuit)


def test_a_failure_leaves_nothing(monkeypatch, tmp_path):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("launch.demo.circuit.copy_components", fail)
    with pytest.raises(OSError, match="disk full"):
        build_circuit(tmp_path / "circuit", seed=1, tstop=500.0)
    assert not list(tmp_path.iterdir())


def test_an_index_names_every_edge_once(tmp_path):
    ids = np.array([2, 2, 0, 2, 4])
    with h5py.File(tmp_path / "index.h5", "w") as file:
        write_index(file, ids, 5)
        node_ranges, ranges = file["node_id_to_range"][()], file["range_to_edge_id"][()]
    found = [
        sorted(e for first, last in ranges[a:b] for e in range(first, last)) for a, b in node_ranges
    ]
    assert found == [[2], [], [0, 1, 3], [], [4]]
