"""Eliminating trees: in which order, and in which steps k lanes do so (DHS)."""

from kernels.schedule.dhs import Schedule, dhs_schedule, schedule_elimination, step_bound
from kernels.schedule.elimination import Elimination, plan_elimination
from kernels.schedule.tiles import cut_tiles, schedule_pieces

__all__ = [
    "Elimination",
    "Schedule",
    "cut_tiles",
    "dhs_schedule",
    "plan_elimination",
    "schedule_elimination",
    "schedule_pieces",
    "step_bound",
]
