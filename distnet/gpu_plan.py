"""How a circuit would run on one GPU that need not be here."""

from __future__ import annotations

from pathlib import Path

from distnet.simulation import Simulation
from distnet.sonata import load
from kernels.cuda.plan import ClassPlan, plan


def plan_circuit(config: Path, gpu: str, precision: str = "double") -> list[ClassPlan]:
    """The classes of a SONATA circuit, all its cells on one card.

    Args:
        config: its simulation configuration.
        gpu: "h100" or "a100".
        precision: "double" or "single".

    Raises:
        InputError: something in the circuit is wrong.
        KernelsError: the card is not known.
    """
    found = load(config)
    simulation = Simulation(found.network, found.plan.settings, (), "null")
    return plan(simulation.lowered.block, gpu, precision)
