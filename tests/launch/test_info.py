"""The inventory of a circuit agrees with what its README and NEURON say."""

from __future__ import annotations

import pytest

from launch.cli import main
from launch.info import take_inventory


@pytest.fixture(scope="module")
def found(assets):
    return take_inventory(assets / "sonata_small" / "config.json")


def test_counts(found):
    assert found.populations == [("cortex", 21, 0), ("external", 0, 30)]
    assert found.n_compartments == 3166
    assert found.n_synapses == 307 + 1141
    assert found.processes == {"Exp2Syn": 307 + 1141, "IClamp": 5}
    assert found.density["pas"] == 3166
    assert found.density["NaV"] == 6  # the inhibitory cells' somata
    assert found.density["NaTs"] == 15  # the excitatory ones'


def test_memory_grows_with_what_there_is(found):
    least = 8 * (found.n_compartments * 6 + found.n_synapses * 10)
    assert least < found.n_bytes < 20 * least


def test_it_is_printed(assets, capsys):
    assert main(["info", str(assets / "sonata_small" / "config.json")]) == 0
    told = capsys.readouterr().out
    for words in ("21 detailed, 30 virtual", "3,166", "1,448 instances", "MB"):
        assert words in told
