"""What a simulation leaves on disk, in SONATA's HDF5 layout, and how it is read back."""

from distnet.output.populations import Population, by_population
from distnet.output.read import ReportTable, SpikeTable, read_report, read_spikes
from distnet.output.report import Elements, ReportWriter, elements_of
from distnet.output.spikes import SORTING, write_spikes, write_spikes_csv

__all__ = [
    "SORTING",
    "Elements",
    "Population",
    "ReportTable",
    "ReportWriter",
    "SpikeTable",
    "by_population",
    "elements_of",
    "read_report",
    "read_spikes",
    "write_spikes",
    "write_spikes_csv",
]
