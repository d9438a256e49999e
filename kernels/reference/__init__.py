"""The reference engine: the oracle of the others, slow and plain."""

from kernels.reference.engine import ReferenceEngine

__all__ = ["ReferenceEngine"]
