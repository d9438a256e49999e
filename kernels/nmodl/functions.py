"""Functions that NMODL knows, and what is said of those that it does not."""

from __future__ import annotations

from kernels.nmodl.library import LIBRARY

#: Functions of NMODL and the number of their arguments.
FUNCTIONS = {
    **dict.fromkeys(("exp", "log", "log10", "sqrt", "fabs", "abs", "floor", "ceil", "train"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"), 1),
    **dict.fromkeys(("pow", "fmod", "fmin", "fmax"), 2),
}
RENAMED = {"abs": "fabs", "fmin": "min", "fmax": "max"}
#: Calls that are statements and mean nothing to a fixed step.
IGNORED = ("printf", "prterr", "at_time")
EVENT_CALLS = {"net_send": 2, "net_event": 1, "net_move": 1}


def unknown_function(function: str) -> str:
    """Why a call is refused."""
    return (
        f"function {function} is not supported; expected a FUNCTION or PROCEDURE of this file "
        f"or one of {', '.join((*FUNCTIONS, *LIBRARY))}"
    )
