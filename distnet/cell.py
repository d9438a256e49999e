"""A detailed cell: morphology, discretisation, mechanisms, point processes, detectors.

    cell = Cell(morphology)                       # distnet.morphology.Morphology
    cell.set(Ra=100.0, cm=1.0)                    # everywhere; region="dend" for a part
    cell.discretise(nseg_rule(40.0))              # or d_lambda(0.1, 100.0), max_length(20.0), ...
    cell.insert("hh", gnabar=0.12)                # everywhere
    cell.insert("pas", region="dend", g=lambda distance: 1e-4 * (1 + distance / 100), e=-65.0)
    cell.set_ion("na", e=50.0, region="soma")     # also ci=, co= [mM]
    cell.v_init = -65.0                           # or None: the simulation's
    syn = cell.place(Location("soma", 0.5), "ExpSyn", tau=2.0, e=0.0)   # index into cell.processes
    cell.place(Location("dend[3]", 0.7), "IClamp", delay=100.0, dur=50.0, amp=0.2)
    cell.detect(Location("soma", 0.5), threshold=-10.0)                 # the cell's spike source
    twin = cell.copy()                            # cheap: shares morphology and cable

A cell collects what was said and works out arrays when they are asked for, so the order of the
calls matters only between calls on the same thing: the later one wins.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from distnet.cable import END, START, Cable, Site, Tree, find_site, make_cable, make_tree
from distnet.discretisation import Rule, n_segments
from distnet.errors import InputError
from distnet.laying import ION_FIELDS, Declared, Pointed, Value, lay_density, lay_ion
from distnet.morphology.frusta import Segments, make_segments
from distnet.morphology.morphology import Morphology, Section, summarise
from distnet.placed import Density, Process, Target

__all__ = ["Cable", "Cell", "Density", "Location", "Process"]

#: Where to act: a region or section name, or names or indices of sections; None: everywhere.
Where = str | Sequence[str | int] | None


@dataclass(frozen=True)
class Location:
    """A place on a cell: section name (or index) and normalised distance along it, 0 to 1."""

    section: str | int
    x: float = 0.5


#: What a POINTER stands for: a point process by its index, a location; None: its own compartment.
Place = int | Location | None


@dataclass(frozen=True)
class _Pointed:
    """One call of `Cell.point` for a density mechanism."""

    mechanism: str
    pointer: str
    variable: str
    place: Place
    where: tuple[int, ...] | Location  # sections, or the place of one compartment


@dataclass
class _Derived:
    """What was worked out from the calls so far; shared by copies until they differ."""

    segments: Segments | None = None
    tree: Tree | None = None
    cable: Cable | None = None
    density: dict[str, Density] | None = None
    ions: dict[str, dict[str, np.ndarray | None]] | None = None


class Cell:
    """A cell in the making, and what lowering reads of it.

    Attributes:
        morphology: its sections.
        v_init: initial membrane potential [mV]; None takes the simulation's.
        nseg: (n_section,) i4, segments of each section.
        Ra: (n_section,) f8 [ohm cm], 35.4 until set.
        cm: (n_section,) f8 [uF/cm2], 1 until set.
    """

    def __init__(self, morphology: Morphology):
        if len(morphology) == 0:
            raise InputError(morphology.source, "a cell needs at least one section")
        self.morphology = morphology.copy()
        self.v_init: float | None = None
        self.Ra = np.full(len(morphology), 35.4)
        self.cm = np.ones(len(morphology))
        self.nseg = n_segments(1)(morphology, self.Ra, self.cm)
        self._regions: dict[str, tuple[int, ...]] = {}
        self._inserted: list[tuple[str, Declared]] = []
        self._ions: list[tuple[str, Declared]] = []
        self._placed: list[tuple[str, Site, dict[str, float]]] = []
        self._detected: tuple[Site, float] | None = None
        self._kept: frozenset[Site] = frozenset()
        self._pointed: dict[tuple[int, str], tuple[str, Place]] = {}
        self._pointed_density: list[_Pointed] = []
        self._processes: list[Process] = []
        self._derived = _Derived()

    # -- Description ---------------------------------------------------------------------------

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections, in order of index."""
        return self.morphology.sections

    def region(self, name: str, sections: Sequence[str | int]) -> None:
        """Give some sections a name of their own, for `set`, `insert` and `set_ion`."""
        if name in self.morphology.regions:
            raise InputError(self._where, f'region "{name}" is already one of the morphology\'s')
        self._regions[name] = tuple(sorted({self.morphology.index(s) for s in sections}))

    def discretise(self, rule: Rule) -> None:
        """Cut every section into segments, by the Ra and cm set so far.

        Raises:
            InputError: something was placed already: its segment would no longer be known.
        """
        if self._placed or self._detected or self._kept:
            raise InputError(self._where, "discretise before anything is placed or detected")
        nseg = np.asarray(rule(self.morphology, self.Ra, self.cm), dtype=np.int32)
        if nseg.shape != self.Ra.shape or (nseg < 1).any():
            raise InputError(self._where, "a discretisation rule gives 1 or more for every section")
        self.nseg = nseg
        self._derived = _Derived()

    def set(
        self, region: Where = None, *, Ra: float | None = None, cm: float | None = None
    ) -> None:
        """Set axial resistivity Ra [ohm cm] and specific capacitance cm [uF/cm2]."""
        at = list(self._find(region))
        if Ra is not None:
            if not (Ra > 0.0 and np.isfinite(Ra)):
                raise InputError(self._where, f"Ra is {Ra} ohm cm; it must be positive")
            self.Ra = self.Ra.copy()
            self.Ra[at] = Ra
        if cm is not None:
            if not (cm >= 0.0 and np.isfinite(cm)):
                raise InputError(self._where, f"cm is {cm} uF/cm2; it must not be negative")
            self.cm = self.cm.copy()
            self.cm[at] = cm
        self._forget("cable")

    def insert(self, mechanism: str, /, region: Where = None, **parameters: Value) -> None:
        """Insert a density mechanism, or set parameters of one that is inserted.

        Args:
            mechanism: SUFFIX of a .mod file.
            region: where; everywhere by default.
            parameters: by the names in the .mod file, without suffix: a value, or a function of the
                path distance [um] of the middle of a segment from the middle of the root section.
        """
        declared = Declared(self._find(region), self._check(mechanism, parameters))
        self._inserted.append((mechanism, declared))
        self._forget("density")

    def set_ion(
        self,
        ion: str,
        region: Where = None,
        *,
        e: Value | None = None,
        ci: Value | None = None,
        co: Value | None = None,
    ) -> None:
        """Set reversal potential e [mV] and concentrations ci, co [mM] of an ion."""
        given = {n: v for n, v in zip(ION_FIELDS, (e, ci, co), strict=True) if v is not None}
        self._ions.append((ion, Declared(self._find(region), self._check(ion, given))))
        self._forget("ions")

    def place(self, location: Location, mechanism: str, /, **parameters: float) -> int:
        """Place a point process; return its index in `processes`.

        At x = 1 it sits on the end of the section, at x = 0 where the section is attached, as in
        NEURON; elsewhere on the segment that contains x.
        """
        site = self.site(location)
        checked = self._check(mechanism, parameters)
        self._placed.append((mechanism, site, {k: float(v) for k, v in checked.items()}))  # type: ignore[arg-type]
        self._keep(site)
        return len(self._placed) - 1

    def point(
        self,
        owner: int | str,
        pointer: str,
        variable: str,
        place: Place = None,
        region: Where | Location = None,
    ) -> None:
        """Say what a POINTER stands for, as NEURON's setpointer does.

        Args:
            owner: index of a point process in `processes`, or SUFFIX of a density mechanism.
            pointer: name in the .mod file.
            variable: "v"; "NAME.var" of the mechanism NAME; "ION.e", "ION.ci", "ION.co" or "ION.i".
            place: the index of a point process; a location for anything else; None: the compartment
                of the POINTER itself.
            region: of a density mechanism: where, everywhere by default; one compartment by its
                location. The later call wins.
        """
        for index in (owner, place):
            if isinstance(index, int) and not 0 <= index < len(self._placed):
                n = len(self._placed)
                raise InputError(self._where, f"there is no point process {index}; there are {n}")
        if isinstance(place, Location):
            self._keep(self.site(place))
        if isinstance(owner, int):
            self._pointed[owner, pointer] = (variable, place)
            self._processes = []
            return
        where = region if isinstance(region, Location) else self._find(region)
        self._pointed_density.append(_Pointed(owner, pointer, variable, place, where))
        self._forget("density")

    def detect(self, location: Location, threshold: float = 10.0) -> None:
        """Make the cell spike where its voltage crosses a threshold [mV] upwards."""
        if not np.isfinite(threshold):
            raise InputError(self._where, f"threshold is {threshold} mV; it must be finite")
        site = self.site(location)
        self._detected = (site, float(threshold))
        self._keep(site)

    def keep(self, location: Location) -> None:
        """Make a section end a node, e.g. to record there; elsewhere every place is on one."""
        self._keep(self.site(location))

    def copy(self) -> Cell:
        """A cell like this one, to which other things may then be done; shares all arrays."""
        twin = copy.copy(self)
        twin._regions = dict(self._regions)
        twin._inserted = list(self._inserted)
        twin._ions = list(self._ions)
        twin._placed = list(self._placed)
        twin._pointed = dict(self._pointed)
        twin._pointed_density = list(self._pointed_density)
        twin._processes = list(self._processes)
        return twin

    # -- What lowering reads -------------------------------------------------------------------

    @property
    def cable(self) -> Cable:
        """The nodes; see `distnet.cable`."""
        known = self._derived
        if known.segments is None:
            known.segments = make_segments(self.morphology, self.nseg)
        if known.tree is None:
            known.tree = make_tree(self.morphology, self.nseg, self._kept)
        if known.cable is None:
            known.cable = make_cable(known.tree, known.segments, self.Ra, self.cm)
        return known.cable

    @property
    def density(self) -> dict[str, Density]:
        """Density mechanisms by name, in the order of first insertion."""
        if self._derived.density is None:
            pointed = [self._found(one) for one in self._pointed_density]
            self._derived.density = {
                name: lay_density(self._where, self.cable, name, self._inserted, pointed)
                for name in dict.fromkeys(n for n, _ in self._inserted)
            }
        return self._derived.density

    @property
    def ions(self) -> dict[str, dict[str, np.ndarray | None]]:
        """What was set of each ion: "e", "ci", "co" -> (n_node,) f8, NaN where not, or None."""
        if self._derived.ions is None:
            self._derived.ions = {
                name: lay_ion(self._where, self.cable, name, self._ions)
                for name in dict.fromkeys(n for n, _ in self._ions)
            }
        return self._derived.ions

    @property
    def processes(self) -> list[Process]:
        """Point processes, in the order of placement."""
        known = self._processes
        for mechanism, site, parameters in self._placed[len(known) :]:
            node = self._node(site)
            pointers = {
                name: Target(variable, *self._target(to, node))
                for (i, name), (variable, to) in self._pointed.items()
                if i == len(known)
            }
            known.append(Process(mechanism, node, parameters, pointers))
        return known

    @property
    def detector(self) -> tuple[int, float] | None:
        """Node and threshold [mV] of the spike detector."""
        if self._detected is None:
            return None
        site, threshold = self._detected
        return self._node(site), threshold

    def site(self, location: Location) -> Site:
        """The segment or section end at a place, as NEURON takes it."""
        section = self.morphology.index(location.section)
        if not 0.0 <= location.x <= 1.0:
            raise InputError(
                f"{self._where}: section {location.section}",
                f"x is {location.x}; allowed is 0 to 1",
            )
        return find_site(self.morphology, self.nseg, section, location.x)

    def segment(self, location: Location) -> int:
        """Node at a place; at a section end that is no node, the segment next to it."""
        return self._node(self.site(location))

    # -- How -----------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"cell of {self.morphology.source}"

    def _find(self, region: Where) -> tuple[int, ...]:
        """Indices of the sections of a region."""
        if region is None:
            return tuple(range(len(self.morphology)))
        if not isinstance(region, str):
            return tuple(sorted({self.morphology.index(s) for s in region}))
        if region in self._regions:
            return self._regions[region]
        found = tuple(i for i, s in enumerate(self.sections) if s.region == region)
        if found:
            return found
        if region in {s.name for s in self.sections}:
            return (self.morphology.index(region),)
        known = summarise([*self.morphology.regions, *self._regions])
        raise InputError(self._where, f'there is no region "{region}"; known are {known}')

    def _check(self, what: str, parameters: Mapping[str, Value]) -> Mapping[str, Value]:
        """Parameters that are numbers or functions."""
        for name, value in parameters.items():
            is_number = isinstance(value, int | float | np.number) and np.isfinite(value)
            if not (is_number or callable(value)):
                problem = f"{name} is {value!r}; it must be a finite number"
                raise InputError(f"{self._where}: {what}", problem)
        return parameters

    def _keep(self, site: Site) -> None:
        """Make sure that a site is a node."""
        if site[1] in (START, END) and site not in self._kept:
            self._kept = self._kept | {site}
            self._forget("tree")

    def _forget(self, what: str) -> None:
        """Drop what has to be worked out again; `what` is the first thing that changed."""
        old = self._derived
        new = copy.copy(old)
        if what == "tree":
            new.tree = new.cable = new.density = new.ions = None
            self._processes = []
        else:
            setattr(new, what, None)
        self._derived = new

    def _target(self, place: Place, own: int) -> tuple[int, bool]:
        """Node or point process that a POINTER at a node stands for, and whether it is a node."""
        if isinstance(place, int):
            return place, False
        return (own if place is None else self.segment(place)), True

    def _found(self, one: _Pointed) -> Pointed:
        """The nodes of a call of `point`, and what they stand for."""
        if isinstance(one.where, Location):
            node = np.array([self.segment(one.where)])
        else:
            node = np.flatnonzero(np.isin(self.cable.section, one.where))
        to = {int(n): Target(one.variable, *self._target(one.place, int(n))) for n in node}
        return Pointed(one.mechanism, one.pointer, to)

    def _node(self, site: Site) -> int:
        """Node of a site."""
        cable = self.cable
        section, segment = site
        if site in cable.ends:
            return cable.ends[site]
        if segment == END:
            return int(cable.node_of_segment[cable.segment_ptr[section + 1] - 1])
        return int(cable.node_of_segment[cable.segment_ptr[section] + max(segment, 0)])
