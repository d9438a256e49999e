"""The experiment in distnet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from side_by_side import protocol

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.morphology import Morphology
from distnet.recording import Recording
from distnet.settings import Settings
from distnet.simulation import Simulation
from kernels.mechanism import Mechanism


def traces(
    text: str, includes: Path, mechanism: Mechanism, wanted: Iterable[str], backend: str
) -> dict[str, np.ndarray]:
    """Every wanted trace, named as `neuron_process` names them."""
    with _folder(text, includes, protocol.companions(mechanism)) as folder:
        return _run(folder, mechanism, wanted, backend)


@contextmanager
def _folder(text: str, includes: Path, others: Mapping[str, str]) -> Iterator[Path]:
    """A folder with a .mod text, what it may include, and its companions."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "mechanism_under_test.mod").write_text(text)
        for include in includes.glob("*.inc"):
            (folder / include.name).write_bytes(include.read_bytes())
        for name, other in others.items():
            (folder / f"{name}.mod").write_text(other)
        yield folder


def _settings(folder: Path) -> Settings:
    return Settings(
        dt=protocol.DT,
        celsius=protocol.CELSIUS,
        v_init=protocol.V_INIT,
        mechanism_folders=(folder,),
    )


def _run(
    folder: Path, mechanism: Mechanism, wanted: Iterable[str], backend: str
) -> dict[str, np.ndarray]:
    network, places = _network(mechanism, protocol.companions(mechanism))
    labels = [label for label in wanted if label != "spikes"]
    recordings = []
    for label in labels:
        cell, _, variable = label.partition("/")
        gid = int(cell)
        own = variable.startswith("own.")
        if own:
            variable = f"{mechanism.name}.{variable[4:]}"
        place = places[gid] if own and mechanism.kind == "point" else 0
        recordings.append(
            Recording(variable, np.array([gid]), np.array([place], np.int32), protocol.DT)
        )
    simulation = Simulation(network, _settings(folder), recordings, backend)
    samples: list[list[np.ndarray]] = []
    result = simulation.run(protocol.STEPS * protocol.DT, on_samples=samples.append)
    last = simulation.engine.sample()
    found = {}
    for k, label in enumerate(labels):
        rows = [part[k][:, 0] for part in samples]
        found[label] = np.concatenate([*rows, np.atleast_1d(last[k])])
    found["spikes"] = result.spike_time
    return found


def _network(mechanism: Mechanism, companions: Iterable[str]) -> tuple[CellNetwork, dict[int, int]]:
    """The cells, and the index of the point process in each."""
    network = CellNetwork()
    gids, places = [], {}
    if mechanism.kind == "artificial":
        gids.append(network.add_artificial(mechanism.name, **protocol.settings_of(mechanism)))
    else:
        for k in (0, 1):
            cell, places[k] = _cell(mechanism, companions, k)
            gids.append(network.add_cell(cell))
    if mechanism.receive is not None:
        train = network.add_spike_train(protocol.EVENTS)
        for gid in gids:
            target = gid if mechanism.kind == "artificial" else (gid, places[gid])
            network.connect(train, target, protocol.WEIGHT, protocol.DELAY)
    return network, places


def _cell(mechanism: Mechanism, companions: Iterable[str], k: int) -> tuple[Cell, int]:
    morphology = Morphology(f"cell{k}")
    morphology.add("soma", length=protocol.DIAM, diam=protocol.DIAM)
    cell = Cell(morphology)
    cell.set(Ra=100.0, cm=1.0)
    cell.insert("pas", **protocol.PAS)
    for name in companions:
        cell.insert(name)
    given = protocol.settings_of(mechanism)
    index = -1
    middle = Location("soma", 0.5)
    if mechanism.kind == "density":
        cell.insert(mechanism.name, **given)
    else:
        index = cell.place(middle, mechanism.name, **given)
    if k == 0:
        cell.place(middle, "SEClamp", rs=protocol.VCLAMP_RS, **protocol.VCLAMP)
    else:
        cell.place(middle, "IClamp", **protocol.ICLAMP)
    return cell, index
