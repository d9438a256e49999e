"""Calibration finds prices that were planted, and times what it says."""

from __future__ import annotations

import numpy as np
import pytest

from distnet import calibration
from distnet.calibration import SAMPLES, calibrate, fit_prices
from distnet.costs import CostTable


def test_planted_prices_are_found():
    draw = np.random.default_rng(1)
    contents, prices = draw.uniform(0, 10, (9, 5)), np.array([3.0, 0.0, 0.5, 2.0, 20.0])
    assert fit_prices(contents, contents @ prices) == pytest.approx(prices, abs=1e-9)


def test_prices_are_never_negative():
    draw = np.random.default_rng(2)
    for _ in range(20):
        contents, measured = draw.uniform(0, 1, (7, 3)), draw.uniform(0, 1, 7)
        found = fit_prices(contents, measured)
        assert (found >= 0).all()
        # No small step that keeps them so is better.
        error = ((contents @ found - measured) ** 2).sum()
        for j in range(3):
            for step in (-1e-4, 1e-4):
                other = found.copy()
                other[j] = max(other[j] + step, 0)
                assert ((contents @ other - measured) ** 2).sum() >= error - 1e-12


def test_a_table_comes_from_times(monkeypatch):
    monkeypatch.setattr(calibration, "STEPS", 4)
    monkeypatch.setattr(calibration, "SAMPLES", tuple(s for s in SAMPLES if "hh" not in s.name))
    heard = []
    table, timings = calibrate("null", heard.append)
    assert isinstance(table, CostTable)
    assert heard == [t.sample.name for t in timings]
    assert all(t.measured > 0 for t in timings)
