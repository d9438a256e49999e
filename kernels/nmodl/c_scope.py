"""What names of C mean in VERBATIM blocks, and what values are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kernels.nmodl import tree


@dataclass(frozen=True)
class Known:
    """A value of C that exists only when compiling: null, stream, vector, elements, size, place."""

    kind: str
    name: str = ""

    @property
    def truth(self) -> bool:
        return self.kind != "null" and (self.kind != "size" or self.name != "")


NULL = Known("null")


@dataclass(frozen=True)
class Number:
    """A value that the model computes; whole where C has an integer."""

    node: tree.Expression
    whole: bool = False


Value = Known | Number
Out = list[tree.Statement]


class Kept(NamedTuple):
    """A variable or array of NMODL that stands for one of C."""

    name: str
    whole: bool  # C has integers


@dataclass
class Scope:
    """What names of C mean in one routine."""

    function: str  # name of the FUNCTION, or ""
    locals: set[str] = field(default_factory=set)  # of NMODL: LOCALs and arguments
    args: tuple[str, ...] = ()  # of NET_RECEIVE
    given: tuple[str, ...] = ()  # arguments of a FUNCTION or PROCEDURE
    variables: dict[str, str] = field(default_factory=dict)  # of C: real, whole, pointer
    known: dict[str, Known] = field(default_factory=dict)
    #: constant arrays: their elements
    lists: dict[str, tuple[tree.Expression, ...]] = field(default_factory=dict)
    arrays: dict[str, Kept] = field(default_factory=dict)  # name in C -> array of NMODL
    statics: dict[str, Kept] = field(default_factory=dict)  # name in C -> variable of the file
    elements: set[str] = field(default_factory=set)  # values taken from constant arrays

    def inner(self) -> Scope:
        """The scope of a block: what is declared there is not seen outside."""
        copies = {n: type(x)(x) for n, x in vars(self).items() if not isinstance(x, str | tuple)}
        return replace(self, **copies)

    def forget(self, name: str) -> None:
        """What a declaration hides."""
        for table_ in (self.variables, self.known, self.lists, self.arrays, self.statics):
            table_.pop(name, None)


@dataclass(frozen=True)
class FileFacts:
    """What all routines of a file share."""

    names: frozenset[str]  # variables of the file
    routines: frozenset[str]
    suffix: str
    pointers: dict[str, Known]  # C name -> what it points to
    plain_pointers: frozenset[str]  # POINTERs to variables
    text: str = ""  # all C of the file
