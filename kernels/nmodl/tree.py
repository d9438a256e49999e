"""The tree of a .mod file: frozen records, each with its position."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernels.nmodl.scanner import Position


@dataclass(frozen=True)
class Node:
    """Base of the tree."""

    at: Position


# ---- expressions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number(Node):
    """A number, with the unit that may follow it."""

    value: float
    unit: str = ""


@dataclass(frozen=True)
class Text(Node):
    """A text in quotes, to be printed."""

    value: str


@dataclass(frozen=True)
class Name(Node):
    """A variable: name, name[index], name', name@delay."""

    id: str
    index: Expression | None = None  # x[index]
    order: int = 0  # 1 for x', 2 for x''
    delay: int = 0  # steps, of x@n


@dataclass(frozen=True)
class Call(Node):
    """A function and its arguments."""

    id: str
    args: tuple[Expression, ...]


@dataclass(frozen=True)
class Unary(Node):
    """- or ! before an operand."""

    op: str  # - !
    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """Two operands and what stands between them."""

    op: str  # + - * / ^ < > <= >= == != && ||
    left: Expression
    right: Expression


Expression = Number | Text | Name | Call | Unary | Binary


# ---- statements -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assign(Node):
    """target = value, or state' = value."""

    target: Name
    value: Expression


@dataclass(frozen=True)
class CallStatement(Node):
    """A call that stands alone."""

    call: Call


@dataclass(frozen=True)
class If(Node):
    """if (condition) body else orelse."""

    condition: Expression
    body: Block
    orelse: Block


@dataclass(frozen=True)
class While(Node):
    """while (condition) body."""

    condition: Expression
    body: Block


@dataclass(frozen=True)
class From(Node):
    """FROM index = first TO last BY step body."""

    index: str
    first: Expression
    last: Expression
    step: Expression | None
    body: Block


@dataclass(frozen=True)
class Local(Node):
    """LOCAL names."""

    names: tuple[tuple[str, int], ...]  # name, length (0: a scalar)


@dataclass(frozen=True)
class TableStatement(Node):
    """TABLE names DEPEND depend FROM first TO last WITH n."""

    names: tuple[str, ...]
    depend: tuple[str, ...]
    first: Expression
    last: Expression
    n: Expression


@dataclass(frozen=True)
class Solve(Node):
    """SOLVE block METHOD method, or STEADYSTATE."""

    block: str
    method: str = ""
    steadystate: bool = False


@dataclass(frozen=True)
class Reaction(Node):
    """~ left <-> right (forward, backward); ~ left -> (forward); ~ left << (forward).

    `bare` says of the rates of <-> whether each is a sum or difference without parentheses.
    """

    left: tuple[tuple[float, Name], ...]
    right: tuple[tuple[float, Name], ...]
    arrow: str
    forward: Expression
    backward: Expression | None
    bare: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Equation(Node):
    """~ left = right of a LINEAR or NONLINEAR block."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Conserve(Node):
    """CONSERVE left = right."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Compartment(Node):
    """COMPARTMENT or LONGITUDINAL_DIFFUSION of some states."""

    keyword: str
    index: str
    volume: Expression
    names: tuple[str, ...]


@dataclass(frozen=True)
class Verbatim(Node):
    """C between VERBATIM and ENDVERBATIM."""

    code: str


@dataclass(frozen=True)
class Watch(Node):
    """WATCH (condition) flag, ..."""

    conditions: tuple[tuple[Expression, Expression], ...]  # condition, flag


@dataclass(frozen=True)
class ForNetcons(Node):
    """FOR_NETCONS (args) body."""

    args: tuple[Argument, ...]
    body: Block


@dataclass(frozen=True)
class Initial(Node):
    """INITIAL inside NET_RECEIVE."""

    body: Block


@dataclass(frozen=True)
class Other(Node):
    """A statement that is read but means nothing to a fixed step: CONDUCTANCE, LAG, ..."""

    keyword: str


Statement = (
    Assign | CallStatement | If | While | From | Local | TableStatement | Solve | Reaction
    | Equation | Conserve | Compartment | Verbatim | Watch | ForNetcons | Initial | Other
)  # fmt: skip


@dataclass(frozen=True)
class Block(Node):
    """Statements in braces, or none."""

    statements: tuple[Statement, ...] = ()


def describe(statement: Statement) -> str:
    """What a statement is called in messages."""
    words = {"Equation": "an equation (~ a = b)", "Reaction": "a reaction", "Solve": "SOLVE"}
    kind = type(statement).__name__
    if isinstance(statement, Compartment | Other):
        return statement.keyword
    return words.get(kind, {"ForNetcons": "FOR_NETCONS"}.get(kind, kind.upper()))


# ---- declarations -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Argument(Node):
    """An argument of a routine."""

    name: str
    unit: str = ""


@dataclass(frozen=True)
class Declaration(Node):
    """One name of PARAMETER, ASSIGNED, STATE or CONSTANT, or a LOCAL outside of blocks."""

    name: str
    value: float | None = None
    unit: str = ""
    length: int = 0  # 0: a scalar


@dataclass(frozen=True)
class UseIon(Node):
    """USEION ion READ reads WRITE writes VALENCE valence."""

    ion: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    valence: float | None = None


@dataclass(frozen=True)
class UnitDefinition(Node):
    """(name) = (definition), constant = (from) (to), or constant = number (unit)."""

    name: str
    definition: str
    to: str = ""
    value: float | None = None
    constant: bool = False


@dataclass(frozen=True)
class Routine(Node):
    """A named block: FUNCTION, PROCEDURE, DERIVATIVE, KINETIC, LINEAR, NET_RECEIVE, ..."""

    keyword: str
    name: str
    args: tuple[Argument, ...]
    body: Block
    unit: str = ""
    solvefor: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neuron(Node):
    """What the NEURON block says."""

    kind: str = ""  # SUFFIX, POINT_PROCESS, ARTIFICIAL_CELL
    name: str = ""
    ions: tuple[UseIon, ...] = ()
    #: keyword -> its names: RANGE, GLOBAL, POINTER, BBCOREPOINTER, RANDOM, EXTERNAL,
    #: NONSPECIFIC_CURRENT, ELECTRODE_CURRENT
    names: dict[str, tuple[Name, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class File(Node):
    """A whole .mod file."""

    title: str
    neuron: Neuron
    units: tuple[UnitDefinition, ...]
    defines: dict[str, float]
    parameters: tuple[Declaration, ...]
    assigned: tuple[Declaration, ...]
    states: tuple[Declaration, ...]
    constants: tuple[Declaration, ...]
    locals: tuple[Declaration, ...]
    routines: tuple[Routine, ...]
    verbatims: tuple[Verbatim, ...]
    text: str = ""  # of the file and of what it includes


def walk(node: object) -> list[Node]:
    """A node, or those of a tuple, and all below."""
    if isinstance(node, tuple | list):
        return [n for part in node for n in walk(part)]
    if not isinstance(node, Node):
        return []
    return [node, *(n for value in vars(node).values() for n in walk(value))]


def calls_in(node: object) -> set[str]:
    """Names of functions that are called in a node, or in those of a tuple."""
    return {n.id for n in walk(node) if isinstance(n, Call)}
