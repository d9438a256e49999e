"""A network of detailed neurons, from its description to its spikes.

The names below are the face of this room; each is imported when it is first asked for, so that
`import distnet` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distnet.rooms import check_rooms

check_rooms()

if TYPE_CHECKING:
    from distnet.cell import Cell, Location
    from distnet.cell_network import CellNetwork
    from distnet.discretisation import d_lambda, max_length, n_segments, nseg_rule
    from distnet.errors import DistnetError, InputError, SimulationError
    from distnet.exchange import make_exchange
    from distnet.morphology import Morphology, load_asc, load_swc
    from distnet.recording import Recording
    from distnet.run import run_sonata
    from distnet.settings import Settings
    from distnet.simulation import Result, Simulation

#: Name -> the module that defines it.
_HOME = {
    "Cell": "distnet.cell",
    "CellNetwork": "distnet.cell_network",
    "DistnetError": "distnet.errors",
    "InputError": "distnet.errors",
    "Location": "distnet.cell",
    "Morphology": "distnet.morphology",
    "Recording": "distnet.recording",
    "Result": "distnet.simulation",
    "Settings": "distnet.settings",
    "Simulation": "distnet.simulation",
    "SimulationError": "distnet.errors",
    "d_lambda": "distnet.discretisation",
    "load_asc": "distnet.morphology",
    "load_swc": "distnet.morphology",
    "make_exchange": "distnet.exchange",
    "max_length": "distnet.discretisation",
    "n_segments": "distnet.discretisation",
    "nseg_rule": "distnet.discretisation",
    "run_sonata": "distnet.run",
}

__all__ = [
    "Cell",
    "CellNetwork",
    "DistnetError",
    "InputError",
    "Location",
    "Morphology",
    "Recording",
    "Result",
    "Settings",
    "Simulation",
    "SimulationError",
    "d_lambda",
    "load_asc",
    "load_swc",
    "make_exchange",
    "max_length",
    "n_segments",
    "nseg_rule",
    "run_sonata",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
