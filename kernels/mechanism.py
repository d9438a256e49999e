"""What a compiled .mod file is: the record that `kernels.nmodl` makes and every engine consumes.

A kernel's body is a list of plain scalar statements in a small typed subset of Python's own `ast`:

- statements: ``name = expression``, ``if``/``else``, ``while``, ``break``, and, where events are
  handled, the calls ``net_send(delay, flag)``, ``net_event(time)``, ``net_move(time)``;
  ``name = element(place)`` and ``set_element(place, value)`` reach `Mechanism.memory`: they keep
  their order, and place is a whole float64 inside of it; where events are received,
  ``name = netcon(place)`` and ``set_netcon(place, value)`` reach the arguments of connections;
- expressions: float constants, names, ``+ - * /``, unary ``-``, comparisons, ``and or not``, and
  calls of the functions in `kernels.intrinsics.INTRINSICS` (exp, log, pow, sqrt, fabs, ...,
  `table`); ``train(i)`` is time i of the instance's spike train, negative past its end;
  where `loops_over_connections` holds it is the place of the arguments of connection i onto the
  instance; ``row()`` is that of the connection whose event is received;
  ``philox`` and ``philox_uniform`` of (id1, id2, id3, key, sequence) are pure functions; a random
  stream is the variables that it takes: ``NAME__id1``, ``NAME__id2``, ``NAME__id3``,
  ``NAME__sequence`` of each stream and ``random__key`` of all, ordinary ones of the instance.

Names are the variables of the mechanism, the special variables in `SPECIAL`, and temporaries. Every
value is a float64. A body is inlined: it holds no call of a FUNCTION or PROCEDURE of the .mod file.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

#: Variables every body may read without declaring them: membrane potential [mV] at the node, time
#: step [ms], time [ms], temperature [degC], diameter [um] and area [um2] of the node.
SPECIAL = ("v", "dt", "t", "celsius", "diam", "area")


@dataclass(frozen=True)
class Variable:
    """One PARAMETER, STATE or ASSIGNED variable."""

    name: str
    unit: str = ""
    default: float = 0.0  # value of a PARAMETER; state0 of a STATE; 0 for ASSIGNED


@dataclass(frozen=True)
class IonUse:
    """How a mechanism uses one ion: fields are `e` [mV], `ci`, `co` [mM], `i` [mA/cm2].

    The variable in the .mod file of field f of ion x is `variable("x", f)`: ena, nai, nao, ina.
    """

    ion: str
    valence: float | None = None  # None: the ion's own (na 1, k 1, ca 2)
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    def variable(self, ion_field: str) -> str:
        return {"e": "e{}", "ci": "{}i", "co": "{}o", "i": "i{}"}[ion_field].format(self.ion)


@dataclass(frozen=True)
class Current:
    """A current that the BREAKPOINT sets, outward positive: [mA/cm2], of a point process [nA]."""

    name: str
    ion: str | None = None  # None: NONSPECIFIC_CURRENT or ELECTRODE_CURRENT
    electrode: bool = False  # positive is inward


@dataclass(frozen=True)
class Kernel:
    """A straight piece of mechanism code for one instance."""

    body: tuple[ast.stmt, ...] = ()
    loads: tuple[str, ...] = ()  # variables read before the body sets them: need their stored value
    stores: tuple[str, ...] = ()  # variables the body sets (may set), each a candidate for storing
    args: tuple[str, ...] = ()  # NET_RECEIVE arguments, first the weight; kept per connection
    adds: tuple[str, ...] = ()  # stored POINTERs whose value is added to what they stand for
    #: of single precision only: computed in float64, what it stores rounded; see `kernels.typed`
    wide: bool = False


@dataclass(frozen=True)
class Diffusing:
    """A STATE with LONGITUDINAL_DIFFUSION, and the variables that `Mechanism.diffuse` sets for it.

    Per length of the cable, as COMPARTMENT and LONGITUDINAL_DIFFUSION give them.
    """

    state: str
    volume: str  # [um2] or what the .mod file means
    flow: str  # diffusion constant times cross-section [um4/ms], likewise


@dataclass(frozen=True)
class Table:
    """A TABLE: rows of `outputs` at n + 1 equally spaced values of `argument`, made before INITIAL.

    `body` computes the outputs from the argument exactly. The kernels that use it call
    ``table(offset + j)``, where offset is `offset` + (n + 1) * (index of the output), j a whole
    float64 from 0 to n: element of the mechanism's one table array.
    """

    argument: str
    start: float
    stop: float
    n: int
    outputs: tuple[str, ...]
    offset: int
    body: tuple[ast.stmt, ...]


#: Kernels of BEFORE and AFTER blocks, by field of `Mechanism`: keyword and what follows it.
AROUND = {
    "before_initial": ("BEFORE", "INITIAL"),  # before INITIAL of any mechanism
    "after_initial": ("AFTER", "INITIAL"),  # after INITIAL of all mechanisms and connections
    "before_breakpoint": ("BEFORE", "BREAKPOINT"),  # before any current; t in the middle of a step
    "after_solve": ("AFTER", "SOLVE"),  # after the states of all mechanisms; t at the step's end
    "before_step": ("BEFORE", "STEP"),  # after those, and after the first currents: records see it
}


@dataclass(frozen=True)
class Mechanism:
    """One .mod file, checked and lowered."""

    name: str  # SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL name
    kind: str  # "density", "point" or "artificial"
    file: str  # where it was read from, for messages
    digest: str  # hash of the text and of the compiler's version
    parameters: dict[str, Variable] = field(default_factory=dict)  # RANGE: one value an instance
    globals: dict[str, Variable] = field(default_factory=dict)  # one value for all instances
    states: dict[str, Variable] = field(default_factory=dict)
    assigned: dict[str, Variable] = field(default_factory=dict)
    ions: tuple[IonUse, ...] = ()
    currents: tuple[Current, ...] = ()
    init: Kernel = Kernel()
    derive: Kernel = Kernel()  # once after INITIAL; made by `kernels.hoist`
    #: Sets every current variable at v, and the two temporaries `_i` (total outward current,
    #: electrode currents subtracted) and `_g` (d _i / d v). Empty body: no current.
    current: Kernel = Kernel()
    #: True where `_i` is affine in v, so that `_g` is the exact derivative; else NEURON's two
    #: evaluations, at v + 0.001 and at v, are in the body.
    affine: bool = True
    state: Kernel = Kernel()
    #: NET_RECEIVE; also reads `flag`; t is the exact event time; may store v, that of its node
    receive: Kernel | None = None
    receive_init: Kernel | None = None  # INITIAL inside NET_RECEIVE: once a connection
    #: conditions of WATCH at the start of a step, after events up to then: may call net_send
    watch: Kernel = Kernel()
    before_initial: Kernel = Kernel()
    after_initial: Kernel = Kernel()
    before_breakpoint: Kernel = Kernel()
    after_solve: Kernel = Kernel()
    before_step: Kernel = Kernel()
    tables: tuple[Table, ...] = ()
    #: what sets volumes and flows, after all states; then `diffusing` move: see `kernels.diffusion`
    diffuse: Kernel = Kernel()
    diffusing: tuple[Diffusing, ...] = ()
    #: FUNCTION_TABLEs and how many arguments each has; see `kernels.function_table`
    function_tables: dict[str, int] = field(default_factory=dict)
    #: variables with an index: place p of `element` and `set_element` is the variable memory[p];
    #: bodies reach them in no other way
    memory: tuple[str, ...] = ()
    #: assigned variables that are POINTERs: engines fetch and put them; see `kernels.pointers`
    pointers: tuple[str, ...] = ()
    externals: tuple[str, ...] = ()  # EXTERNALs: globals that have no value of their own
    streams: tuple[str, ...] = ()  # names of random streams; who sets none gets ids of its own

    @property
    def loops_over_connections(self) -> bool:
        """Whether NET_RECEIVE has a FOR_NETCONS."""
        body = self.receive.body if self.receive is not None else ()
        names = (node.id for s in body for node in ast.walk(s) if isinstance(node, ast.Name))
        return "netcon" in names

    def kernels(self) -> dict[str, Kernel]:
        """All kernels by name of their field; those that are always there, and those not empty."""
        always = ("init", "derive", "current", "state")
        names = (*always, "receive", "receive_init", "watch", *AROUND, "diffuse")
        found = {name: getattr(self, name) for name in names}
        return {n: k for n, k in found.items() if k is not None and (n in always or k != Kernel())}

    def variables(self) -> dict[str, Variable]:
        """Everything with one value an instance."""
        return {**self.parameters, **self.states, **self.assigned}
