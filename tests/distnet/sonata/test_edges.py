"""Edges become point processes and connections; what is wrong is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distnet.errors import InputError
from distnet.sonata import columns, load

#: A fair index of the circuit's edges by target.
INDEX = ([[0, 2], [0, 0], [2, 3]], [[0, 1], [2, 4], [1, 2]])


def onto(circuit, gid):
    network = load(circuit.write()).network
    network.own(np.array([0, 1, 2]))
    return network.connections_to(gid)


def refused(circuit, message):
    network = load(circuit.write()).network
    with pytest.raises(InputError, match=message):
        network.own(np.array([0, 1, 2]))


def test_connections_keep_the_order_of_the_file(circuit):
    found = onto(circuit, 0)
    assert found.source.tolist() == [3, 4, 3]
    assert found.target.tolist() == [0, 1, 2]
    assert found.weight.tolist() == [0.1, 0.3, 0.4]
    assert found.delay.tolist() == [2.0, 2.0, 2.0]
    assert onto(circuit, 1).source.tolist() == []


@pytest.mark.parametrize("index", [None, INDEX])
def test_one_cell_gets_the_same_as_all(circuit, index):
    circuit.index = index
    network = load(circuit.write()).network
    alone = network.connections_to(0)
    assert alone.weight.tolist() == [0.1, 0.3, 0.4]
    assert network.connections_to(2).weight.tolist() == [0.2]


def test_point_processes_lie_where_the_edges_say(circuit):
    circuit.edges["0/afferent_section_pos"] = [0.5, 0.25, 0.75, 0.9]
    cell = load(circuit.write()).network.cell(0)
    assert [p.mechanism for p in cell.processes] == ["Exp2Syn"] * 3
    places = [(cell.cable.section[p.node], cell.cable.x[p.node]) for p in cell.processes]
    # Section 2 is sqrt(55^2 + 40^2) = 68 um long and has 1 + 2 int(68 / 40) = 3 segments.
    assert places == [(0, 0.5), (2, pytest.approx(5 / 6)), (4, 0.5)]
    assert cell.processes[0].parameters == {"tau1": 0.5, "tau2": 2.0, "e": -10.0}


def test_hdf5_goes_before_the_table_of_types(circuit):
    circuit.edges["0/delay"] = [1.0, 1.5, np.nan, 3.0]
    assert onto(circuit, 0).delay.tolist() == [1.0, 2.0, 3.0]


def test_old_names_of_places(circuit):
    circuit.edges["0/sec_id"] = circuit.edges.pop("0/afferent_section_id")
    circuit.edges["0/sec_x"] = circuit.edges.pop("0/afferent_section_pos")
    assert len(onto(circuit, 0).source) == 3


def test_parameters_edge_by_edge(circuit):
    circuit.edges["0/dynamics_params/tau2"] = [5.0, 6.0, 7.0, 8.0]
    cell = load(circuit.write()).network.cell(0)
    assert [p.parameters["tau2"] for p in cell.processes] == [5.0, 7.0, 8.0]
    assert [p.parameters["tau1"] for p in cell.processes] == [0.5, 0.5, 0.5]


def test_parameters_edge_by_edge_and_no_file(circuit):
    circuit.edge_types[1] = "5 Exp2Syn NULL 2.0"
    for name in ("tau1", "tau2", "erev"):
        circuit.edges[f"0/dynamics_params/{name}"] = [5.0, 6.0, 7.0, 8.0]
    cell = load(circuit.write()).network.cell(0)
    assert cell.processes[2].parameters == {"tau1": 8.0, "tau2": 8.0, "e": 8.0}


def test_any_point_process_may_be_named(circuit):
    circuit.edge_types[1] = "5 MySyn syn.json 2.0"
    circuit.synapse = {"U": 0.3, "erev": -80}
    cell = load(circuit.write()).network.cell(0)
    assert (cell.processes[0].mechanism, cell.processes[0].parameters) == (
        "MySyn",
        {"U": 0.3, "e": -80.0},
    )


def test_expsyn_by_bmtks_names(circuit):
    circuit.edge_types[1] = "5 expsyn syn.json 2.0"
    circuit.synapse = {"tau1": 3.0, "erev": 0}
    cell = load(circuit.write()).network.cell(0)
    assert cell.processes[0].mechanism == "ExpSyn"
    assert cell.processes[0].parameters == {"tau": 3.0, "e": 0.0}


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("source_node_id", [0, 1, 1, 2], r'edge 3 \("input" to "cortex"\): source node 2 does not'),
        ("target_node_id", [0, 3, 0, 0], r'edge 1 \("input" to "cortex"\): target node 3 does not'),
        ("0/afferent_section_id", [0, 1, -2, 4], r"edge 2 .*afferent_section_id is -2\.0, not a"),
        ("0/afferent_section_pos", [0, 1, 2, 0], r"edge 2 .*afferent_section_pos is 2\.0; allowed"),
        ("0/syn_weight", [0.1, 0.1, np.nan, 0.1], r"edge 2 .*: syn_weight is missing"),
        ("0/delay", [1.0, -1.0, 1.0, 1.0], r"edge 1 .*: delay -1\.0 ms is negative"),
        ("edge_type_id", [5, 5, 6, 5], r"edge 2 .*: delay is missing"),
        (
            "edge_type_id",
            [5, 5, 9, 5],
            r"edges\.csv: edge_type_id 9 is not in the table, which has",
        ),
        ("0/syn_weight", [0.1], r'the column "syn_weight" is too short'),
    ],
)
@pytest.mark.parametrize("index", [None, INDEX])
def test_a_wrong_edge_is_named(circuit, column, values, message, index):
    circuit.edges[column] = values
    circuit.index = index
    if column == "target_node_id" and index is not None:
        circuit.index = ([[0, 1], [1, 1], [1, 1], [1, 2]], [[0, 1], [1, 2]])
    refused(circuit, message)


@pytest.mark.parametrize("name", ["afferent_section_id", "afferent_section_pos"])
def test_locations_must_be_explicit(circuit, name):
    del circuit.edges[f"0/{name}"]
    refused(circuit, rf"edge \d .*: {name} is missing; every edge needs an explicit location")


def test_a_section_that_the_cell_lacks(circuit):
    circuit.edges["0/afferent_section_id"] = [0, 1, 2, 6]
    network = load(circuit.write()).network
    with pytest.raises(
        InputError, match=r"edge 3: afferent_section_id is 6, but cortex 0 has sect"
    ):
        network.cell(0)


def test_a_delay_below_the_time_step(circuit):
    circuit.ends = {"source_node_id": "cortex", "target_node_id": "cortex"}
    circuit.edge_types[1] = "5 Exp2Syn syn.json 0.01"
    refused(circuit, r"edge 0 .*: delay 0\.01 ms is shorter than the time step 0\.1 ms")


def test_known_spikes_may_arrive_at_once(circuit):
    circuit.edge_types[1] = "5 Exp2Syn syn.json 0.0"
    assert onto(circuit, 0).delay.tolist() == [0.0, 0.0, 0.0]


def test_a_virtual_target(circuit):
    circuit.ends["target_node_id"] = "input"
    circuit.edges["target_node_id"] = [0, 1, 0, 0]
    network = load(circuit.write()).network
    with pytest.raises(InputError, match=r"edge 0 .*: target node 0 is virtual"):
        network.costs()


@pytest.mark.parametrize("population", ["none", ""])
def test_a_population_that_does_not_exist(circuit, population):
    circuit.ends["source_node_id"] = population
    with pytest.raises(
        InputError, match=rf'source_node_id is "{population}"; known are cortex, in'
    ):
        load(circuit.write())


def test_an_index_that_leaves_edges_out(circuit):
    circuit.index = ([[0, 1], [0, 0], [1, 2]], [[0, 1], [1, 2]])
    refused(circuit, r"indices/target_to_source holds 2 of the 4 edges")


def test_an_index_of_other_edges(circuit):
    circuit.index = ([[0, 1], [1, 1], [1, 2]], [[0, 2], [2, 4]])
    network = load(circuit.write()).network
    with pytest.raises(InputError, match="names edges onto other nodes"):
        network.own(np.array([0]))


@pytest.mark.parametrize(
    ("types", "synapse", "message"),
    [
        ("5 Exp2Syn none.json 2.0", None, r'"drive": the file .*none\.json does not exist'),
        ("5 Exp2Syn NULL 2.0", None, r'the parameter "tau1" of Exp2Syn is missing'),
        ("5 NULL syn.json 2.0", None, r"edge 0 .*: model_template is missing"),
        (
            "5 Exp2Syn syn.json 2.0",
            {"tau1": 1},
            r'syn\.json: the parameter "tau2" of Exp2Syn is mi',
        ),
        ("5 Exp2Syn syn.json 2.0", {"tau": 1}, r'"tau" is not a parameter of Exp2Syn; allowed are'),
        ("5 MySyn syn.json 2.0", {"U": "x"}, r"\"U\" is 'x' where a number is expected"),
        ("5 Exp2Syn syn.json soon", None, r'delay is "soon" where a number is expected'),
    ],
)
def test_synapse_models_that_are_refused(circuit, types, synapse, message):
    circuit.edge_types[1] = types
    circuit.synapse = synapse or circuit.synapse
    refused(circuit, message)


def test_weight_functions(circuit):
    circuit.edge_types = [
        f"{row} {end}"
        for row, end in zip(circuit.edge_types, ("weight_function", "wmax", "x"), strict=True)
    ]
    assert len(onto(circuit, 0).source) == 3
    circuit.edges["edge_type_id"] = [5, 5, 6, 5]
    refused(circuit, r'edge 2 .*: weight_function "x" is not supported; give syn_weight')


def test_costs_count_nodes_mechanisms_and_synapses(circuit):
    network = load(circuit.write()).network
    cell = network.cell(1)
    work = len(cell.cable.parent) + sum(len(d.node) for d in cell.density.values())
    assert network.costs().tolist() == [work + 1.5, work, work + 0.5, 0.0, 0.0]
    assert network.n_synapses() == 4


@given(st.lists(st.integers(0, 20_000)))
@settings(max_examples=50)
def test_take_reads_any_places(tmp_path_factory, index):
    import h5py

    with h5py.File("take.h5", "w", driver="core", backing_store=False) as file:
        data = np.arange(20_001) * 3
        file["data"] = data
        taken = columns.take(file["data"], np.array(index, dtype=np.int64))
    assert taken.tolist() == data[index].tolist()


def test_all_edges_come_in_pieces(circuit, monkeypatch):
    monkeypatch.setattr("distnet.sonata.edges.CHUNK", 3)
    network = load(circuit.write()).network
    pieces = [(s.tolist(), t.tolist()) for s, t in network.all_connections()]
    assert pieces == [([3, 4, 4], [0, 2, 0]), ([3], [0])]
    circuit.edges["source_node_id"] = [0, 1, 1, 9]
    with pytest.raises(InputError, match="edge 3 .*source node 9 does not exist"):
        list(load(circuit.write()).network.all_connections())
