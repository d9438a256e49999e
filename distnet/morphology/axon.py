"""Replacing a reconstructed axon by a stub, as the tools of the Allen Institute and Snudda do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from distnet.errors import InputError
from distnet.morphology.frusta import make_segments
from distnet.morphology.morphology import Morphology

STUB_LENGTH = 30.0  # [um], of each of the two pieces


def replace_axon(
    morphology: Morphology, stubs: Sequence[tuple[float, float]], parent_x: float
) -> Morphology:
    """Delete every axon section and append a chain of cylinders, axon[0], axon[1], ...

    Args:
        morphology: has a section soma[0]; nothing but axon grows from its axon.
        stubs: length and diameter [um] of each piece.
        parent_x: where on soma[0] the chain starts.

    Returns:
        A new morphology; the stubs are its last sections.

    Raises:
        InputError: a section of another region is attached to the axon, or there is no soma.
    """
    kept = [i for i, section in enumerate(morphology) if section.region != "axon"]
    new_index = {old: new for new, old in enumerate(kept)}
    sections = []
    for i in kept:
        section = morphology.sections[i]
        if section.parent >= 0 and section.parent not in new_index:
            axon = morphology.sections[section.parent].name
            problem = f"is attached to {axon}: the axon cannot be replaced"
            raise InputError(f"{morphology.source}: section {section.name}", problem)
        sections.append(replace(section, parent=new_index.get(section.parent, -1)))
    result = Morphology.from_sections(sections, morphology.source)
    parent = result["soma[0]"]
    for i, (length, diam) in enumerate(stubs):
        x = parent_x if i == 0 else 1.0
        parent = result.add(f"axon[{i}]", length=length, diam=diam, parent=parent, parent_x=x)
    return result


def replace_axon_perisomatic(morphology: Morphology) -> Morphology:
    """Allen perisomatic models: two pieces of diameter 1 um in the middle of the soma."""
    return replace_axon(morphology, [(STUB_LENGTH, 1.0)] * 2, parent_x=0.5)


def replace_axon_allactive(morphology: Morphology) -> Morphology:
    """Allen all-active models: two pieces at the end of the soma.

    Their diameters are the mean ones of the first and the last axon section, in float32: BMTK gives
    the pieces 3-D points, which NEURON holds in that precision.
    """
    axon = [i for i, section in enumerate(morphology) if section.region == "axon"]
    if not axon:
        raise InputError(morphology.source, "has no axon, whose diameters an all-active cell takes")
    diam = mean_diameters(morphology)
    stubs = [(STUB_LENGTH, float(np.float32(diam[i]))) for i in (axon[0], axon[-1])]
    return replace_axon(morphology, stubs, parent_x=1.0)


def mean_diameters(morphology: Morphology) -> np.ndarray:
    """(n_section,) f8 [um], mean diameter of each section."""
    return make_segments(morphology, np.ones(len(morphology), dtype=np.int32)).diam


#: By BMTK's model_processing. The "directed" ones turn the stub in space, which changes no cable.
AXON_RULES: dict[str, Callable[[Morphology], Morphology]] = {
    "aibs_perisomatic": replace_axon_perisomatic,
    "aibs_perisomatic_directed": replace_axon_perisomatic,
    "aibs_allactive": replace_axon_allactive,
    "aibs_allactive_directed": replace_axon_allactive,
}
