"""Errors of the launch room: one sentence that says where, what was found, what is allowed."""


class LaunchError(Exception):
    """A job cannot be started, or its results cannot be put where they were wanted."""
