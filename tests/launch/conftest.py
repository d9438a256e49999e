"""The demo's circuit, for every test of the room that needs one."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from launch.demo.circuit import build_circuit


@pytest.fixture(scope="session")
def circuit(tmp_path_factory) -> Path:
    """The folder of the demo's circuit: 500 ms, seed 1. Not to be changed."""
    try:
        metadata.distribution("bmtk")
    except metadata.PackageNotFoundError:
        pytest.skip("bmtk's data files are not installed: pip install --no-deps bmtk==1.2.0")
    folder = tmp_path_factory.mktemp("demo") / "circuit"
    build_circuit(folder, seed=1, tstop=500.0)
    return folder
