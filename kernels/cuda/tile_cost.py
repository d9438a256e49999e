"""What a cell in tiles asks of a card: that of a whole cell in shared memory, and what tiles add.

The numbers are fitted to what `kernels.cuda.tally` counts in the kernels of hh on trees of 400 to
100,000 nodes, as those of `kernels.cuda.cost` are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.cuda.cards import WARP, Card
from kernels.cuda.cost import Estimate, Instance, Tree, cell_load
from kernels.cuda.model import Load
from kernels.cuda.tiles import Tiling
from kernels.schedule import Elimination


def tree_of_tiling(tiling: Tiling, plan: Elimination) -> Tree:
    """Count levels, rounds and pulls of all pieces, one after the other."""
    n_level = n_round = n_child = 0
    for tree in tiling.trees:
        count, size = np.diff(tree.child_ptr), np.diff(tree.level_ptr)
        place = np.arange(len(count)) - np.repeat(tree.level_ptr[:-1], size)
        begin = np.flatnonzero(place % WARP == 0)
        n_level, n_round = n_level + len(size), n_round + len(begin)
        n_child += int(np.maximum.reduceat(count, begin).sum()) if len(begin) else 0
    return Tree(plan.n, n_level, n_round, n_child, plan.n_condensed)


def tiled_load(
    tiling: Tiling,
    tree: Tree,
    instances: Sequence[tuple[int, Instance]],
    threads: int,
    lanes: int,
    card: Card,
    n_byte: int = 8,
) -> Estimate:
    """A cell on a block of threads, tile by tile.

    Args:
        tiling: of the cell.
        tree: what its pieces ask of the solver.
        instances: of each mechanism, how many there are and what each asks.
        threads: of the block.
        lanes: that solve the tree.
        card: the constants.
        n_byte: of a number.
    """
    whole = cell_load(tree, instances, threads, lanes, False, card, n_byte)
    n, warps, is_single = tree.n_node, threads // WARP, n_byte == 4
    n_piece, far = len(tiling.trees), 2 * tree.n_condensed
    rounds = sum(-(-len(t.node) // threads) for t in tiling.trees) - -(-n // threads)
    n_call = sum(one.n_call for count, one in instances if count)
    # pivots, right-hand sides, voltages of single precision; couplings, or once axial conductances
    kept = n_byte * ((2 + is_single) * n + (n + far / 2 if far else 0.5 * n))
    kept += 4.0 * sum(len(words) for words in tiling.indices) / 2
    outlets = len(tiling.outlet_slot)
    more = Load(
        issued=(50.0 + 40.0 * (far > 0)) * -(-n // WARP)
        + n_piece * warps * (230.0 + 50.0 * n_call)
        + 8.0 * outlets,
        shared=0.14 * n_byte * n + 60.0 * n_piece,
        # neither nodes nor instances of a piece begin with a sector
        moved=2.2 * kept + 0.1 * whole.step.moved + 3000.0 * n_piece + 6.0 * n_byte * outlets,
        chain=(n_piece - 1) * (4600.0 + n_call * (110.0 + card.latency.barrier))
        + rounds * sum(one.load.chain for count, one in instances if count)
        + (rounds + -(-n // threads)) * (900.0 if far else 380.0),
    )
    return Estimate(whole.step + more, Load(), whole.footprint + kept, whole.kept + kept)
