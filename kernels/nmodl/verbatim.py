"""What C in VERBATIM blocks may use: the one table of names that are understood.

C that the simulation never reaches (setRNG, play, bbsavestate, bbcore_write, ...: plumbing that hoc
or CoreNEURON calls) is not read. What is reached is translated by `kernels.nmodl.c_translate`, with
these meanings; any other name is refused at its line. NEURON, not CoreNEURON, is assumed; what only
hoc could hand over is absent.
"""

from __future__ import annotations

import re

#: Macros of NEURON's build that are defined; all others are not.
DEFINED = ("NRN_VERSION_GTEQ_8_2_0", "NRN_MECHANISM_DATA_IS_SOA")
#: Names of values.
CONSTANTS = {
    "M_PI": 3.141592653589793,
    "PI": 3.141592653589793,
    "M_E": 2.718281828459045,
    "cvode_active_": 0.0,
    "true": 1.0,
    "false": 0.0,
    "_nrnunit_use_legacy_": 0.0,
    "secondorder": 0.0,
    "RAND_MAX": 2147483647.0,
    "DBL_MAX": 1.7976931348623157e308,
    "DBL_EPSILON": 2.220446049250313e-16,
    "INT_MAX": 2147483647.0,
}
NULLS = ("NULL", "nullptr")
#: Calls that print, stop a run or manage memory: nothing of them stays in the model.
DROPPED = (
    "printf", "fprintf", "sprintf", "fflush", "puts", "assert", "hoc_execerror", "hoc_warning",
    "nrnran123_deletestream", "hoc_obj_ref", "hoc_obj_unref", "abort", "exit", "debug_printf",
    "nrnran123_getseq", "hxe", "hoc_malchk", "perror", "fputs", "fclose", "free",
)  # fmt: skip
#: Questions about arguments from hoc: there are none.
NO_ARGUMENTS = ("ifarg", "hoc_is_double_arg", "hoc_is_str_arg", "hoc_is_object_arg")
#: Arguments that hoc hands to a FUNCTION or PROCEDURE: its own.
ARGUMENTS = ("getarg", "hoc_getarg")
#: Functions of C by their NMODL names.
FUNCTIONS = {"hoc_Exp": "exp", "fmin": "fmin", "fmax": "fmax", "nrn_pow": "pow"}
#: Operators on the bits of whole numbers, by their functions in `kernels.nmodl.library`.
BITS = {"&": "bits_and", "|": "bits_or", "^": "bits_xor", "<<": "bits_left", ">>": "bits_right"}
#: Draws from a random stream.
DRAWS = {
    "nrnran123_dblpick": "random_dpick",
    "nrnran123_uniform": "random_uniform",
    "nrnran123_negexp": "random_negexp",
    "nrnran123_normal": "random_normal",
    "nrnran123_ipick": "random_ipick",
}
#: A hoc Random, whose distribution hoc has chosen: what the name of the function says.
PICKS = ("nrn_random_pick",)
#: Sequence and word of a stream, and its identity.
SET_SEQUENCE = ("nrnran123_setseq", "nrn_random123_setseq")
SET_IDENTITY = ("nrnran123_setids",)
NEW_STREAM = ("nrnran123_newstream", "nrnran123_newstream3")
#: hoc Vectors: that of an artificial cell is the train that it plays, others are absent.
VECTOR_SIZE = ("vector_capacity",)
VECTOR_ELEMENTS = ("vector_vec",)
VECTOR_BOTH = ("vector_instance_px",)
#: Events as NEURON has them in C: what they are, how many arguments, which of them is the time.
EVENTS = {
    "net_send": ("net_send", 5, 3),  # queue, arguments, target, time, flag
    "artcell_net_send": ("net_send", 5, 3),
    "net_move": ("net_move", 3, 2),  # queue, target, time
    "artcell_net_move": ("net_move", 3, 2),
    "net_event": ("net_event", 2, 1),  # target, time
}
#: Arguments that NEURON's own code hands on.
HANDED_ON = ("_threadargs_", "_threadargsproto_", "_p", "_ppvar", "_thread", "_nt", "_ml", "_iml")
#: A thread and the first of all.
THREADS = ("_nt", "nrn_threads")
#: Words that begin a declaration.
WHOLE = (
    "int", "long", "unsigned", "signed", "short", "char", "size_t", "uint32_t", "int32_t",
    "uint64_t", "int64_t", "u_int32_t", "uint16_t", "int16_t", "uint8_t", "int8_t",
)  # fmt: skip
TYPES = frozenset(WHOLE) | {
    *("double", "float", "bool", "void", "static", "extern", "const", "struct", "auto", "register"),
    *("volatile", "IvocVect", "Vect", "Rand", "Object", "FILE", "nrnran123_State", "Prop"),
    *("Datum", "Point_process", "Symbol"),
}

_STREAM = r"(?:nrnran123_\w+|nrn_random_\w+)\s*\([^;]*\b{0}\b|nrnran123_State\s*\*[^;]*\b{0}\b"
_VECTOR = r"vector_\w+\s*\([^;]*\b{0}\b|(?:IvocVect|Vect)\s*\*[^;]*\b{0}\b"


def role(pointer: str, text: str) -> str:
    """What a variable that C uses as a pointer stands for: "stream", "vector" or "".

    Args:
        pointer: as C has it, `_p_rng` or `space`.
        text: all C of the file.
    """
    if re.search(_STREAM.format(re.escape(pointer)), text):
        return "stream"
    if re.search(_VECTOR.format(re.escape(pointer)), text):
        return "vector"
    as_void = rf"void\s*\*+[^;]*\b{re.escape(pointer)}\b"
    if re.search(as_void, text):
        if "vector_" in text:
            return "vector"
        return "stream" if "random" in text or "nrnran123" in text else ""
    return ""


def distribution(function: str) -> str:
    """The draw that a hoc Random gives in a FUNCTION of this name."""
    name = function.lower()
    if "exp" in name or name in ("erand", "invl"):
        return "random_negexp"
    if "norm" in name or "gauss" in name or name in ("grand", "nrand"):
        return "random_normal"
    return "random_uniform"
