"""The doctor sees what is there and says what to do about what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distnet.gpu import gpu_trouble
from distnet.gpu_check import Comparison
from launch.cli import main
from launch.doctor import NEEDED, OPTIONAL, Rank, hints, problems, screen, trouble_with

WELL = Rank(
    rank=0,
    host="n1",
    local=0,
    n_local=1,
    cores=4,
    n_cores_shared=4,
    threads=1,
    mpi="MPICH Version 5.0.2",
    driver="550.1",
    cuda=(12, 4),
    device="GPU-aaaa",
    device_name="H100",
    slow=False,
    trouble="",
    blind=False,
    sharing="",
    versions=tuple((name, "1.0") for name in (*NEEDED, *OPTIONAL)),
    wheels=("cupy-cuda12x",),
    nvrtc="12.9.86",
    hdf5="1.14",
    shm=1 << 30,
    cache="/home/me/.cache/distnet",
)


def without(name):
    return tuple((n, "" if n == name else v) for n, v in WELL.versions)


def test_a_good_job_has_no_problems():
    found = [WELL, replace(WELL, rank=1, local=1, device="GPU-bbbb")]
    assert problems(found) == hints(found) == []
    assert screen(found, [], [])[-1] == "nothing is missing"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"versions": without("h5py")}, "n1: h5py is missing: pip install h5py"),
        ({"mpi": "Open MPI v5"}, "different MPI libraries (MPICH Version 5.0.2, Open MPI v5)"),
        ({"versions": (("numba", "2.0"), *WELL.versions[2:], WELL.versions[0])}, "of numba"),
    ],
)
def test_what_must_be_mended_is_told(change, words):
    told = problems([WELL, replace(WELL, rank=1, **change)])
    assert len(told) == 1
    assert words in told[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_local": 8}, "8 ranks of 1 threads share 4 cores"),
        ({"threads": 8}, "1 ranks of 8 threads share 4 cores"),
        ({"sharing": "2 ranks share one GPU"}, "2 ranks share one GPU"),
        ({"device": ""}, "no GPU is visible"),
        ({"versions": without("cupy"), "wheels": ()}, "CuPy is missing"),
        ({"wheels": ("cupy-cuda11x", "cupy-cuda12x")}, "pip uninstall cupy-cuda11x cupy-cuda12x"),
        ({"nvrtc": ""}, "NVRTC is missing: pip install nvidia-cuda-nvrtc-cu12"),
        ({"nvrtc": "", "wheels": ("cupy-cuda13x",), "cuda": (13, 0)}, "nvidia-cuda-nvrtc"),
        ({"cuda": (11, 4), "trouble": "too old"}, "runs CUDA 11.4 at most, CuPy is for 12"),
        ({"wheels": ("cupy-cuda13x",)}, "driver 580.65.06 or newer, or in its place pip install"),
        ({"trouble": "CuPy finds no GPU"}, "n1: CuPy finds no GPU"),
        ({"driver": "", "device": "", "blind": True}, "NVIDIA_DRIVER_CAPABILITIES"),
        ({"slow": True}, "H100 has slow float64"),
        ({"shm": 2 << 20}, "/dev/shm has 2 MB"),
        ({"cache": ""}, "set DISTNET_CACHE"),
    ],
)
def test_what_could_be_better_is_told_once(change, words):
    told = hints([replace(WELL, **change), replace(WELL, rank=1, **change)])
    assert len(told) == 1
    assert words in told[0]
    assert problems([replace(WELL, **change)]) == []


def test_what_a_gpu_computed_is_told():
    right = Comparison("double", 37_730, 381, True, (1.17, 0.41))
    wrong = replace(right, precision="single", same=False)
    well = replace(WELL, checks=(right,))
    assert problems([well]) == []
    assert "0     double precision, 37,730 compartments, 381 spikes: the bits of the CPU; " + (
        "0.41 s, a core 1.17 s"
    ) in screen([well], [], [])
    ill = replace(WELL, checks=(right, wrong))
    assert "in single precision the GPU does not compute what the CPU does" in problems([ill])[0]
    assert "OTHER BITS" in "".join(screen([ill], [], []))
    assert problems([replace(WELL, failed="there is no GPU")]) == ["n1: there is no GPU"]


def test_a_check_without_a_gpu_fails(capsys):
    if not gpu_trouble():
        pytest.skip("there is a GPU")
    assert main(["doctor", "--gpu"]) == 1
    assert "must be mended: " in capsys.readouterr().out


def test_trouble_with_a_device_is_what_a_run_would_say(monkeypatch):
    if not gpu_trouble():
        pytest.skip("there is a GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert 'backend "cuda": ' in trouble_with("GPU-00000000-0000-0000-0000-000000000000")


def test_one_process(capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for word in ("Python", "numba", "HDF5", "MPI", "GPU", "cache", "rank  host"):
        assert word in told
    assert max(map(len, told.splitlines())) < 200


@pytest.mark.mpi
def test_two_ranks(mpirun):
    done = mpirun(2, ["-m", "launch", "doctor"])
    assert done.returncode == 0, done.output
    assert "2 ranks on 1 hosts" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line[:2] in ("0 ", "1 ")]
    assert [(row[0], row[2], row[4]) for row in rows] == [("0", "0", "1"), ("1", "1", "1")]
