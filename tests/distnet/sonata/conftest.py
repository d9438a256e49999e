"""A small SONATA circuit that a test changes before it is written."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

SWC = """\
1 1 0 0 0 5 -1
2 1 0 -5 0 5 1
3 1 0 5 0 5 1
4 2 0 -5 0 1 1
5 2 0 -60 0 1 4
6 3 5 0 0 1.5 1
7 3 105 0 0 0.5 6
8 3 160 40 0 0.5 7
9 3 160 -40 0 0.5 7
"""

FIT = {
    "passive": [
        {
            "ra": 120.0,
            "e_pas": -75.0,
            "cm": [
                {"section": "soma", "cm": 1.0},
                {"section": "axon", "cm": 1.0},
                {"section": "dend", "cm": 2.0},
            ],
        }
    ],
    "conditions": [{"erev": [{"section": "soma", "ena": 53.0, "ek": -107.0}]}],
    "genome": [
        {"section": "soma", "name": "gbar_NaV", "value": 0.05, "mechanism": "NaV"},
        {"section": "soma", "name": "g_pas", "value": 0.001, "mechanism": ""},
        {"section": "axon", "name": "g_pas", "value": 0.002, "mechanism": ""},
        {"section": "dend", "name": "g_pas", "value": 0.003, "mechanism": ""},
    ],
}


class Circuit:
    """Two populations, three detailed cells "cortex" and two virtual "input"; four edges.

    Everything is an attribute; `write` puts it into files and gives the configuration's path.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.swc = SWC
        self.fit = json.loads(json.dumps(FIT))
        self.synapse = {"level_of_detail": "exp2syn", "tau1": 0.5, "tau2": 2.0, "erev": -10.0}
        self.node_types = [
            "node_type_id model_type model_template model_processing morphology dynamics_params ei",
            "1 biophysical ctdb:Biophys1.hoc aibs_perisomatic cell fit.json e",
            '2 biophysical ctdb:Biophys1.hoc aibs_perisomatic cell.swc fit.json "i"',
        ]
        self.input_types = ["node_type_id model_type", "7 virtual"]
        self.edge_types = [
            "edge_type_id model_template dynamics_params delay",
            "5 Exp2Syn syn.json 2.0",
            "6 exp2syn syn.json NULL",
        ]
        self.cortex = {"node_type_id": [1, 2, 1], "0/x": [1.0, 2.0, 3.0]}
        self.input = {"node_type_id": [7, 7]}
        self.edges = {
            "edge_type_id": [5, 5, 5, 5],
            "source_node_id": [0, 1, 1, 0],
            "target_node_id": [0, 2, 0, 0],
            "0/syn_weight": [0.1, 0.2, 0.3, 0.4],
            "0/afferent_section_id": [0, 1, 2, 4],
            "0/afferent_section_pos": [0.5, 0.25, 0.75, 1.0],
        }
        self.ends = {"source_node_id": "input", "target_node_id": "cortex"}
        self.index = None  # (node_id_to_range, range_to_edge_id)
        self.spikes = {"timestamps": [3.0, 1.0, 2.0], "node_ids": [0, 0, 1]}
        self.circuit = {
            "manifest": {"$NET": "./net"},
            "networks": {
                "nodes": [
                    {"nodes_file": "$NET/cortex.h5", "node_types_file": "$NET/cortex.csv"},
                    {"nodes_file": "$NET/input.h5", "node_types_file": "${NET}/input.csv"},
                ],
                "edges": [{"edges_file": "$NET/edges.h5", "edge_types_file": "$NET/edges.csv"}],
            },
            "components": {
                "morphologies_dir": "parts",
                "biophysical_neuron_models_dir": "parts",
                "synaptic_models_dir": "parts",
                "mechanisms_dir": "parts",
            },
        }
        self.simulation = {
            "run": {"tstop": 10.0, "dt": 0.1, "dL": 20.0, "spike_threshold": -15},
            "conditions": {"celsius": 34.0, "v_init": -80},
            "inputs": {
                "drive": {
                    "input_type": "spikes",
                    "module": "h5",
                    "input_file": "net/spikes.h5",
                    "node_set": "input",
                }
            },
            "node_sets": {},
            "reports": {},
            "output": {"output_dir": "./output", "spikes_file": "spikes.h5"},
        }

    def write(self) -> Path:
        """Write all files; the path of the configuration that names the others."""
        net, parts = self.folder / "net", self.folder / "parts"
        net.mkdir(exist_ok=True)
        parts.mkdir(exist_ok=True)
        (parts / "cell.swc").write_text(self.swc)
        (parts / "fit.json").write_text(json.dumps(self.fit))
        (parts / "syn.json").write_text(json.dumps(self.synapse))
        for name, rows in (
            ("cortex", self.node_types),
            ("input", self.input_types),
            ("edges", self.edge_types),
        ):
            (net / f"{name}.csv").write_text("\n".join(rows) + "\n")
        for name, values in (("cortex", self.cortex), ("input", self.input)):
            with h5py.File(net / f"{name}.h5", "w") as file:
                fill(file.create_group(f"nodes/{name}"), values)
        with h5py.File(net / "edges.h5", "w") as file:
            self.fill_edges(file.create_group("edges/drive"))
        with h5py.File(net / "spikes.h5", "w") as file:
            fill(file.create_group("spikes/input"), self.spikes)
        (self.folder / "circuit.json").write_text(json.dumps(self.circuit))
        (self.folder / "simulation.json").write_text(json.dumps(self.simulation))
        config = self.folder / "config.json"
        config.write_text('{"network": "circuit.json", "simulation": "$configdir/simulation.json"}')
        return config

    def fill_edges(self, group: h5py.Group) -> None:
        fill(group, self.edges)
        for name, population in self.ends.items():
            group[name].attrs["node_population"] = population
        if self.index is not None:
            index = group.create_group("indices/target_to_source")
            names = ("node_id_to_range", "range_to_edge_id")
            for name, values in zip(names, self.index, strict=True):
                index[name] = np.array(values, dtype=np.uint64)


def fill(group: h5py.Group, values: dict) -> None:
    for name, value in values.items():
        group[name] = value


@pytest.fixture
def circuit(tmp_path: Path) -> Circuit:
    return Circuit(tmp_path)
