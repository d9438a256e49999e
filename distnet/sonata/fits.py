"""Cells from the Allen Institute's fits: what BMTK's model_processing makes of a fit file.

A fit holds `passive` (Ra, cm by region, e_pas), `genome` (one parameter of one region an entry) and
`conditions` (reversal potentials by region). "aibs_perisomatic" demands all of it and leaves the
dendrites passive; "aibs_allactive" takes what there is, in every region. The axon of the
reconstruction is replaced by two pieces, see `distnet.morphology.axon`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distnet.cell import Cell, Location
from distnet.discretisation import nseg_rule
from distnet.errors import InputError
from distnet.morphology import AXON_RULES, load_swc
from distnet.sonata.config import read_json
from distnet.sonata.section import is_number, kind

#: Regions that a fit may speak of, by the names of BMTK's sections.
REGIONS = ("soma", "axon", "dend", "apic")


@dataclass(frozen=True)
class Fit:
    """A fit file, checked as far as every kind of processing needs it."""

    file: Path
    passive: Mapping[str, Any]
    genome: list[Mapping[str, Any]]
    reversals: list[Mapping[str, Any]]

    def number(self, place: str, entry: Mapping[str, Any], key: str) -> float:
        """A number in an entry; older fits hold some as text.

        Raises:
            InputError: it is missing, or no number.
        """
        value = entry.get(key)
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        if not is_number(value):
            found = "is missing" if value is None else f"is {value!r} where a number is expected"
            raise InputError(f"{self.file}: {place}", f'"{key}" {found}')
        return float(value)  # type: ignore[arg-type]

    def region(self, place: str, entry: Mapping[str, Any]) -> str:
        """The region that an entry is about.

        Raises:
            InputError: it is missing, or not one of `REGIONS`.
        """
        name = entry.get("section")
        if name not in REGIONS:
            allowed = ", ".join(REGIONS)
            raise InputError(f"{self.file}: {place}", f'section "{name}" is not one of {allowed}')
        return str(name)


def read_fit(path: Path, where: object) -> Fit:
    """Read a fit.

    Args:
        path: the JSON file.
        where: what names it, for messages.

    Raises:
        InputError: it is missing, or a part of it is not what it must be.
    """
    values = read_json(path, where)
    if not isinstance(values, dict):
        raise InputError(path, f"holds {kind(values)} where an object is expected")
    first = {}
    for part in ("passive", "conditions"):
        entries = values.get(part)
        if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
            raise InputError(path, f'"{part}" must be a list of one object')
        first[part] = entries[0]
    return Fit(
        path,
        first["passive"],
        objects(path, values, "genome"),
        objects(path, first["conditions"], "erev"),
    )


def objects(path: Path, values: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects, empty if it is absent."""
    entries = values.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(path, f'"{key}" must be a list of objects')
    return entries


def build_cell(
    morphology_file: Path, fit: Fit, processing: str, dl: float, threshold: float
) -> Cell:
    """Build a cell as BMTK does.

    Sections are numbered soma, dendrites as imported, axon pieces; each has
    1 + 2 int(L / (2 dl)) segments; spikes are detected in the middle of the soma.

    Args:
        morphology_file: SWC file.
        fit: what to put on it.
        processing: a key of `AXON_RULES`.
        dl: greatest length of half a segment or so [um].
        threshold: of the spike detector [mV].

    Raises:
        InputError: the morphology or the fit is wrong.
    """
    cell = Cell(AXON_RULES[processing](load_swc(morphology_file)))
    cell.discretise(nseg_rule(2.0 * dl))
    set_passive(cell, fit, demanding=processing.startswith("aibs_perisomatic"))
    set_genome(cell, fit)
    set_reversals(cell, fit)
    cell.detect(Location("soma", 0.5), threshold)
    return cell


def set_passive(cell: Cell, fit: Fit, demanding: bool) -> None:
    """Set Ra, cm and the reversal potential of the leak.

    Args:
        cell: what to set it on.
        fit: where it stands.
        demanding: whether each must be given, for every region of the cell.
    """
    passive = fit.passive
    if demanding or "ra" in passive:
        cell.set(Ra=fit.number("passive", passive, "ra"))
    if demanding or "e_pas" in passive:
        cell.insert("pas", e=fit.number("passive", passive, "e_pas"))
    else:
        cell.insert("pas")
    given = set()
    for entry in objects(fit.file, passive, "cm"):
        region = fit.region("passive.cm", entry)
        given.add(region)
        if region in cell.morphology.regions:
            cell.set(region=region, cm=fit.number("passive.cm", entry, "cm"))
    missing = [region for region in cell.morphology.regions if region not in given]
    if demanding and missing:
        raise InputError(f"{fit.file}: passive.cm", f'there is no entry for section "{missing[0]}"')


def set_genome(cell: Cell, fit: Fit) -> None:
    """Insert channels and set their parameters, entry by entry."""
    inserted: dict[str, set[str]] = {region: {"pas"} for region in REGIONS}
    for number, entry in enumerate(fit.genome):
        place = f"genome[{number}]"
        if entry.get("section") == "glob":  # older fits; BMTK passes over it too
            continue
        region = fit.region(place, entry)
        name, mechanism = str(entry.get("name", "")), str(entry.get("mechanism") or "")
        value = fit.number(place, entry, "value")
        if mechanism:
            inserted[region].add(mechanism)
        if region not in cell.morphology.regions:
            continue
        if mechanism:
            cell.insert(mechanism, region=region)
        set_parameter(cell, fit, place, region, name, value, inserted[region])


def set_parameter(
    cell: Cell, fit: Fit, place: str, region: str, name: str, value: float, inserted: set[str]
) -> None:
    """Set what NEURON calls `name` in a region: cm, Ra, eION, or PARAMETER_MECHANISM.

    Raises:
        InputError: it is none of these, or its mechanism is not in the region.
    """
    if name == "cm":
        cell.set(region=region, cm=value)
    elif name == "Ra":
        cell.set(region=region, Ra=value)
    elif name in ("ena", "ek", "eca"):
        cell.set_ion(name[1:], region=region, e=value)
    else:
        found = [m for m in inserted if name.endswith(f"_{m}")]
        if not found:
            known = ", ".join(sorted(inserted))
            problem = f'"{name}" is no parameter of a mechanism in section "{region}", which has'
            raise InputError(f"{fit.file}: {place}", f"{problem} {known}")
        mechanism = max(found, key=len)
        parameter = name.removesuffix(f"_{mechanism}")
        cell.insert(mechanism, region=region, **{parameter: value})


def set_reversals(cell: Cell, fit: Fit) -> None:
    """Set the reversal potentials of sodium and potassium by region."""
    for number, entry in enumerate(fit.reversals):
        place = f"conditions.erev[{number}]"
        region = fit.region(place, entry)
        if region in cell.morphology.regions:
            for ion in ("na", "k"):
                cell.set_ion(ion, region=region, e=fit.number(place, entry, f"e{ion}"))
