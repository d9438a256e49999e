"""Errors of the partition room."""


class PartitionError(Exception):
    """A workload, a number of ranks or a method that cannot be used."""
