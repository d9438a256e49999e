"""The inventory of a circuit agrees with what its README and NEURON say."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.simulation import Simulation
from distnet.sonata import load
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


def bytes_of(thing: object, seen: set[int]) -> int:
    """Bytes of all arrays of a thing of ours and of what it holds, each once."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return thing.nbytes if thing.base is None else bytes_of(thing.base, seen)
    if isinstance(thing, dict | list | tuple):
        parts = thing.values() if isinstance(thing, dict) else thing
        return sum(bytes_of(part, seen) for part in parts)
    ours = type(thing).__module__.split(".")[0] in ("distnet", "kernels")
    return sum(bytes_of(part, seen) for part in getattr(thing, "__dict__", {}).values() if ours)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_memory_is_about_what_an_engine_takes(assets, precision):
    """All arrays of a block, of its engine and of the routing."""
    config = assets / "sonata_small" / "config.json"
    loaded = load(config, precision=precision)
    one = Simulation(loaded.network, loaded.plan.settings, (), "cpu")
    real = bytes_of([one.lowered.block, one.engine, one.routing], set())
    assert take_inventory(config, precision).n_bytes == pytest.approx(real, rel=0.1)


def test_it_is_printed(assets, capsys):
    assert main(["info", str(assets / "sonata_small" / "config.json")]) == 0
    told = capsys.readouterr().out
    for words in ("21 detailed, 30 virtual", "3,166", "1,448 instances", "MB"):
        assert words in told


def test_bytes_per_rank_synapse_and_source(assets, capsys):
    """Four ranks hold less each than one, their tables together more."""
    found = {}
    for n in (1, 4):
        assert main(["info", str(assets / "sonata_small" / "config.json"), "--ranks", str(n)]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        rows = {words[2]: words for words in lines if words[:2] == ["of", "a"]}
        found[n] = {name: float(words[3].replace(",", "")) for name, words in rows.items()}
        assert f"of {n} ranks" in " ".join(rows["rank"])
    assert 0.5 < found[1]["rank"] < 20.0  # MB
    assert 0.2 < found[4]["rank"] / found[1]["rank"] < 0.6
    assert found[1]["synapse"] == found[4]["synapse"] == 4 + 8 + 4  # place, delay, delay in steps
    assert 16 <= found[1]["source"] < 100


def test_classes_on_a_card_that_is_not_here(assets, capsys, monkeypatch):
    from kernels import KernelsError
    from kernels.cuda import plan

    def absent() -> str:
        raise KernelsError("NVRTC cannot be loaded")

    monkeypatch.setattr(plan, "toolchain", absent)
    assert main(["info", str(assets / "sonata_small" / "config.json"), "--gpu", "a100"]) == 0
    double = capsys.readouterr().out
    more = ["--gpu", "a100", "--precision", "single"]
    assert main(["info", str(assets / "sonata_small" / "config.json"), *more]) == 0
    told = capsys.readouterr().out
    assert "on one a100 in double precision" in double
    assert "on one a100 in single precision" in told
    row = next(line for line in told.splitlines() if "91-264" in line)
    cells, _, _, steps, bound, lanes, threads, where, shared, registers, *_ = (
        word.strip() for word in row.strip("│").split("│")
    )
    assert (cells, where, registers) == ("21", "shared", "-")
    assert steps == bound
    assert int(lanes) <= int(threads)
    assert 0 < int(shared.replace(",", "")) < 166_912


def test_cards_are_those_of_the_model():
    from kernels.cuda.cards import CARDS
    from launch.cli import GPUS

    assert tuple(CARDS) == GPUS


def test_registers_are_asked_where_nvrtc_is(assets):
    from distnet.gpu_plan import plan_circuit
    from kernels import KernelsError
    from kernels.cuda.nvrtc import toolchain

    try:
        toolchain()
    except KernelsError as problem:
        pytest.skip(str(problem))
    (one,) = plan_circuit(assets / "sonata_small" / "config.json", "h100")
    assert one.n_compartment == (91, 264)
    assert 32 <= one.registers <= 128
    assert one.n_step == one.bound
