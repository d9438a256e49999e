"""SONATA circuits and simulations: configuration, nodes, edges, inputs, reports."""

from distnet.sonata.network import SonataNetwork
from distnet.sonata.plan import SimulationPlan
from distnet.sonata.reports import Report
from distnet.sonata.simulation import SonataSimulation, load

__all__ = ["Report", "SimulationPlan", "SonataNetwork", "SonataSimulation", "load"]
