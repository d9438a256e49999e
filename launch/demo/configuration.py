"""The demo's circuit and simulation configuration, in SONATA's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from launch.demo.model import DT


def write_configuration(folder: Path, tstop: float) -> None:
    """Write the circuit's and the simulation's configuration."""
    network, components = "$NETWORK_DIR", "$COMPONENT_DIR"
    circuit = {
        "manifest": {network: "./network", components: "./components"},
        "components": {
            "morphologies_dir": f"{components}/morphologies",
            "synaptic_models_dir": f"{components}/synaptic_models",
            "mechanisms_dir": f"{components}/mechanisms",
            "biophysical_neuron_models_dir": f"{components}/biophysical_neuron_models",
        },
        "networks": {
            "nodes": [
                {
                    "nodes_file": f"{network}/{name}_nodes.h5",
                    "node_types_file": f"{network}/{name}_node_types.csv",
                }
                for name in ("cortex", "external")
            ],
            "edges": [
                {
                    "edges_file": f"{network}/{name}_cortex_edges.h5",
                    "edge_types_file": f"{network}/{name}_cortex_edge_types.csv",
                }
                for name in ("cortex", "external")
            ],
        },
    }
    simulation = {
        "manifest": {"$BASE_DIR": ".", "$OUTPUT_DIR": "$BASE_DIR/output"},
        "network": "$BASE_DIR/circuit_config.json",
        "target_simulator": "NEURON",
        "run": {
            "tstop": tstop,
            "dt": DT,
            "dL": 20.0,
            "spike_threshold": -15.0,
            "nsteps_block": 5000,
        },
        "conditions": {"celsius": 34.0, "v_init": -80.0},
        "inputs": {
            "drive": {
                "input_type": "spikes",
                "module": "h5",
                "input_file": "$BASE_DIR/inputs/external_spikes.h5",
                "node_set": "external",
            }
        },
        "node_sets": {"cortex": {"population": "cortex"}, "external": {"population": "external"}},
        "output": {
            "output_dir": "$OUTPUT_DIR",
            "spikes_file": "spikes.h5",
            "spikes_sort_order": "time",
        },
        "reports": {
            "voltage": {
                "cells": "cortex",
                "variable_name": "v",
                "module": "membrane_report",
                "sections": "soma",
                "file_name": "voltage.h5",
                "dt": 0.1,
            }
        },
    }
    write_json(folder / "circuit_config.json", circuit)
    write_json(folder / "simulation_config.json", simulation)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
