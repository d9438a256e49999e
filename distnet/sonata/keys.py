"""Every key that a SONATA configuration may hold: those that mean something here, and the rest.

Any other key is an error, so that a misspelt one cannot pass unseen. `inputs` and `reports` hold
one section a name; "inputs.*" and "reports.*" stand for each of them.
"""

from __future__ import annotations

#: Keys that are read, by section; "" is the file itself.
USED: dict[str, tuple[str, ...]] = {
    "": (
        "manifest",
        "network",
        "simulation",
        "networks",
        "components",
        "run",
        "conditions",
        "inputs",
        "reports",
        "output",
        "node_sets",
        "node_sets_file",
    ),
    "networks": ("nodes", "edges"),
    "networks.nodes": ("nodes_file", "node_types_file"),
    "networks.edges": ("edges_file", "edge_types_file"),
    "components": (
        "morphologies_dir",
        "biophysical_neuron_models_dir",
        "synaptic_models_dir",
        "mechanisms_dir",
    ),
    "run": ("tstop", "tstart", "dt", "dL", "spike_threshold", "random_seed"),
    "conditions": ("celsius", "v_init"),
    "inputs.*": (
        "input_type",
        "module",
        "enabled",
        "node_set",
        "input_file",
        "amp",
        "delay",
        "duration",
        "section_name",
        "section_index",
        "section_dist",
    ),
    "reports.*": (
        "module",
        "enabled",
        "cells",
        "variable_name",
        "sections",
        "file_name",
        "dt",
        "start_time",
        "end_time",
        "unit",
    ),
    "output": ("output_dir", "spikes_file", "spikes_file_csv", "spikes_sort_order"),
}

#: Keys that are accepted and change nothing, by section: every one there is.
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    "": ("version", "target_simulator", "target_simulator_version", "metadata", "comment"),
    "networks.nodes": ("name", "comment"),
    "networks.edges": ("name", "target", "source", "comment"),
    "components": (
        "templates_dir",
        "point_neuron_models_dir",
        "filter_models_dir",
        "population_models_dir",
        "custom_neuron_models",
    ),
    "run": ("nsteps_block", "overwrite_output_dir", "comment"),
    "conditions": ("comment",),
    "inputs.*": ("comment", "trial"),
    "reports.*": ("comment", "buffer", "format"),
    "output": (
        "log_file",
        "log_level",
        "log_format",
        "log_to_console",
        "quiet_simulator",
        "overwrite_output_dir",
        "compression",
        "cache_to_disk",
        "comment",
    ),
}


def allowed(section: str) -> tuple[str, ...]:
    """All keys that a section may hold."""
    return USED[section] + WITHOUT_EFFECT.get(section, ())
