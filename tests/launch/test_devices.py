"""The device of a rank, on what ranks of real launchers were seen to see."""

from __future__ import annotations

import os

import pytest

from launch import devices
from launch.devices import Choice, advice, bind, choose, devices_of, visible
from launch.errors import LaunchError
from launch.nvidia import Device, Node, find_devices
from launch.ranks import Ranks

A, B, C, D = (f"GPU-{letter * 8}-1111" for letter in "abcd")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (None, (A, B)),
        ("", ()),
        ("NoDevFiles", ()),
        ("0,1", (A, B)),
        ("1", (B,)),
        ("1,-1,0", (B,)),
        (B, (B,)),
        ("GPU-aaaa", (A,)),
        ("MIG-5,MIG-6", ("MIG-5", "MIG-6")),
    ],
)
def test_visible_devices_are_those_that_cuda_shows(shown, expected):
    assert visible([A, B], {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}) == expected


@pytest.mark.parametrize(
    ("seen", "expected", "n_sharing"),
    [
        # mpirun, or srun --gpus-per-node=4: every rank sees all
        ([(A, B, C, D)] * 4, [A, B, C, D], 1),
        # srun --gpus-per-task=1: each rank sees its own
        ([(C,), (A,), (B,)], [C, A, B], 1),
        # two devices a task
        ([(A, B), (A, B), (C, D), (C, D)], [A, B, C, D], 1),
        # fewer ranks than devices
        ([(A, B, C, D)] * 2, [A, B], 1),
        # one rank, by the order that it was shown
        ([(B, A)], [B], 1),
        ([(B, A), (B, A)], [B, A], 1),
        # the same devices in another order
        ([(A, B), (B, A)], [A, B], 1),
        # more ranks than devices
        ([(A, B)] * 4, [A, B, A, B], 2),
        # one device shown to all
        ([(A,)] * 3, [A, A, A], 3),
        ([()] * 2, [None, None], 0),
    ],
)
def test_each_rank_takes_its_own_device(seen, expected, n_sharing):
    choices = [choose(local, seen) for local in range(len(seen))]
    assert [c and c.uuid for c in choices] == expected
    assert all(c is None or c.n_sharing == n_sharing for c in choices)


def test_the_best_devices_come_first_unless_the_environment_says_which():
    display, slow = Device(A, "T400", 4 << 30, (7, 5)), Device(B, "RTX", 48 << 30, (8, 9))
    fast = Device(C, "A100", 40 << 30, (8, 0))
    node = Node("550.1", (display, slow, fast))
    assert devices_of(node, {}) == (C, B, A)
    assert devices_of(node, {"CUDA_VISIBLE_DEVICES": "0,2"}) == (A, C)
    assert devices_of(Node("550.1", (Device(B, "H100", 1, (9, 0)), fast)), {})[0] == C


def test_parts_of_a_divided_device_are_devices():
    divided = Device(A, "A100", 40 << 30, (8, 0), ("MIG-1", "MIG-2"))
    node = Node("550.1", (divided, Device(B, "A100", 40 << 30, (8, 0))))
    assert devices_of(node, {}) == ("MIG-1", "MIG-2", B)
    assert devices_of(node, {"CUDA_VISIBLE_DEVICES": "1"}) == (B,)
    assert devices_of(node, {"CUDA_VISIBLE_DEVICES": "MIG-2"}) == ("MIG-2",)


def test_sharing_is_told():
    shared = [Choice(A, 2), Choice(A, 2), Choice(B, 1)]
    assert "2 ranks share one GPU" in advice(shared, {})
    assert "MPS" in advice(shared, {})
    assert "MPS" not in advice(shared, {"CUDA_MPS_PIPE_DIRECTORY": "/tmp/mps"})
    assert advice([Choice(A, 1), Choice(B, 1), None], {}) == ""


class FakeRanks(Ranks):
    def __init__(self, local, seen):
        super().__init__()
        self.local, self.seen = local, seen

    def on_node(self, value):
        return self.local, self.seen or [value]


@pytest.fixture
def two_devices(monkeypatch):
    node = Node("550.1", (Device(A, "H100", 80 << 30), Device(B, "H100", 80 << 30)))
    monkeypatch.setattr(devices, "find_devices", lambda: node)
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.setenv(name, "")  # so that what bind sets is undone
        monkeypatch.delenv(name)


def test_binding_leaves_one_device_visible(two_devices):
    choice, told = bind(FakeRanks(1, [(A, B), (A, B)]))
    assert choice == Choice(B, 1)
    assert told == ""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == B
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_what_the_launcher_shows_is_respected(two_devices, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert bind(FakeRanks(0, None))[0] == Choice(B, 1)


def test_a_rank_without_a_device_beside_one_with_is_refused(two_devices):
    with pytest.raises(LaunchError, match="rank 1 of 2 on this node sees no GPU"):
        bind(FakeRanks(0, [(A,), ()]))


def test_a_node_without_a_driver_has_no_devices(monkeypatch):
    monkeypatch.setattr(devices, "find_devices", lambda: Node(""))
    assert bind(Ranks()) == (None, "")


def test_devices_of_this_node_are_found_or_there_is_no_driver():
    node = find_devices()
    assert bool(node.devices) <= bool(node.driver)
    assert all(device.uuid.startswith("GPU-") and device.memory > 0 for device in node.devices)


@pytest.mark.mpi
def test_ranks_of_a_node_hear_each_other(mpirun):
    code = (
        "from launch.ranks import start; r = start(); "
        "import sys; sys.stdout.write(f'{r.on_node(r.rank * 10)} {r.gather(r.rank)}\\n')"
    )
    done = mpirun(2, ["-c", code])
    assert done.returncode == 0, done.output
    assert sorted(done.stdout.splitlines()) == ["(0, [0, 10]) [0, 1]", "(1, [0, 10]) []"]
