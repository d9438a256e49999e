"""Spike trains of virtual nodes, and current clamps."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from distnet.errors import InputError
from distnet.network import SpikeTrain
from distnet.sonata import load


def refused(circuit, message):
    with pytest.raises(InputError, match=message):
        load(circuit.write())


def times(circuit):
    network = load(circuit.write()).network
    return [network.cell(gid).times.tolist() for gid in (3, 4)]


def clamp(circuit, **changes):
    circuit.simulation["inputs"]["step"] = {
        "input_type": "current_clamp",
        "module": "IClamp",
        "node_set": {"population": "cortex", "node_id": [1]},
        "amp": 0.1,
        "delay": 3.0,
        "duration": 4.0,
        **changes,
    }


def test_virtual_nodes_are_spike_trains(circuit):
    assert times(circuit) == [[1.0, 3.0], [2.0]]
    assert isinstance(load(circuit.write()).network.cell(3), SpikeTrain)


def test_nodes_that_no_input_drives_are_silent(circuit):
    circuit.simulation["inputs"]["drive"]["node_set"] = {"population": "input", "node_id": 1}
    assert times(circuit) == [[], [2.0]]


def test_an_input_may_be_switched_off(circuit):
    circuit.simulation["inputs"]["drive"]["enabled"] = False
    assert times(circuit) == [[], []]


@pytest.mark.parametrize(
    "text",
    [
        "timestamps population node_ids\n3.0 input 0\n1 input 0\n2.0 input 1\n9 cortex 0\n",
        "node_ids timestamps\n0 3.0\n0 1.0\n1 2.0\n",
    ],
)
def test_tables_of_spikes(circuit, text):
    (circuit.folder / "spikes.csv").write_text(text)
    circuit.simulation["inputs"]["drive"] |= {"module": "csv", "input_file": "spikes.csv"}
    assert times(circuit) == [[1.0, 3.0], [2.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "timestamps gids\n1 2\n",
            r'spikes\.csv:1: has no column "node_ids"; found timestamps, gi',
        ),
        ("timestamps node_ids\nx 2\n", r"spikes\.csv:2: needs a number under timestamps"),
        ("", r'spikes\.csv:1: has no column "timestamps"; found nothing'),
    ],
)
def test_wrong_tables_of_spikes(circuit, text, message):
    (circuit.folder / "spikes.csv").write_text(text)
    circuit.simulation["inputs"]["drive"] |= {"module": "csv", "input_file": "spikes.csv"}
    refused(circuit, message)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ({"timestamps": [1.0], "node_ids": [2]}, r'"input": there is no node with node_id 2'),
        ({"timestamps": [-1.0], "node_ids": [0]}, r"a timestamp is negative or not a number"),
        ({"timestamps": [1.0, 2.0], "node_ids": [0]}, r"has 2 timestamps but 1 node_ids"),
        ({"timestamps": [1.0]}, r'population "input" has no dataset "node_ids"'),
    ],
)
def test_wrong_spikes(circuit, spikes, message):
    circuit.spikes = spikes
    refused(circuit, message)


def test_spikes_of_another_population(circuit):
    config = circuit.write()
    with h5py.File(circuit.folder / "net/spikes.h5", "a") as file:
        file.move("spikes/input", "spikes/other")
    with pytest.raises(InputError, match='no spikes of population "input"; found are other'):
        load(config)


def test_two_inputs_of_one_node(circuit):
    circuit.simulation["inputs"]["again"] = circuit.simulation["inputs"]["drive"]
    refused(circuit, r'"inputs\.again": node 0 of input has spikes from "inputs\.drive" already')


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("input_type", "noise", r'"noise" is not supported; allowed are spikes, current_clamp'),
        ("module", "nwb", r'"nwb" is not supported; allowed are h5, sonata, csv'),
        ("node_set", "cortex", r'"inputs\.drive\.node_set": the node set holds no virtual node'),
        ("input_file", None, r'"inputs\.drive": the key "input_file" is missing'),
        ("input_type", None, r'"inputs\.drive": the key "input_type" is missing'),
    ],
)
def test_inputs_that_are_refused(circuit, key, value, message):
    circuit.simulation["inputs"]["drive"][key] = value
    refused(circuit, message)


def test_a_current_clamp_in_the_soma(circuit):
    clamp(circuit)
    network = load(circuit.write()).network
    (process,) = network.cell(1).processes
    assert (process.mechanism, process.node) == ("IClamp", 0)
    assert process.parameters == {"delay": 3.0, "dur": 4.0, "amp": 0.1}
    assert "IClamp" not in [p.mechanism for p in network.cell(0).processes]


def test_clamps_come_after_synapses(circuit):
    clamp(circuit, node_set="cortex")
    network = load(circuit.write()).network
    assert [p.mechanism for p in network.cell(0).processes] == ["Exp2Syn"] * 3 + ["IClamp"]
    assert network.connections_to(0).target.tolist() == [0, 1, 2]


def test_several_clamps_elsewhere(circuit):
    clamp(
        circuit,
        amp=[0.1, -0.1],
        delay=[1, 2],
        duration=[3, 4],
        section_name="dend",
        section_index=2,
        section_dist=0.9,
    )
    first, second = load(circuit.write()).network.cell(1).processes
    assert second.parameters == {"delay": 2.0, "dur": 4.0, "amp": -0.1}
    cell = load(circuit.write()).network.cell(1)
    assert cell.sections[cell.cable.section[first.node]].name == "dend[2]"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amp": None}, r'"inputs\.step": the key "amp" is missing'),
        ({"amp": [1, 2]}, r"amp, delay and duration have 2, 1, 1 values"),
        ({"amp": "x"}, r"found 'x' where a number or a list of numbers is expected"),
        ({"module": "SEClamp"}, r'"SEClamp" is not supported; allowed are IClamp'),
        ({"section_dist": 1.5}, r"found 1\.5 where a number from 0 to 1 is expected"),
        ({"section_name": "tuft"}, r'"tuft" is not supported; allowed are soma, dend, apic, axon'),
        ({"section_index": [0, 100]}, r"found a list where a whole number, 0 or greater, is"),
        ({"node_set": "input"}, r"the node set holds no biophysical node"),
    ],
)
def test_wrong_clamps(circuit, changes, message):
    clamp(circuit, **changes)
    refused(circuit, message)


def test_a_clamp_in_a_section_that_is_not_there(circuit):
    clamp(circuit, section_name="apic")
    network = load(circuit.write()).network
    with pytest.raises(InputError, match=r'"inputs\.step": there is no section apic\[0\] in'):
        network.cell(1)


def test_the_asset(assets):
    network = load(assets / "sonata_small/config.json").network
    assert network.trains.n_spikes == 467
    assert network.kinds().tolist() == [0] * 21 + [2] * 30
    assert [edges.in_degree().sum() for edges in network.edges] == [307, 1141]
    network.own(np.arange(21))
    assert sum(len(network.connections_to(gid).source) for gid in range(21)) == 1448
    clamped = [g for g in range(21) if network.cell(g).processes[-1].mechanism == "IClamp"]
    assert clamped == [0, 5, 10, 15, 18]
