"""Kinds of arguments on the command line, each with what it accepts."""

from __future__ import annotations

import argparse
import math
import sys
from typing import NoReturn

from launch.ranks import launched


class Parser(argparse.ArgumentParser):
    """A parser that speaks on the first rank only."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2; the other ranks do so in silence."""
        found = launched()
        if found is not None and found[0] != 0:
            sys.exit(2)
        super().error(message)


def positive(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def count(text: str) -> int:
    """A whole number of at least one."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def counts(text: str) -> list[int]:
    """Whole numbers of at least one, ascending, separated by commas."""
    return sorted({count(part.strip()) for part in text.split(",")})


def seed(text: str) -> int:
    """A whole number of at least zero, below 2**32."""
    if not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 4294967295")
    return int(text)
