"""Refuse to run when a foreign package stands where one of our rooms should be."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

#: The rooms beside `distnet`, which are import packages of their own.
ROOMS = ("kernels", "partition", "launch")


def check_rooms() -> None:
    """Check that every room that Python would import lies beside this package.

    Raises:
        ImportError: a package of the same name, installed elsewhere, shadows a room.
    """
    home = Path(__file__).resolve().parent.parent
    for room in ROOMS:
        spec = find_spec(room)
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found != home / room:
            raise ImportError(
                f'distnet needs its own package "{room}" at {home / room}, but Python finds '
                f"{found or 'none'}; uninstall the other one or change the order of sys.path",
                name=room,
            )
