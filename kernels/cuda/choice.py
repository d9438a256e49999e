"""Threads, lanes and tiles of every cell, by the performance model: no bit depends on them.

Launches of the classes of a block overlap, so what counts is their common floor, and among equals
the sum of each one's. Cells of one kind (queue of self-events, condensed or not, size within a
factor of two) get one variant; from several beginnings each group in turn takes what makes that
smallest, until none changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kernels.cuda.cards import WARP, Card
from kernels.cuda.classes import (
    MAX_POSITION,
    REGISTERS_LEFT,
    Schedules,
    Variant,
    shared_bytes,
)
from kernels.cuda.cost import Estimate, Tree, cell_load, instance_of, tree_of
from kernels.cuda.mechanism import MechanismPrinter
from kernels.cuda.model import Cells, Demand, Floor, demand_of, floor_of, floor_together
from kernels.cuda.occupancy import resident_cells, shared_of
from kernels.cuda.tile_cost import tiled_load, tree_of_tiling
from kernels.schedule import Elimination

#: Steps of an epoch that a choice is made for: delays of a millisecond.
EPOCH = 40
#: (threads, lanes) of cells whose vectors lie in shared memory, and of those in global memory.
SMALL = ((32, 32), (64, 32), (128, 32), (256, 32), (64, 64), (128, 128), (256, 256), (512, 512))
LARGE = ((128, 32), (128, 128), (256, 32), (256, 256), (512, 32), (512, 512))
#: (threads, lanes, nodes of a tile) of cells that are advanced tile by tile.
TILED = (
    (128, 32, 1024), (128, 128, 1024), (256, 32, 2048), (256, 256, 2048), (512, 32, 4096),
    (512, 512, 2048), (512, 512, 4096),
)  # fmt: skip
SWEEPS = 4
#: Kinds of a group that are priced.
SAMPLED = 32


@dataclass(frozen=True)
class Kind:
    """Cells that are alike: elimination, whether their events need a queue, instances."""

    plan: Elimination
    serial: bool
    counts: tuple[int, ...]  # instances of each mechanism, the mean of these cells
    n: int  # cells
    whole: bool = False  # they cannot be advanced in pieces


@dataclass(frozen=True)
class Group:
    """Kinds that get one variant, as it advances them."""

    demand: Demand
    n_shared: int  # [bytes]

    def __add__(self, other: Group) -> Group:
        return Group(self.demand + other.demand, max(self.n_shared, other.n_shared))


Options = dict[Variant, Group]


class Chooser:
    """Prices kinds of cells on a card.

    Args:
        card: whose constants.
        printers: of the mechanisms of the block.
        schedules: where schedules are kept.
    """

    def __init__(self, card: Card, printers: Sequence[MechanismPrinter], schedules: Schedules):
        self.card, self.schedules = card, schedules
        self.n_byte = printers[0].precision.n_byte if printers else 8
        self.instances = {
            large: [instance_of(q, card, large) for q in printers] for large in (False, True)
        }
        self._trees: dict[tuple[int, int], Tree] = {}
        self._tiles: dict[tuple[int, int, int], Tree] = {}

    def variants(self, kind: Kind) -> list[Variant]:
        """Kernels that can advance a kind, the smallest first."""
        condensed = kind.plan.n_condensed > 0
        small = kind.plan.n * (1 + condensed) <= MAX_POSITION and (
            self.shared(kind.plan, WARP) <= self.card.max_shared
        )
        choices = SMALL if small else LARGE
        found = [Variant(t, k, not small, kind.serial, condensed) for t, k in choices]
        tried = () if small or kind.whole else TILED
        tiled = [Variant(t, k, False, kind.serial, condensed, tile) for t, k, tile in tried]
        return found + [v for v in tiled if self._fits(kind.plan, v)]

    def _fits(self, plan: Elimination, variant: Variant) -> bool:
        """Whether tiles of a cell fit into shared memory and their indices into 16 bits."""
        tiling = self.schedules.tiled(plan, variant.tile, variant.lanes)
        return tiling.fits and tiling.shared_bytes(self.n_byte) <= self.card.max_shared

    def shared(self, plan: Elimination, lanes: int) -> int:
        """Shared memory [bytes] of a cell."""
        n_level = self.tree(plan, lanes).n_level
        return shared_bytes(plan.n, n_level, plan.n_condensed, self.n_byte)

    def tree(self, plan: Elimination, lanes: int) -> Tree:
        """The solver's work on a tree; of more than one warp of lanes by the bound of its steps."""
        key = (id(plan), lanes)
        if key not in self._trees:
            if not plan.n:
                self._trees[key] = Tree(0, 0, 0, 0)
            elif lanes <= WARP:
                self._trees[key] = tree_of(self.schedules(plan, lanes), plan)
            else:
                one, n_level = self.tree(plan, WARP), plan.step_bound(lanes)
                n_round = n_level + plan.n // 64
                self._trees[key] = replace(one, n_level=n_level, n_round=n_round)
        return self._trees[key]

    def estimate(self, kind: Kind, variant: Variant) -> Estimate:
        """What one cell of a kind asks."""
        own = list(zip(kind.counts, self.instances[variant.large], strict=True))
        if variant.tile:
            tiling = self.schedules.tiled(kind.plan, variant.tile, variant.lanes)
            key = (id(kind.plan), variant.tile, variant.lanes)
            if key not in self._tiles:
                self._tiles[key] = tree_of_tiling(tiling, kind.plan)
            on = (variant.threads, variant.lanes, self.card, self.n_byte)
            return tiled_load(tiling, self._tiles[key], own, *on)
        tree = self.tree(kind.plan, variant.lanes)
        how = (variant.threads, variant.lanes, variant.large, self.card, self.n_byte)
        return cell_load(tree, own, *how)

    def group(self, kinds: Sequence[Kind], variant: Variant) -> Group:
        """What some kinds ask in an epoch, and the shared memory of their largest cell."""
        cells, n_shared = [], 16
        for kind in kinds:
            one = self.estimate(kind, variant)
            cells.append(Cells(kind.n, one.step, one.launch, one.footprint, one.kept))
            if variant.tile:
                n_shared = max(n_shared, self.schedules.shared(kind.plan, variant, self.n_byte))
            elif not variant.large:
                n_shared = max(n_shared, self.shared(kind.plan, variant.lanes))
        return Group(demand_of(cells, EPOCH), n_shared)

    def floor(self, group: Group, variant: Variant) -> Floor:
        """The floor of the launch of a class."""
        return floor_of(self.card, group.demand, self.held(group, variant))

    def held(self, group: Group, variant: Variant) -> int:
        """Cells of a class that a multiprocessor shall hold at once.

        As many as it can, or no more than the L2 cache keeps: what is faster if a cache that is
        too small keeps nothing.
        """
        card, demand, most = self.card, group.demand, self._most(group, variant)
        kept = int(card.l2_size * demand.n / (demand.kept or 1.0) / card.n_sm)
        if not 0 < kept < min(most, demand.n / card.n_sm):
            return most
        seconds = {n: floor_of(card, demand, n, worst=True).seconds for n in (most, kept)}
        return min(seconds, key=lambda n: seconds[n])

    def shared_to_hold(self, group: Group, variant: Variant) -> int:
        """Shared memory [bytes] of a cell with which no more than `held` fit; 0: it needs none."""
        held = self.held(group, variant)
        limited = held < self._most(group, variant)
        return shared_of(self.card.architecture, held) if limited else 0

    def _most(self, group: Group, variant: Variant) -> int:
        """Cells of a class that a multiprocessor can hold."""
        how = (REGISTERS_LEFT, variant.threads, group.n_shared)
        return max(1, resident_cells(self.card.architecture, *how))

    def seconds(
        self, kinds: Sequence[Kind], variants: Sequence[Variant], worst: bool = False
    ) -> float:
        """The floor [s] of an epoch's launches, one for each variant.

        Args:
            kinds: of cells.
            variants: of each kind.
            worst: whether an L2 cache that is too small keeps nothing: what choices are made by.
        """
        groups = [self.group([kind], v) for kind, v in zip(kinds, variants, strict=True)]
        return self._seconds(groups, variants, worst)[0]

    def _seconds(
        self, groups: Sequence[Group], variants: Sequence[Variant], worst: bool
    ) -> tuple[float, float]:
        """The floor of all launches together, and the sum of their own."""
        classes: dict[Variant, Group] = {}
        for group, v in zip(groups, variants, strict=True):
            classes[v] = classes[v] + group if v in classes else group
        launches = [(group.demand, self.held(group, v)) for v, group in classes.items()]
        alone = sum(floor_of(self.card, *launch, worst).seconds for launch in launches)
        return floor_together(self.card, launches, worst).seconds, alone

    def choose(self, kinds: Sequence[Kind]) -> list[Variant]:
        """The variant of each kind."""
        place: dict[tuple[bool, bool, bool, bool, int], list[int]] = {}
        for i, kind in enumerate(kinds):
            one = self.variants(kind)[0]
            size = kind.plan.n.bit_length()
            key = (one.serial, one.large, one.condensed, one.large and kind.whole, size)
            place.setdefault(key, []).append(i)
        options = []
        for members in place.values():
            own = [kinds[i] for i in members]
            suit = [v for v in self.variants(own[0]) if all(self._suits(k, v) for k in own)]
            few = sample_of(own)
            options.append({v: self.group(few, v) for v in suit})
        chosen = self._search(options)
        found: dict[int, Variant] = {}
        for members, variant in zip(place.values(), chosen, strict=True):
            found |= dict.fromkeys(members, variant)
        return [found[i] for i in range(len(kinds))]

    def _suits(self, kind: Kind, variant: Variant) -> bool:
        """Whether a variant that suits a kind of the same group suits this one."""
        return not variant.tile or self._fits(kind.plan, variant)

    def _search(self, options: list[Options]) -> list[Variant]:
        """The best of what descents from several beginnings come to."""
        each = [self._alone(variants) for variants in options]
        alike = [
            [list(o)[min(number, len(o) - 1)] for o in options] for number in range(len(SMALL))
        ]
        ends = [self._descend(options, start) for start in (each, *alike)]
        return min(ends, key=lambda end: self._price(options, end))

    def _alone(self, variants: Options) -> Variant:
        """The best for a group that is alone."""
        return min(variants, key=lambda v: self._price([variants], [v]))

    def _descend(self, options: list[Options], chosen: list[Variant]) -> list[Variant]:
        """Change one group after the other to what makes the price smallest."""
        least = self._price(options, chosen)
        for _ in range(SWEEPS):
            before = chosen
            for g, variants in enumerate(options):
                for variant in variants:
                    tried = [*chosen[:g], variant, *chosen[g + 1 :]]
                    if (price := self._price(options, tried)) < least:
                        chosen, least = tried, price
            if chosen == before:
                break
        return chosen

    def _price(self, options: list[Options], chosen: list[Variant]) -> tuple[float, float]:
        groups = [o[v] for o, v in zip(options, chosen, strict=True)]
        return self._seconds(groups, chosen, worst=True)


def sample_of(kinds: Sequence[Kind]) -> Sequence[Kind]:
    """Enough of many kinds to price them all: each stands for some that are no larger."""
    if len(kinds) <= SAMPLED:
        return kinds
    ordered = sorted(kinds, key=lambda kind: kind.plan.n)
    parts = np.array_split(np.arange(len(ordered)), SAMPLED)
    return [replace(ordered[p[-1]], n=sum(ordered[i].n for i in p)) for p in parts]


def kinds_of(
    plans: Sequence[Elimination],
    serial: np.ndarray,
    counts: np.ndarray,
    whole: np.ndarray | None = None,
) -> tuple[list[Kind], np.ndarray]:
    """Group cells that are alike.

    Args:
        plans: of every cell; those of equal trees are one object.
        serial: (n_cell,) bool, whether the events of a cell need a queue.
        counts: (n_cell, n_mechanism) instances; numbers that are near each other count as equal.
        whole: (n_cell,) bool, whether a cell cannot be advanced in pieces; by default none.

    Returns:
        The kinds, and the kind of every cell.
    """
    rounded = _two_digits(counts)
    whole = np.zeros(len(plans), bool) if whole is None else whole
    number: dict[tuple[int, bool, bool, bytes], int] = {}
    kind_of_cell = np.zeros(len(plans), np.int64)
    first: list[int] = []
    for cell, plan in enumerate(plans):
        key = (id(plan), bool(serial[cell]), bool(whole[cell]), rounded[cell].tobytes())
        if key not in number:
            number[key] = len(first)
            first.append(cell)
        kind_of_cell[cell] = number[key]
    size = np.bincount(kind_of_cell, minlength=len(first))
    total = np.zeros((len(first), counts.shape[1]), np.int64)
    np.add.at(total, kind_of_cell, counts)
    mean = (total + size[:, None] // 2) // size[:, None]
    kinds = [
        Kind(plans[c], bool(serial[c]), tuple(own), int(n), bool(whole[c]))
        for c, n, own in zip(first, size, mean.tolist(), strict=True)
    ]
    return kinds, kind_of_cell


def _two_digits(counts: np.ndarray) -> np.ndarray:
    """Numbers rounded to three bits."""
    scale = 2 ** np.maximum(0, np.frexp(counts.astype(float))[1] - 3)
    return (np.round(counts / scale) * scale).astype(np.int64)
