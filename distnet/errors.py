"""Errors of the distnet room: one sentence that says where, what was found, what is allowed."""


class DistnetError(Exception):
    """Base of every error that `distnet` raises on purpose."""


class InputError(DistnetError):
    """Something in a user's file or model is wrong; `where` is a file, a key or a place."""

    def __init__(self, where: object, problem: str):
        self.where, self.problem = str(where), problem
        super().__init__(f"{where}: {problem}")


class SimulationError(DistnetError):
    """The simulation itself failed (a voltage became NaN, a file could not be written)."""
