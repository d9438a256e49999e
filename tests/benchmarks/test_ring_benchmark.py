"""The benchmark runs, compares, and says so when spikes differ."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest

SMALL = ["--size", "small", "--cells", 8, "--tstop", 12, "--repeats", 1]


@pytest.fixture
def ring(repo, monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(repo / "benchmarks"))
    monkeypatch.delitem(sys.modules, "ring", raising=False)
    import ring

    return ring


@pytest.mark.neuron
def test_lines(repo, run_python):
    if importlib.util.find_spec("neuron") is None:
        pytest.skip("NEURON is not installed")
    done = run_python([repo / "benchmarks" / "ring.py", *SMALL, "--peers", "neuron"])
    assert done.returncode == 0, done.output
    distnet, neuron, compared = (json.loads(line) for line in done.stdout.splitlines())
    assert [distnet["simulator"], neuron["simulator"]] == ["distnet", "neuron"]
    for line in (distnet, neuron):
        assert line["compartments"] == 8 * 49
        assert line["steps"] == 480
        assert line["spikes"] >= 3
        expected = line["cpu_s"] / (8 * 49 * 480) * 1e9
        assert line["ns_per_compartment_step"] == pytest.approx(expected, rel=0.05)
    assert compared["spikes_equal_to_neuron"] == {"distnet": True}
    assert compared["times_faster_than"]["neuron"] > 0


def test_an_unknown_peer_is_a_usage_error(repo, run_python):
    done = run_python([repo / "benchmarks" / "ring.py", *SMALL, "--peers", "genesis"])
    assert done.returncode == 2
    assert "genesis" in done.stderr


@pytest.mark.parametrize(("shift", "equal"), [(0, True), (1, False)])
def test_spikes_are_compared_step_for_step(ring, shift, equal):
    spikes = np.array([[10, 0], [12, 3]])
    runs = {name: [{"cpu_s": seconds}] for name, seconds in (("distnet", 1.0), ("neuron", 4.0))}
    line, found = ring.compare(runs, {"distnet": spikes + [shift, 0], "neuron": spikes})
    assert found is equal
    assert line["times_faster_than"] == {"neuron": 4.0}
    assert line["spikes_equal_to_neuron"] == {"distnet": equal}


def test_the_model_comes_from_its_seed(ring):
    import ring_model

    first, second = (ring_model.make_ring("small", "hh", 16, seed=3) for _ in range(2))
    other = ring_model.make_ring("small", "hh", 16, seed=4)
    cells = zip(first.cells, second.cells, other.cells, strict=True)
    for gid, (one, two, three) in enumerate(cells):
        assert np.array_equal(one.length, two.length)
        assert not np.array_equal(one.length, three.length)
        assert (one.source != gid).all()
        assert len(one.source) == 100
        assert (one.parent[1:] < np.arange(1, 13)).all()
        assert np.bincount(one.parent[1:], minlength=13).max() == 2
