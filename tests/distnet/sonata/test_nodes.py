"""Populations of nodes, their attributes, and node sets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from distnet.errors import InputError
from distnet.sonata import load
from distnet.sonata.node_sets import NodeSets
from distnet.sonata.nodes import read_nodes
from distnet.sonata.section import Section
from distnet.sonata.types_table import read_types


def refused(circuit, message):
    with pytest.raises(InputError, match=message):
        load(circuit.write())


def gids(circuit, rule, **named):
    config = circuit.write()
    sections = Section("networks", circuit.circuit["networks"], {}, config)
    text = json.dumps(sections.values).replace("${NET}", "net").replace("$NET", "net")
    sections = Section("networks", json.loads(text), {}, config)
    sets = NodeSets(read_nodes(sections.sections("nodes")))
    for name, value in named.items():
        sets.add(name, name, value)
    return sets.gids(rule, "here").tolist()


def test_gids_follow_the_configuration(circuit):
    network = load(circuit.write()).network
    assert network.n_cells == 5
    assert network.kinds().tolist() == [0, 0, 0, 2, 2]
    assert [network.describe(gid) for gid in (0, 2, 3)] == ["cortex 0", "cortex 2", "input 0"]
    assert [p.name for p in network.cell_populations] == ["cortex"]
    circuit.circuit["networks"]["nodes"].reverse()
    assert load(circuit.write()).network.kinds().tolist() == [2, 2, 0, 0, 0]


def test_nodes_with_coordinates_have_positions(circuit):
    assert load(circuit.write()).network.positions() is None
    circuit.cortex.update({"0/y": [4.0, 5.0, 6.0], "0/z": [7.0, 8.0, 9.0]})
    positions = load(circuit.write()).network.positions()
    assert positions[:3].tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]
    assert positions.shape == (5, 3)


def test_node_ids_need_not_count_from_zero(circuit):
    circuit.cortex["node_id"] = [30, 10, 20]
    circuit.edges["target_node_id"] = [10, 20, 10, 30]
    network = load(circuit.write()).network
    assert network.describe(1) == "cortex 10"
    assert len(network.connections_to(1).source) == 2


def test_free_columns_are_attributes(circuit):
    circuit.cortex["0/layer"] = np.array([b"L4", b"L5", b"L4"])
    network = load(circuit.write()).network
    assert network.attribute(1, "ei") == "i"
    assert network.attribute(2, "x") == 3.0
    assert network.attribute(1, "layer") == "L5"
    assert network.attribute(3, "ei") is None


def test_hdf5_goes_before_the_table_of_types(circuit):
    circuit.cortex["0/ei"] = np.array([b"i", b"i", b"e"])
    network = load(circuit.write()).network
    assert [network.attribute(gid, "ei") for gid in range(3)] == ["i", "i", "e"]


def test_groups_hold_different_columns(circuit):
    circuit.cortex = {
        "node_type_id": [1, 2, 1],
        "node_group_id": [1, 0, 1],
        "node_group_index": [1, 0, 0],
        "0/tuning": [0.5],
        "1/x": [7.0, 8.0],
    }
    network = load(circuit.write()).network
    assert [network.attribute(gid, "x") for gid in range(3)] == [8.0, None, 7.0]
    assert [network.attribute(gid, "tuning") for gid in range(3)] == [None, 0.5, None]


def test_libraries_of_texts(circuit):
    circuit.cortex["0/mtype"] = [1, 0, 1]
    circuit.cortex["0/@library/mtype"] = np.array([b"PC", b"BC"])
    network = load(circuit.write()).network
    assert [network.attribute(gid, "mtype") for gid in range(3)] == ["BC", "PC", "BC"]


def test_a_model_type_that_is_not_supported(circuit):
    circuit.input_types[1] = "7 point_neuron"
    refused(circuit, r'population "input": model_type "point_neuron" is not supported; allowed are')


def test_a_model_type_that_is_missing(circuit):
    circuit.input_types = ["node_type_id pop_name", "7 x"]
    refused(circuit, r'population "input": model_type is missing; allowed are biophysical, virtual')


def test_a_type_that_the_table_lacks(circuit):
    circuit.cortex["node_type_id"] = [1, 3, 1]
    refused(circuit, r"cortex\.csv: node_type_id 3 is not in the table, which has 1, 2")


def test_a_node_id_that_is_there_twice(circuit):
    circuit.cortex["node_id"] = [0, 1, 1]
    refused(circuit, r'cortex\.h5: population "cortex" has a node_id twice')


def test_a_population_that_is_in_two_files(circuit):
    circuit.circuit["networks"]["nodes"].append(circuit.circuit["networks"]["nodes"][0])
    refused(circuit, r'cortex\.h5: the population "cortex" is in another file too')


def test_a_column_that_is_too_short(circuit):
    circuit.cortex["0/ei"] = np.array([b"i"])
    network = load(circuit.write()).network
    with pytest.raises(InputError, match='"cortex": the column "ei" is too short'):
        network.attribute(0, "ei")


def test_tables_of_types(tmp_path):
    (tmp_path / "t.csv").write_text('a node_type_id b\n"x y" 3 NULL\n1.5 4 None\n')
    table = read_types(tmp_path / "t.csv", "node_type_id")
    assert table.columns == ("a", "b")
    assert table.rows == {3: {"a": "x y", "b": None}, 4: {"a": 1.5, "b": None}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a b\n1 2\n", r"t\.csv:1: has no column node_type_id; found a, b"),
        (
            "node_type_id a\n1 2 3\n",
            r"t\.csv:2: has 3 values separated by single spaces, but 2",
        ),
        ("node_type_id a\n1 2\n1 3\n", r"t\.csv:3: node_type_id 1 is there twice"),
        ("node_type_id a\nx 2\n", r"t\.csv:2: node_type_id x is not a whole number"),
    ],
)
def test_wrong_tables_of_types(tmp_path, rows, message):
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(InputError, match=message):
        read_types(tmp_path / "t.csv", "node_type_id")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("all", [0, 1, 2, 3, 4]),
        ("input", [3, 4]),
        ({"population": "cortex"}, [0, 1, 2]),
        ({"population": ["cortex", "input"], "node_id": [1]}, [1, 4]),
        ({"node_id": [2, 0]}, [0, 2, 3]),
        ([1, 2], [1, 2, 4]),
        ({"population": "cortex", "ei": "e"}, [0, 2]),
        ({"ei": ["e", "i"], "node_id": [1, 2]}, [1, 2]),
        ({"model_type": "virtual"}, [3, 4]),
        ({"x": {"$gt": 1.5, "$lte": 3.0}}, [1, 2]),
        ({"ei": {"$regex": "^[ab]"}}, []),
        ({"node_id": {"$gte": 1}}, [1, 2, 4]),
        ("first", [0]),
        ("both", [0, 3, 4]),
        (["both", "second"], [0, 1, 3, 4]),
    ],
)
def test_node_sets(circuit, rule, expected):
    named = {
        "first": {"population": "cortex", "node_id": 0},
        "second": {"population": "cortex", "node_id": [1]},
        "both": ["first", "input"],
    }
    assert gids(circuit, rule, **named) == expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("none", r'here: there is no node set "none"; known are all, cortex, input, loop'),
        ({"population": "none"}, r'there is no population "none"; known are cortex, input'),
        ({"colour": 1}, r'no node has the attribute "colour"; known are node_id, population, .*ei'),
        ({"node_id": [0, 9]}, r"there is no node with node_id 9 in cortex, input"),
        ({"node_id": ["a"]}, r"the node_id 'a' is not a whole number"),
        ({"x": {"$about": 1}}, r'"\$about" is not one of \$gt'),
        ("loop", r'loop: the node set "loop" is part of itself'),
        (3, r"found a number where the name of a node set, .* is expected"),
    ],
)
def test_node_sets_that_are_refused(circuit, rule, message):
    with pytest.raises(InputError, match=message):
        gids(circuit, rule, loop=["loop"])


def test_node_sets_from_files_and_inline(circuit):
    (circuit.folder / "base.json").write_text('{"a": {"population": "cortex"}, "b": ["a"]}')
    (circuit.folder / "more.json").write_text('{"a": {"population": "cortex", "node_id": 1}}')
    circuit.circuit["node_sets_file"] = "base.json"
    circuit.simulation["node_sets_file"] = "more.json"
    circuit.simulation["node_sets"] = {"c": ["b"]}
    circuit.simulation["reports"]["v"] = {"variable_name": "v", "cells": "c"}
    assert load(circuit.write()).plan.reports[0].gids.tolist() == [1]


def test_a_missing_file_of_node_sets(circuit):
    circuit.simulation["node_sets_file"] = "none.json"
    refused(circuit, r'simulation\.json: "node_sets_file": the file .*none\.json does not exist')
