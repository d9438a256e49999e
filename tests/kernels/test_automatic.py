"""The backend "auto": a GPU where there is one that is worth it."""

from __future__ import annotations

import dataclasses

import pytest

import kernels
from kernels import KernelsError, automatic, make_engine
from kernels.cpu import CpuEngine
from kernels.cuda import CudaEngine, HostDevice
from kernels.cuda.cards import CARDS


@pytest.fixture
def with_card(monkeypatch, cxx):
    """`with_card(card)`: as on a machine that has it; its kernels run on the CPU."""

    def put(card):
        monkeypatch.setattr(automatic, "find_card", lambda: card)

        def on_the_cpu(block, precision):
            return CudaEngine(block, HostDevice(), precision=precision)

        monkeypatch.setitem(kernels.BACKENDS, "cuda", on_the_cpu)

    return put


def test_without_a_card_the_cpu(blocks, monkeypatch):
    monkeypatch.setattr(automatic, "LEAST_NODES", 0)
    monkeypatch.setattr(automatic, "find_card", lambda: None)
    assert isinstance(make_engine(blocks.random(1, [5])), CpuEngine)


def test_a_card_advances_large_blocks_only(blocks, with_card, monkeypatch):
    with_card(CARDS["h100"])
    block = blocks.random(1, [30, 9])
    assert isinstance(make_engine(block), CpuEngine)
    monkeypatch.setattr(automatic, "LEAST_NODES", 20)
    assert isinstance(make_engine(block), CudaEngine)
    events = blocks.events(block, 1, 10, 20)
    one, other = (blocks.advance(make_engine(block, b), events, 20, 20) for b in ("auto", "cpu"))
    for a, b in zip(one.samples, other.samples, strict=True):
        assert (a == b).all()


def test_a_card_of_few_float64_units_is_left_alone(blocks, with_card, monkeypatch):
    monkeypatch.setattr(automatic, "LEAST_NODES", 0)
    with_card(dataclasses.replace(CARDS["a100"], f64_lanes=2))
    block = blocks.random(1, [5])
    assert isinstance(make_engine(block), CpuEngine)
    assert isinstance(make_engine(block, precision="single"), CudaEngine)


def test_what_a_card_cannot_run_the_cpu_does(blocks, with_card, monkeypatch):
    monkeypatch.setattr(automatic, "LEAST_NODES", 0)
    with_card(CARDS["h100"])

    def refuse(block, precision):
        raise KernelsError("not on a GPU")

    monkeypatch.setitem(kernels.BACKENDS, "cuda", refuse)
    assert isinstance(make_engine(blocks.random(1, [5])), CpuEngine)
    with pytest.raises(KernelsError, match="not on a GPU"):
        make_engine(blocks.random(1, [5]), "cuda")


def test_this_machine_is_asked():
    card = automatic.find_card()
    assert card is None or card.n_sm > 0
