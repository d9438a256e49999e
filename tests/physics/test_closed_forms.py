"""Passive membranes and cables against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.discretisation import n_segments
from distnet.morphology import Morphology

G, E, CM, RA = 1e-4, -65.0, 1.0, 100.0  # S/cm2, mV, uF/cm2, ohm cm
TAU = 1e-3 * CM / G  # ms
DIAM, LENGTH = 2.0, 700.0  # um
LAMBDA = 1e4 * np.sqrt(DIAM * 1e-4 / (4 * RA * G))  # um
#: Input resistance [Mohm] of a cable without end.
R_INFINITE = 1e-6 * RA * LAMBDA * 1e-4 / (np.pi * (DIAM * 1e-4) ** 2 / 4)
CURRENT = 0.05  # nA

#: What a step makes of a deviation from rest, and its limit.
DECAY = {
    "backward-euler": lambda dt: 1.0 / (1.0 + dt / TAU),
    "crank-nicolson": lambda dt: (1.0 - 0.5 * dt / TAU) / (1.0 + 0.5 * dt / TAU),
}


def passive_cable(n: int, length: float = LENGTH) -> Cell:
    """A cable of n compartments, passive everywhere."""
    morphology = Morphology("cable")
    morphology.add("cable", length=length, diam=DIAM)
    cell = Cell(morphology)
    cell.set(Ra=RA, cm=CM)
    cell.discretise(n_segments(n))
    cell.insert("pas", g=G, e=E)
    return cell


def network_of(cell: Cell) -> CellNetwork:
    network = CellNetwork()
    network.add_cell(cell)
    return network


@pytest.mark.parametrize("method", DECAY)
def test_rc_decay(run_distnet, backend, method):
    dt, v_start = 0.025, -40.0
    network = network_of(passive_cable(1, length=20.0))
    place = [(0, Location("cable", 0.5))]
    trace = run_distnet(network, place, 20.0, backend, v_init=v_start, method=method, dt=dt)
    step = np.arange(len(trace.v))
    of_the_method = E + (v_start - E) * DECAY[method](dt) ** step
    exact = E + (v_start - E) * np.exp(-step * dt / TAU)
    order = 1 if method == "backward-euler" else 2
    # The largest global error, at t = tau: (dt / tau)^p / (2 e) or / (12 e) of the deviation.
    bound = (v_start - E) * (dt / TAU) ** order / (2 * np.e if order == 1 else 12 * np.e)
    assert np.abs(trace.v[:, 0] - of_the_method).max() < 1e-11
    assert np.abs(trace.v[:, 0] - exact).max() < 1.01 * bound


def test_a_clamp_charges_a_membrane(run_distnet, backend):
    cell = passive_cable(1, length=20.0)
    cell.place(Location("cable", 0.5), "IClamp", delay=2.0, dur=10.0, amp=0.001)
    trace = run_distnet(network_of(cell), [(0, Location("cable", 0.5))], 12.0, backend)
    resistance = 1.0 / (G * np.pi * DIAM * 20.0 * 1e-8) * 1e-6  # Mohm
    rising = np.arange(480 - 80 + 1)
    expected = E + 0.001 * resistance * (1.0 - DECAY["backward-euler"](0.025) ** rising)
    assert np.abs(trace.v[80:, 0] - expected).max() < 1e-10
    assert np.abs(trace.v[:81, 0] - E).max() < 1e-11


def steady_profile(x: np.ndarray) -> np.ndarray:
    """Voltage [mV] of the sealed cable at x [um] from the end where the current enters."""
    reach = np.cosh((LENGTH - x) / LAMBDA) / np.sinh(LENGTH / LAMBDA)
    return E + CURRENT * R_INFINITE * reach


def measure_profile(run_distnet, n: int, backend: str) -> float:
    """Largest error [mV] of the steady profile with n compartments."""
    cell = passive_cable(n)
    cell.place(Location("cable", 0.0), "IClamp", delay=0.0, dur=1e9, amp=CURRENT)
    x = (np.arange(n) + 0.5) / n
    places = [(0, Location("cable", float(at))) for at in (0.0, *x, 1.0)]
    trace = run_distnet(network_of(cell), places, 500.0, backend, dt=2.5)
    return np.abs(trace.v[-1] - steady_profile(np.array([0.0, *x, 1.0]) * LENGTH)).max()


def test_steady_cable(run_distnet, backend):
    error = [measure_profile(run_distnet, n, backend) for n in (20, 40)]
    rise = steady_profile(np.zeros(1))[0] - E
    assert error[1] < 1e-4 * rise
    assert np.log2(error[0] / error[1]) == pytest.approx(2.0, abs=0.1)
