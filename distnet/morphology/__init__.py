"""Morphologies: built by hand, or read from SWC and Neurolucida ASC files."""

from distnet.morphology.asc import load_asc
from distnet.morphology.axon import AXON_RULES, replace_axon
from distnet.morphology.morphology import Morphology, Section
from distnet.morphology.swc import load_swc

__all__ = ["AXON_RULES", "Morphology", "Section", "load_asc", "load_swc", "replace_axon"]
