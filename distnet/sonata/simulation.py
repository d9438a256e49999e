"""From a configuration file to a network and a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distnet.errors import InputError
from distnet.settings import Settings
from distnet.sonata.clamps import Clamp, read_clamp
from distnet.sonata.config import Config, read_config, read_json
from distnet.sonata.edges import read_edges
from distnet.sonata.network import SonataNetwork
from distnet.sonata.node_sets import NodeSets
from distnet.sonata.nodes import Nodes, read_nodes
from distnet.sonata.plan import (
    Run,
    SimulationPlan,
    effective_configuration,
    read_output,
    read_run,
    relative_name,
)
from distnet.sonata.reports import REPORT_MODULES, Report, read_report_section
from distnet.sonata.section import Section, kind
from distnet.sonata.spike_inputs import SPIKE_MODULES, SpikeTrains

#: Supported input types, and the modules of each.
INPUT_MODULES = {"spikes": tuple(SPIKE_MODULES), "current_clamp": ("IClamp",)}


@dataclass(frozen=True)
class SonataSimulation:
    """A circuit and what to do with it."""

    network: SonataNetwork
    plan: SimulationPlan


def load(
    config_path: str | Path,
    tstop: float | None = None,
    dt: float | None = None,
    seed: int | None = None,
    precision: str = "double",
) -> SonataSimulation:
    """Load a SONATA simulation; cells and edges are read when they are asked for.

    Args:
        config_path: a configuration that holds or names circuit and simulation.
        tstop: replaces the configuration's end of the simulation [ms].
        dt: replaces its time step [ms].
        seed: replaces its random seed.
        precision: "double" or "single".

    Raises:
        InputError: a file is missing, or something in one is wrong.
    """
    config = read_config(Path(config_path))
    run = read_run(config, tstop, dt, seed)
    networks = config.section("networks")
    networks.check_keys("networks")
    networks.need("nodes")
    nodes = read_nodes(networks.sections("nodes"))
    edges = read_edges(networks.sections("edges"), nodes)
    sets = read_node_sets(config, nodes)
    components = config.section("components")
    components.check_keys("components")
    trains, clamps = read_inputs(config, sets, nodes)
    network = SonataNetwork(
        nodes, edges, components, trains, clamps, run.dl, run.spike_threshold, run.dt
    )
    plan = SimulationPlan(
        run=run,
        settings=Settings(
            dt=run.dt,
            celsius=run.celsius,
            v_init=run.v_init,
            seed=run.seed,
            precision=precision,
            mechanism_folders=mechanism_folders(components),
        ),
        reports=tuple(read_reports(config, sets, nodes, run)),
        output=read_output(config),
        configuration=effective_configuration(config, run, precision),
    )
    return SonataSimulation(network, plan)


def mechanism_folders(components: Section) -> tuple[Path, ...]:
    """The folder of .mod files: what mechanisms_dir names, or `modfiles` in it, as in BMTK."""
    if not components.has("mechanisms_dir"):
        return ()
    folder = components.existing_folder("mechanisms_dir")
    inner = folder / "modfiles"
    return (inner if inner.is_dir() else folder,)


def read_node_sets(config: Config, nodes: list[Nodes]) -> NodeSets:
    """Read node sets from files, the circuit's before the simulation's, then the inline ones."""
    sets = NodeSets(nodes)
    for where, path in config.node_set_files:
        values = read_json(path, where)
        if not isinstance(values, dict):
            raise InputError(path, f"holds {kind(values)} where an object is expected")
        for name, rule in values.items():
            sets.add(name, f'{path}: "{name}"', rule)
    inline = config.section("node_sets")
    for name, rule in inline.values.items():
        sets.add(name, inline.where(name), rule)
    return sets


def enabled(config: Config, name: str) -> Iterator[Section]:
    """The parts of inputs or reports that are not switched off."""
    whole = config.section(name)
    for key in whole.values:
        section = whole.section(key)
        if section.flag("enabled", True):
            yield section


def chosen(
    section: Section, key: str, sets: NodeSets, nodes: list[Nodes], model: str
) -> np.ndarray:
    """Gids of the nodes of a model type that a node set holds, (n,) i8; all if it is not given."""
    rule = section.values.get(key)
    gids = sets.gids("all" if rule is None else rule, section.where(key))
    wanted = {"biophysical": 0, "virtual": 2}[model]
    kinds = np.concatenate([n.kinds for n in nodes])
    gids = gids[kinds[gids] == wanted]
    if len(gids) == 0:
        raise InputError(section.where(key), f"the node set holds no {model} node")
    return gids


def read_inputs(
    config: Config, sets: NodeSets, nodes: list[Nodes]
) -> tuple[SpikeTrains, list[Clamp]]:
    """Read the inputs."""
    trains, clamps = SpikeTrains(), []
    for section in enabled(config, "inputs"):
        section.need("input_type")
        input_type = section.choice("input_type", tuple(INPUT_MODULES))
        modules = INPUT_MODULES[input_type]
        section.choice("module", modules, modules[0])
        section.check_keys("inputs.*")
        if input_type == "spikes":
            trains.add(section, chosen(section, "node_set", sets, nodes, "virtual"), nodes)
        else:
            gids = chosen(section, "node_set", sets, nodes, "biophysical")
            clamps.append(read_clamp(section, gids))
    return trains, clamps


def read_reports(config: Config, sets: NodeSets, nodes: list[Nodes], run: Run) -> Iterator[Report]:
    """Read the reports."""
    output = read_output(config)
    last = config.section("run").number("tstop", run.tstop)
    seen = {output.spikes_file: "output.spikes_file", output.spikes_csv: "output.spikes_file_csv"}
    for section in enabled(config, "reports"):
        section.choice("module", REPORT_MODULES, REPORT_MODULES[0])
        section.check_keys("reports.*")
        gids = chosen(section, "cells", sets, nodes, "biophysical")
        report = read_report_section(section, gids, run.dt, run.end, max(last, run.tstop))
        path = section.path("file_name") if section.has("file_name") else Path(report.file_name)
        name = relative_name(report.file_name, path, output.folder)
        if name in seen:
            raise InputError(section.where("file_name"), f'"{name}" is written by {seen[name]} too')
        seen[name] = section.name
        yield replace(report, file_name=name)
