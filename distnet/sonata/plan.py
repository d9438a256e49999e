"""What a configuration wants simulated: times, conditions, reports, and the names of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from distnet.errors import InputError
from distnet.output.spikes import SORTING
from distnet.settings import Settings
from distnet.sonata.config import Config
from distnet.sonata.reports import Report
from distnet.sonata.section import Section

#: Values where a configuration gives none: SONATA's conditions, BMTK's run.
DT = 0.1  # [ms]
DL = 20.0  # [um]
SPIKE_THRESHOLD = -15.0  # [mV]
CELSIUS = 34.0  # [degC]
V_INIT = -80.0  # [mV]

#: Names of orders of spikes -> SONATA's.
SORT_ORDERS = {
    **{name: name for name in SORTING},
    "time": "by_time",
    "id": "by_id",
    "unknown": "none",
}


@dataclass(frozen=True)
class Run:
    """The sections run and conditions, with what the caller overrides."""

    tstop: float  # [ms]
    dt: float  # [ms]
    dl: float  # [um]
    spike_threshold: float  # [mV]
    seed: int
    celsius: float  # [degC]
    v_init: float  # [mV]

    @property
    def end(self) -> float:
        """End of the last step [ms]: tstop in whole steps."""
        end = round(self.tstop / self.dt) * self.dt
        return self.tstop if abs(end - self.tstop) < 1e-6 * self.dt else end


@dataclass(frozen=True)
class Output:
    """The section output: names of files, all below the output folder."""

    folder: Path  # that of the configuration
    spikes_file: str | None
    spikes_csv: str | None
    sort: str  # a key of `distnet.output.SORTING`


@dataclass(frozen=True)
class SimulationPlan:
    """Everything about a simulation that is not its network.

    Attributes:
        run: times, step, conditions.
        settings: the same as `distnet.settings.Settings`, with the folders of mechanisms.
        reports: what to report.
        output: names of output files.
        configuration: the effective configuration, to be stored with the outputs.
    """

    run: Run
    settings: Settings
    reports: tuple[Report, ...]
    output: Output
    configuration: Mapping[str, Any]

    @property
    def mechanism_folders(self) -> tuple[Path, ...]:
        """Folders of .mod files."""
        return self.settings.mechanism_folders


def read_run(
    config: Config, tstop: float | None = None, dt: float | None = None, seed: int | None = None
) -> Run:
    """Read run and conditions.

    Args:
        config: the configuration.
        tstop: replaces its end of the simulation [ms].
        dt: replaces its time step [ms].
        seed: replaces its random_seed.

    Raises:
        InputError: a value is missing or wrong.
    """
    run, conditions = config.section("run"), config.section("conditions")
    run.check_keys("run")
    conditions.check_keys("conditions")
    for name, value in (("tstop", tstop), ("dt", dt)):
        if value is not None and not (0.0 < value < float("inf")):
            raise InputError(name, f"found {value} where a number greater than 0 is expected")
    if tstop is None:
        run.need("tstop")
    if run.number("tstart", 0.0) != 0.0:
        raise InputError(run.where("tstart"), "every simulation starts at 0 ms")
    return Run(
        tstop=run.number("tstop", 0.0, above=0.0) if tstop is None else float(tstop),
        dt=run.number("dt", DT, above=0.0) if dt is None else float(dt),
        dl=run.number("dL", DL, above=0.0),
        spike_threshold=run.number("spike_threshold", SPIKE_THRESHOLD),
        seed=run.integer("random_seed", 0) if seed is None else int(seed),
        celsius=conditions.number("celsius", CELSIUS),
        v_init=conditions.number("v_init", V_INIT),
    )


def read_output(config: Config) -> Output:
    """Read the names of output files.

    Raises:
        InputError: a value is wrong.
    """
    section = config.section("output")
    section.check_keys("output")
    sort = section.choice("spikes_sort_order", tuple(SORT_ORDERS), "none")
    folder = section.path("output_dir") if section.has("output_dir") else config.file.parent
    spikes = (
        output_name(section, "spikes_file", folder) if "spikes_file" in section.values else None
    )
    if "spikes_file" not in section.values:
        spikes = "spikes.h5"
    return Output(
        folder, spikes, output_name(section, "spikes_file_csv", folder), SORT_ORDERS[sort]
    )


def output_name(section: Section, key: str, folder: Path) -> str | None:
    """A file name relative to the output folder; of a path elsewhere only the name counts."""
    if not section.has(key):
        return None
    return relative_name(section.text(key), section.path(key), folder)


def relative_name(text: str, path: Path, folder: Path) -> str:
    """The name below the output folder of a file given as `text`, or as `path` if it lies there."""
    if path.is_relative_to(folder):
        return str(path.relative_to(folder))
    given = PurePath(text)
    return given.name if given.is_absolute() or ".." in given.parts else str(given)


def effective_configuration(config: Config, run: Run, precision: str) -> dict[str, Any]:
    """Everything that was read, variables resolved, with defaults and overrides filled in."""
    return {
        **config.values,
        "config_file": str(config.file.resolve()),
        "run": {
            **config.values.get("run", {}),
            "tstop": run.tstop,
            "dt": run.dt,
            "dL": run.dl,
            "spike_threshold": run.spike_threshold,
            "random_seed": run.seed,
            "precision": precision,
        },
        "conditions": {
            **config.values.get("conditions", {}),
            "celsius": run.celsius,
            "v_init": run.v_init,
        },
    }
