"""What single precision changes is measured: lost, new and moved spikes are told apart."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture
def precision(repo, monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(repo / "benchmarks"))
    import precision

    return precision


def test_spikes_are_matched(precision):
    def found(*spikes):
        gid, time = zip(*spikes, strict=True)
        return precision.Found(np.array(gid), np.array(time), np.zeros((400, 2)))

    one = found((0, 5.0), (1, 6.0), (0, 20.0), (1, 30.0))
    other = found((0, 5.0), (1, 6.025), (0, 12.0), (1, 40.0))
    told = precision.compare(one, other)
    assert (told["spikes"], told["matched"], told["at_the_same_time"]) == ([4, 4], 2, 1)
    assert told["largest_shift_ms"] == pytest.approx(0.025)
    assert told["mV_largest"] == 0.0
    other.voltage[49:] += 3.0
    told = precision.compare(one, other)
    assert (told["mV_before_the_first_spike"], told["mV_median"]) == (3.0, 3.0)


def test_lines(repo, run_python):
    command = [repo / "benchmarks" / "precision.py", "--ring", "small", "--cells", 8]
    done = run_python([*command, "--tstop", 12])
    assert done.returncode == 0, done.output
    single, half = (json.loads(line) for line in done.stdout.splitlines())
    assert single["changed"] == "single precision"
    assert single["spikes"][0] == single["spikes"][1] == single["at_the_same_time"] >= 3
    assert 0.0 < single["mV_median"] < 1e-4
    assert half["mV_largest"] > 100 * single["mV_largest"]
