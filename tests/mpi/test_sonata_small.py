"""A real circuit of 21 cells on 1, 2 and 4 ranks, against NEURON's own results."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.mpi

JOB = Path(__file__).parent / "jobs" / "sonata.py"
DT = 0.025


@pytest.fixture(scope="module")
def circuit(assets) -> Path:
    folder = assets / "sonata_small"
    assert (folder / "config.json").is_file(), f"the folder of real circuits has no {folder}"
    return folder


@pytest.fixture(scope="module")
def expected(circuit):
    """NEURON's spikes, (time, node) sorted, and soma voltages [mV] every 0.1 ms."""
    with h5py.File(circuit / "expected" / "reference.h5") as file:
        gid, time = file["spikes/node_id"][()], file["spikes/t_ms"][()]
        voltage = file["soma_v/v_mV"][()].T
        assert file["soma_v/node_id"][()].tolist() == list(range(21))
    order = np.lexsort((gid, time))
    return gid[order], time[order], voltage


@pytest.fixture(scope="module")
def found(mpirun, circuit, tmp_path_factory):
    """`found(n)` is what the job gave on n ranks."""
    kept = {}

    def get(n):
        if n not in kept:
            out = tmp_path_factory.mktemp("sonata") / f"{n}.npz"
            done = mpirun(n, [JOB, circuit / "config.json", out], timeout=300)
            assert done.returncode == 0, done.output
            kept[n] = np.load(out)
        return kept[n]

    return get


def test_every_spike_is_in_the_step_of_neuron(found, expected):
    gid, time, _ = expected
    one = found(1)
    assert len(gid) == 219
    np.testing.assert_array_equal(np.round(one["time"] / DT), np.round(time / DT))
    np.testing.assert_array_equal(one["gid"], gid)


def test_soma_voltages_are_those_of_neuron(found, expected):
    voltage = found(1)["voltage"]
    difference = np.abs(voltage - expected[2][: len(voltage)])
    print(f"largest difference of a soma voltage: {difference.max():.2e} mV")
    assert voltage.shape == (5000, 21)
    assert difference.max() < 1e-6


@pytest.mark.parametrize("n", [2, 4])
def test_ranks_change_no_bit(found, n):
    one, many = found(1), found(n)
    for name in ("gid", "time", "voltage"):
        np.testing.assert_array_equal(many[name], one[name])


# --- the command line ---


@pytest.fixture(scope="module")
def outputs(mpirun, circuit, tmp_path_factory):
    """Folders that `distnet run` wrote on 1 and on 2 ranks."""
    folders = {}
    for n in (1, 2):
        folders[n] = tmp_path_factory.mktemp("cli") / "out"
        command = ["-m", "launch", "run", circuit / "config.json", "--out", folders[n], "--quiet"]
        done = mpirun(n, command, timeout=300)
        assert done.returncode == 0, done.output
        assert done.stderr == ""
    return folders


def datasets(path: Path) -> dict[str, np.ndarray]:
    """Every dataset of an HDF5 file, and every attribute, by name."""
    values = {}

    def visit(name, thing):
        for key, value in thing.attrs.items():
            values[f"{name}@{key}"] = value
        if isinstance(thing, h5py.Dataset):
            values[name] = thing[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return values


def test_one_and_two_ranks_write_the_same_files(outputs):
    names = sorted(path.name for path in outputs[1].iterdir())
    assert names == sorted(path.name for path in outputs[2].iterdir())
    assert names == ["soma_cai.h5", "soma_v.h5", "spikes.h5"]
    for name in names:
        one, two = datasets(outputs[1] / name), datasets(outputs[2] / name)
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert np.array_equal(value, two[key]), f"{name}: {key}"
    assert all(list(folder.parent.iterdir()) == [folder] for folder in outputs.values())


def test_the_spikes_file_is_read_by_libsonata(outputs, expected):
    libsonata = pytest.importorskip("libsonata")
    population = libsonata.SpikeReader(str(outputs[2] / "spikes.h5"))["cortex"]
    gid, time = (np.array(part) for part in zip(*population.get(), strict=True))
    order = np.lexsort((gid, time))
    np.testing.assert_array_equal(gid[order], expected[0])
    np.testing.assert_array_equal(np.round(time[order] / DT), np.round(expected[1] / DT))


def test_the_report_is_read_by_libsonata_with_rows_at_the_times_of_its_axis(outputs, expected):
    libsonata = pytest.importorskip("libsonata")
    population = libsonata.ElementReportReader(str(outputs[2] / "soma_v.h5"))["cortex"]
    start, stop, step = population.times
    assert (start, stop, step) == (0.0, 500.0, pytest.approx(0.1))
    assert population.get_node_ids() == list(range(21))
    frame = population.get()
    node = [one[0] for one in frame.ids]
    voltage = np.array(frame.data)[:, np.argsort(node)]
    rows = np.round(np.array(frame.times) / 0.1).astype(int)
    np.testing.assert_array_equal(rows, np.arange(5000))
    theirs = expected[2][rows]
    difference = np.abs(voltage - theirs)
    print(f"largest difference of a row of the report: {difference.max():.2e} mV")
    assert (difference <= np.spacing(np.abs(theirs).astype(np.float32)) + 1e-6).all()
    # a row late or early would be far off
    assert np.abs(voltage[1:] - theirs[:-1]).max() > 1.0


def test_the_report_of_calcium_is_bmtks_a_step_later(outputs, circuit):
    """BMTK's row k is the state at 0.1 k + 0.025 ms: where calcium hardly moves they agree."""
    ours, theirs = (
        datasets(folder / "soma_cai.h5")["report/cortex/data"]
        for folder in (outputs[2], circuit / "expected")
    )
    assert ours.shape == theirs.shape == (5000, 21)
    assert np.ptp(ours) > 1e-5
    np.testing.assert_allclose(ours[:100], theirs[:100], rtol=2e-3)
    np.testing.assert_allclose(ours, theirs, rtol=0.2)
