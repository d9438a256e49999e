"""Dendritic hierarchical scheduling: in which steps k lanes eliminate the nodes of a tree."""

from kernels.schedule.dhs import Schedule, dhs_schedule, step_bound

__all__ = ["Schedule", "dhs_schedule", "step_bound"]
