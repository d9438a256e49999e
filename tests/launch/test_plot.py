"""Pictures of results, ours or another tool's."""

from __future__ import annotations

import h5py
import pytest
from matplotlib.image import imread

from launch.errors import LaunchError
from launch.plot import draw


def test_results_of_a_real_circuit_are_drawn(assets, tmp_path):
    for name in ("spikes.h5", "soma_v.h5"):
        (tmp_path / name).write_bytes((assets / "sonata_small" / "expected" / name).read_bytes())
    pictures = draw(tmp_path, n_cells=4)
    assert [path.name for path in pictures] == ["raster.png", "rates.png", "soma_v.png"]
    for path in pictures:
        picture = imread(path)
        assert picture.shape[0] > 200
        assert picture.shape[1] == 1350
        assert picture[..., :3].std() > 0.01  # something is drawn


def test_a_run_without_spikes_is_drawn(tmp_path):
    with h5py.File(tmp_path / "spikes.h5", "w") as file:
        file["spikes/cortex/timestamps"] = []
        file["spikes/cortex/node_ids"] = []
    assert len(draw(tmp_path, n_cells=1)) == 2


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "spikes.h5").write_bytes(b"\x89HDF half")
    with pytest.raises(LaunchError, match=r"spikes.h5: is not a whole HDF5 file"):
        draw(tmp_path, n_cells=1)
