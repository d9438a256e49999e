"""Writing the files of a SONATA network: nodes, edges with their indices, type tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

#: What marks a file as SONATA's, and the version of the format.
MAGIC, VERSION = np.uint32(0x0A7A), np.array([0, 1], np.uint32)


def write_nodes(path: Path, population: str, type_ids: np.ndarray, **columns: np.ndarray) -> None:
    """Write /nodes/<population>.

    Args:
        path: file to write.
        population: its name.
        type_ids: (n,) integers, node_type_id of each node.
        columns: (n,) attributes of the nodes.
    """
    with h5py.File(path, "w") as file:
        sign(file)
        root = file.create_group(f"nodes/{population}")
        n = len(type_ids)
        root["node_id"] = np.arange(n, dtype=np.uint64)
        root["node_type_id"] = type_ids.astype(np.uint64)
        write_group(root, "node", n, columns)


def write_edges(
    path: Path,
    source_population: str,
    target_population: str,
    source: np.ndarray,
    target: np.ndarray,
    type_ids: np.ndarray,
    n_source: int,
    n_target: int,
    **columns: np.ndarray,
) -> None:
    """Write /edges/<source>_to_<target>, sorted by target, then source, with both indices.

    Args:
        path: file to write.
        source_population: name of the nodes the edges come from.
        target_population: name of the nodes they go to.
        source: (n,) integers, node ids.
        target: (n,) integers, node ids.
        type_ids: (n,) integers, edge_type_id of each edge.
        n_source: number of nodes in the source population.
        n_target: number of nodes in the target population.
        columns: (n,) attributes of the edges.
    """
    order = np.lexsort((source, target))
    source, target = source[order], target[order]
    with h5py.File(path, "w") as file:
        sign(file)
        root = file.create_group(f"edges/{source_population}_to_{target_population}")
        for name, ids, population in (
            ("source_node_id", source, source_population),
            ("target_node_id", target, target_population),
        ):
            root[name] = ids.astype(np.uint64)
            root[name].attrs["node_population"] = population
        root["edge_type_id"] = type_ids[order].astype(np.uint64)
        write_group(root, "edge", len(source), {k: v[order] for k, v in columns.items()})
        write_index(root.create_group("indices/source_to_target"), source, n_source)
        write_index(root.create_group("indices/target_to_source"), target, n_target)


def write_group(root: h5py.Group, kind: str, n: int, columns: Mapping[str, np.ndarray]) -> None:
    """Write group 0 with its columns, and that every node or edge is in it."""
    root[f"{kind}_group_id"] = np.zeros(n, np.uint32)
    root[f"{kind}_group_index"] = np.arange(n, dtype=np.uint64)
    group = root.create_group("0")
    for name, values in columns.items():
        group[name] = values


def write_index(group: h5py.Group, ids: np.ndarray, n_nodes: int) -> None:
    """Write the edges of each node as ranges: one range for each run of equal ids."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    stops = np.append(starts[1:], len(ids))
    # Order the runs by node; the runs of a node then stand together.
    order = np.argsort(ids[starts], kind="stable")
    node = ids[starts][order]
    first = np.searchsorted(node, np.arange(n_nodes), side="left")
    last = np.searchsorted(node, np.arange(n_nodes), side="right")
    group["node_id_to_range"] = np.stack([first, last], axis=1).astype(np.uint64)
    group["node_id_to_ranges"] = group["node_id_to_range"]  # libsonata's name; the first is BMTK's
    group["range_to_edge_id"] = np.stack([starts, stops], axis=1)[order].astype(np.uint64)


def write_types(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a table of node or edge types: columns separated by spaces, named in the first row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=" ", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sign(file: h5py.File) -> None:
    """Mark a file as SONATA's."""
    file.attrs["magic"] = MAGIC
    file.attrs["version"] = VERSION
