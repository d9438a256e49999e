"""Reports that a simulation asks for: which variable, of which places, when."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from distnet.cell import Cell, Location
from distnet.errors import InputError
from distnet.ions import IONS
from distnet.output.report import count_rows
from distnet.recording import Recording
from distnet.sonata.section import Section

#: Modules that report a variable of the membrane.
REPORT_MODULES = ("membrane_report", "multimeter_report", "multimeter")

#: What `sections` may name -> regions of a cell; "all" is every one.
REGIONS = {
    "soma": "soma",
    "somatic": "soma",
    "axon": "axon",
    "axonal": "axon",
    "dend": "dend",
    "basal": "dend",
    "apic": "apic",
    "apical": "apic",
    "all": "all",
}

ION_VARIABLES = re.compile(rf"(?:(e|i)({'|'.join(IONS)})|({'|'.join(IONS)})(i|o))")
ION_FIELDS = {"e": "e", "i": "i"}
CONCENTRATIONS = {"i": "ci", "o": "co"}
UNITS = {"v": "mV", "e": "mV", "i": "mA/cm2", "ci": "mM", "co": "mM"}


@dataclass(frozen=True)
class Columns:
    """What one rank contributes to a report: a column each place, by ascending gid."""

    recording: Recording
    section: np.ndarray  # (n,) i4
    x: np.ndarray  # (n,) f8


@dataclass(frozen=True)
class Report:
    """One report; row k is the state at the time start + k * dt."""

    name: str
    file_name: str
    variable: str  # as NEURON calls it: v, cai, eca, gbar_NaV, ...; or NaV.gbar
    unit: str  # "" if the configuration gives none and it is not known beforehand
    gids: np.ndarray  # (n,) i8, ascending
    regions: frozenset[str]  # of `REGIONS`' values
    only_soma: bool  # the middle of the soma, nothing else
    start: float  # [ms]
    stop: float  # [ms], no row is at or after it
    dt: float  # [ms]
    where: str  # for messages

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return count_rows(self.start, self.stop, self.dt)

    def sites(self, cell: Cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where to sample a cell.

        Returns:
            Section, (n,) i4; normalised distance along it, (n,) f8; node of the cell, (n,) i4; in
            order of section and distance.
        """
        if self.only_soma:
            soma = cell.morphology.index("soma")
            middle = cell.segment(Location(soma, 0.5))
            return np.array([soma]), np.array([0.5]), np.array([middle])
        cable = cell.cable
        wanted = np.array(
            ["all" in self.regions or s.region in self.regions for s in cell.sections]
        )
        node = np.flatnonzero((cable.area > 0.0) & wanted[cable.section])
        node = node[np.lexsort((cable.x[node], cable.section[node]))]
        return cable.section[node], cable.x[node], node

    def columns(self, cells: Mapping[int, Cell], mechanisms: Collection[str]) -> Columns:
        """What to sample of some cells.

        Args:
            cells: the cells of this rank, by gid; those that the report leaves out are passed over.
            mechanisms: names of all mechanisms.

        Raises:
            InputError: the variable does not exist.
        """
        gids = [int(gid) for gid in self.gids if int(gid) in cells]
        sites = [self.sites(cells[gid]) for gid in gids]
        gid = np.repeat(np.array(gids, np.int64), [len(s[0]) for s in sites])
        section, x, node = (
            np.concatenate([np.zeros(0, dtype), *(s[i] for s in sites)]).astype(dtype)
            for i, dtype in enumerate((np.int32, np.float64, np.int32))
        )
        variable = self.probe_variable(mechanisms)
        return Columns(Recording(variable, gid, node, self.dt), section, x)

    def probe_variable(self, mechanisms: Collection[str]) -> str:
        """The variable by the name that `Recording` gives it.

        Raises:
            InputError: it is neither v, nor of an ion, nor of a known mechanism.
        """
        if self.variable == "v" or "." in self.variable:
            return self.variable
        ion = ION_VARIABLES.fullmatch(self.variable)
        if ion:
            return f"{ion[2]}.{ion[1]}" if ion[1] else f"{ion[3]}.{CONCENTRATIONS[ion[4]]}"
        found = [m for m in mechanisms if self.variable.endswith(f"_{m}")]
        if not found:
            allowed = "v, an ion's (eca, cai, cao, ica), VARIABLE_MECHANISM, or MECHANISM.VARIABLE"
            problem = f'the variable "{self.variable}" is not known; allowed are {allowed}'
            raise InputError(self.where, problem)
        mechanism = max(found, key=len)
        return f"{mechanism}.{self.variable.removesuffix(f'_{mechanism}')}"


def read_report_section(
    section: Section, gids: np.ndarray, dt: float, tstop: float, last: float
) -> Report:
    """Read one report of a configuration.

    Args:
        section: the report.
        gids: (n,) i8, the detailed cells that it names.
        dt: time step of the simulation [ms].
        tstop: end of the last step of the simulation [ms].
        last: end of the simulation by the configuration, after which no report may end [ms].

    Raises:
        InputError: a value is missing or wrong.
    """
    section.need("variable_name")
    name = section.name.removeprefix("reports.")
    regions, only_soma = read_regions(section)
    interval = section.number("dt", dt, above=0.0)
    require_multiple(section, "dt", interval, dt, "the time step")
    start = section.number("start_time", 0.0)
    require_multiple(section, "start_time", start, interval, "the report's dt")
    end = section.number("end_time", last)
    if end > last * (1.0 + 1e-9):
        problem = f"it ends at {end} ms, after the simulation, {last} ms"
        raise InputError(section.where("end_time"), problem)
    stop = min(end, tstop)
    if not 0.0 <= start < stop:
        problem = (
            f"it starts at {start} ms and ends at {stop} ms; it needs 0 <= start < end <= tstop"
        )
        raise InputError(section.where(), problem)
    variable = read_variable(section)
    known = ION_VARIABLES.fullmatch(variable)
    field = variable if known is None else known[1] or CONCENTRATIONS[known[4]]
    return Report(
        name=name,
        file_name=section.text("file_name", name if name.endswith(".h5") else f"{name}.h5"),
        variable=variable,
        unit=section.text("unit", UNITS.get(field, "")),
        gids=gids,
        regions=regions,
        only_soma=only_soma,
        start=start,
        stop=stop,
        dt=interval,
        where=section.where(),
    )


def read_variable(section: Section) -> str:
    """The variable of a report; a list may hold one."""
    value = section.values["variable_name"]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise section.wrong("variable_name", "one variable; make a report for each")
    return value


def read_regions(section: Section) -> tuple[frozenset[str], bool]:
    """Regions of a report, and whether it is that of the middle of the soma alone.

    The text "soma" means its middle; a list means all segments of all that it names.
    """
    value = section.values.get("sections")
    if value is None:
        value = "all"
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or name.lower() not in REGIONS:
            allowed = ", ".join(REGIONS)
            raise InputError(section.where("sections"), f"{name!r} is not one of {allowed}")
    return frozenset(REGIONS[name.lower()] for name in names) or frozenset(["all"]), value == "soma"


def require_multiple(section: Section, key: str, value: float, unit: float, what: str) -> None:
    """Refuse a time that is not a whole multiple of another [ms]."""
    if abs(round(value / unit) * unit - value) > 1e-6 * unit:
        problem = f"{value} ms is not a whole multiple of {what}, {unit} ms"
        raise InputError(section.where(key), problem)
