"""What a rank of a job holds: its cells and tables, built as in a run."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from launch.dry_scaling import sample

#: Cells of a rank where the number of ranks is not said.
MOST_CELLS = 1000


def footprint(config: Path, n_ranks: int | None = None) -> list[tuple[str, str]]:
    """Bytes per rank, per synapse and per source, as labels and values.

    Args:
        config: simulation configuration.
        n_ranks: of a job; by default so many that a rank has at most `MOST_CELLS` cells, of which
            the first is looked at, else as in a dry run.
    """
    import numpy as np

    from distnet.balance import divide
    from distnet.dry_run import Pretending, dry_run
    from distnet.sonata import load

    simulation = load(config)
    network, settings = simulation.network, simulation.plan.settings
    n_cells = int((network.kinds() == 0).sum())
    if not n_cells:
        return []
    ranks = [0] if n_ranks is None else sample(n_ranks)
    n_ranks = n_ranks or -(-n_cells // MOST_CELLS)
    owner = divide(network, settings, Pretending(n_ranks), "auto")
    held = [r for r in ranks if np.any(owner == r)]
    found = [dry_run(network, settings, n_ranks, r, owner, n_epochs=1) for r in held]
    size = [one.n_bytes for one in found]
    synapses = [one for one in found if one.n_connections]
    rows = [
        (
            "  of a rank",
            f"{median(size) / 1e6:,.2f} MB, most {max(size) / 1e6:,.2f} MB, of {n_ranks:,} ranks "
            "(cells and tables)",
        )
    ]
    if synapses:
        whole = sum(one.n_bytes for one in synapses) / sum(one.n_connections for one in synapses)
        per = median(one.synapse_bytes for one in synapses)
        heard = median(one.source_bytes for one in synapses)
        rows += [
            ("  of a synapse", f"{per:,.0f} B in the tables, {whole:,.0f} B with all else"),
            ("  of a source", f"{heard:,.0f} B in the tables of each rank that hears it"),
        ]
    return rows
