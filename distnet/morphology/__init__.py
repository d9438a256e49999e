"""Morphologies: built by hand, or read from SWC and Neurolucida ASC files."""

from distnet.morphology.morphology import Morphology, Section

__all__ = ["Morphology", "Section"]
