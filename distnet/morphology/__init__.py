"""Morphologies: built by hand, or read from SWC and Neurolucida ASC files."""

from distnet.morphology.morphology import Morphology, Section
from distnet.morphology.swc import load_swc

__all__ = ["Morphology", "Section", "load_swc"]
