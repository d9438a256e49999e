"""The face of the room: every name is there, and nothing else is promised."""

from __future__ import annotations

import pytest

import distnet


def test_every_name_is_there():
    assert sorted(distnet.__all__) == sorted(distnet._HOME)
    for name in distnet.__all__:
        assert getattr(distnet, name).__name__ == name
        assert name in dir(distnet)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Neuron'"):
        _ = distnet.Neuron
