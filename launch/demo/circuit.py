"""Build a small cortical circuit in SONATA's format: five cell types, recurrent and driven.

Excitatory and inhibitory cells excite and inhibit each other at random; Poisson spike trains whose
rate waxes and wanes in a rhythm drive them all. Everything random comes from one seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distnet.morphology import load_swc
from distnet.output import Population, write_spikes
from launch.demo.components import copy_components
from launch.demo.configuration import write_configuration, write_json
from launch.demo.model import (
    DEPTH,
    DRIVE,
    DT,
    MEAN_RATE,
    N_INPUTS,
    RECURRENT,
    RHYTHM,
    TYPES,
    Synapse,
    cells_of,
    types_of_cells,
)
from launch.demo.sonata import write_edges, write_nodes, write_types


def build_circuit(folder: Path, seed: int, tstop: float) -> Path:
    """Build the circuit; the folder appears when it is whole, and replaces an earlier one.

    Args:
        folder: where to.
        seed: of everything random.
        tstop: duration [ms].

    Returns:
        The simulation configuration.
    """
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name in ("network", "inputs", "components/synaptic_models"):
            (partial / name).mkdir(parents=True)
        copy_components(partial / "components")
        rng = np.random.default_rng(seed)
        write_cells(partial, rng)
        dendrites = [dendrite_lengths(partial, t.morphology) for t in TYPES]
        write_recurrent(partial, rng, dendrites)
        write_drive(partial, rng, dendrites, tstop)
        write_configuration(partial, tstop)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "simulation_config.json"


def write_cells(folder: Path, rng: np.random.Generator) -> None:
    """Write the detailed cells, placed at random in a column, and the virtual ones."""
    types = types_of_cells()
    network = folder / "network"
    x, y, z = rng.uniform(-100.0, 100.0, (3, len(types)))
    angle = rng.uniform(0.0, 2 * np.pi, len(types))
    write_nodes(
        network / "cortex_nodes.h5",
        "cortex",
        100 + types,
        x=x,
        y=y,
        z=z,
        rotation_angle_yaxis=angle,
    )
    rows = [
        {
            "node_type_id": 100 + i,
            "model_type": "biophysical",
            "model_template": "ctdb:Biophys1.hoc",
            "model_processing": "aibs_perisomatic",
            "morphology": t.morphology,
            "dynamics_params": t.fit,
            "pop_name": t.name,
            "ei": t.ei,
        }
        for i, t in enumerate(TYPES)
    ]
    write_types(network / "cortex_node_types.csv", rows)
    write_nodes(network / "external_nodes.h5", "external", np.full(N_INPUTS, 100))
    rows = [{"node_type_id": 100, "model_type": "virtual", "pop_name": "input", "ei": "e"}]
    write_types(network / "external_node_types.csv", rows)


def dendrite_lengths(folder: Path, morphology: str) -> np.ndarray:
    """Length [um] of each dendritic section, (n,) f8; the first one is section 1 of the cell."""
    sections = load_swc(folder / "components" / "morphologies" / morphology).sections
    return np.array([s.length for s in sections if s.region in ("dend", "apic")])


def connect(
    rng: np.random.Generator,
    source: np.ndarray,
    target: np.ndarray,
    synapse: Synapse,
    dendrites: list[np.ndarray],
    recurrent: bool,
) -> dict[str, np.ndarray]:
    """Draw the synapses from every source onto every target.

    Returns:
        Columns of the edges, each (n,).
    """
    pairs = np.stack([a.ravel() for a in np.meshgrid(source, target)], axis=1)
    if recurrent:
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    pairs = pairs[rng.random(len(pairs)) < synapse.probability]
    pairs = np.repeat(pairs, rng.integers(1, synapse.most + 1, len(pairs)), axis=0)
    n = len(pairs)
    types = types_of_cells()[pairs[:, 1]]
    # Sections are hit in proportion to their length.
    section = np.empty(n, np.uint32)
    for i, lengths in enumerate(dendrites):
        mine = types == i
        share = lengths / lengths.sum()
        section[mine] = 1 + rng.choice(len(lengths), mine.sum(), p=share)
    return {
        "source": pairs[:, 0],
        "target": pairs[:, 1],
        "afferent_section_id": section,
        "afferent_section_pos": rng.uniform(0.02, 0.98, n),
        "syn_weight": synapse.weight * rng.uniform(0.6, 1.4, n),
        "delay": np.round(rng.uniform(1.0, 4.0, n) / DT) * DT,
    }


def write_recurrent(folder: Path, rng: np.random.Generator, dendrites: list[np.ndarray]) -> None:
    """Write the connections among the cells."""
    parts, rows = [], []
    for i, ((pre, post), synapse) in enumerate(RECURRENT.items()):
        part = connect(rng, cells_of(pre), cells_of(post), synapse, dendrites, recurrent=True)
        parts.append({**part, "type_ids": np.full(len(part["source"]), 100 + i)})
        rows.append(edge_type(folder, 100 + i, f"ei=='{pre}'", f"ei=='{post}'", synapse))
    n = len(types_of_cells())
    network = folder / "network"
    write_edges(
        network / "cortex_cortex_edges.h5",
        "cortex",
        "cortex",
        n_source=n,
        n_target=n,
        **join(parts),
    )
    write_types(network / "cortex_cortex_edge_types.csv", rows)


def write_drive(
    folder: Path, rng: np.random.Generator, dendrites: list[np.ndarray], tstop: float
) -> None:
    """Write the connections from outside, and the spikes that come over them."""
    parts, rows = [], []
    inputs = np.arange(N_INPUTS)
    for i, (post, synapse) in enumerate(DRIVE.items()):
        part = connect(rng, inputs, cells_of(post), synapse, dendrites, recurrent=False)
        parts.append({**part, "type_ids": np.full(len(part["source"]), 100 + i)})
        rows.append(edge_type(folder, 100 + i, "*", f"ei=='{post}'", synapse))
    network = folder / "network"
    write_edges(
        network / "external_cortex_edges.h5",
        "external",
        "cortex",
        n_source=N_INPUTS,
        n_target=len(types_of_cells()),
        **join(parts),
    )
    write_types(network / "external_cortex_edge_types.csv", rows)
    trains = [rhythmic_train(rng, tstop) for _ in inputs]
    write_spikes(
        folder / "inputs" / "external_spikes.h5",
        np.concatenate(trains),
        np.repeat(inputs, [len(train) for train in trains]),
        [Population("external", 0, inputs)],
    )


def rhythmic_train(rng: np.random.Generator, tstop: float) -> np.ndarray:
    """A Poisson train whose rate follows the rhythm, by thinning; (n,) f8 [ms]."""
    highest = MEAN_RATE * (1 + DEPTH) / 1000  # [1/ms]
    times = np.sort(rng.uniform(0.0, tstop, rng.poisson(highest * tstop)))
    rate = 1 + DEPTH * np.sin(2 * np.pi * RHYTHM * times / 1000)
    kept = times[rng.random(len(times)) < rate / (1 + DEPTH)]
    return np.round(kept, 3)


def join(parts: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """Put the columns of several sets of edges behind one another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def edge_type(
    folder: Path, type_id: int, source: str, target: str, synapse: Synapse
) -> Mapping[str, object]:
    """Write a synapse's parameters; return its row of the table of edge types."""
    parameters = {
        "level_of_detail": "exp2syn",
        "tau1": synapse.tau1,
        "tau2": synapse.tau2,
        "erev": synapse.erev,
    }
    file = f"{synapse.model}.json"
    write_json(folder / "components" / "synaptic_models" / file, parameters)
    return {
        "edge_type_id": type_id,
        "source_query": source,
        "target_query": target,
        "model_template": "Exp2Syn",
        "dynamics_params": file,
    }
