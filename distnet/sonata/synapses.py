"""Which point process an edge is: model_template and dynamics_params, by BMTK's names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distnet.errors import InputError
from distnet.sonata.config import read_json
from distnet.sonata.section import is_number, kind

#: Mechanisms whose parameters have other names in dynamics_params, and need them all.
PARAMETERS: dict[str, dict[str, str]] = {
    "Exp2Syn": {"tau1": "tau1", "tau2": "tau2", "erev": "e"},
    "ExpSyn": {"tau1": "tau", "erev": "e"},
}

#: Templates that BMTK spells in lower case.
SPELLINGS = {name.lower(): name for name in PARAMETERS}

#: Entries of dynamics_params that are no parameters.
DESCRIPTIONS = ("level_of_detail", "comment")


@dataclass(frozen=True)
class SynapseModel:
    """A point process with the parameters that all edges of a kind share."""

    mechanism: str
    parameters: Mapping[str, float] = field(default_factory=dict)


def synapse_model(
    template: str, parameters: Mapping[str, object], where: str, own: Collection[str] = ()
) -> SynapseModel:
    """The point process for a model_template.

    Args:
        template: Exp2Syn or ExpSyn in any case, or the POINT_PROCESS name of a .mod file.
        parameters: dynamics_params, by BMTK's names.
        where: what holds the parameters, for messages.
        own: parameters that every edge has a value of its own for.

    Raises:
        InputError: a parameter is missing, unknown or not a number.
    """
    mechanism = SPELLINGS.get(template.lower(), template)
    given = {k: v for k, v in parameters.items() if k not in DESCRIPTIONS}
    for name, value in given.items():
        if not is_number(value):
            raise InputError(where, f'"{name}" is {value!r} where a number is expected')
    renamed = {parameter_name(mechanism, k, where): float(v) for k, v in given.items()}  # type: ignore[arg-type]
    for name in PARAMETERS.get(mechanism, {}):
        if name not in given and name not in own:
            raise InputError(where, f'the parameter "{name}" of {mechanism} is missing')
    return SynapseModel(mechanism, renamed)


def parameter_name(mechanism: str, name: str, where: str) -> str:
    """The name in the .mod file of a parameter in dynamics_params.

    Raises:
        InputError: a mechanism of `PARAMETERS` has no such parameter.
    """
    table = PARAMETERS.get(mechanism)
    if table is None:
        return "e" if name == "erev" else name
    if name not in table:
        allowed = ", ".join(table)
        raise InputError(
            where, f'"{name}" is not a parameter of {mechanism}; allowed are {allowed}'
        )
    return table[name]


def read_parameters(path: Path, where: object) -> dict[str, object]:
    """Read a file of dynamics_params.

    Raises:
        InputError: it is missing, or does not hold an object.
    """
    values = read_json(path, where)
    if not isinstance(values, dict):
        raise InputError(path, f"holds {kind(values)} where an object is expected")
    return values
