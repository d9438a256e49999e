"""What can be said of the real device without one: CuPy's names, which card, which code."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from kernels import KernelsError
from kernels.cuda import Variant, device, target
from kernels.cuda.device import named_device
from kernels.cuda.target import find_target, kept_file

UUIDS = [bytes.fromhex("8f5f6c3e0102030405060708090a0b0c"), bytes.fromhex("8f5f")]
FIRST, SECOND = "GPU-8f5f6c3e-0102-0304-0506-0708090a0b0c", "GPU-8f5f00aa-0102-0304-0506-070809"


def used_names() -> set[str]:
    """Dotted names below cupy in the source of the device."""
    tree = ast.parse(inspect.getsource(device))
    texts = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = {text.removeprefix("self.") for text in texts}
    found |= {f"cupy.cuda.{text}" for text in texts if text.startswith("runtime.")}
    return {text.removeprefix("cupy.") for text in found if re.fullmatch(r"cupy\.[\w.]+", text)}


def test_names_of_cupy_are_there():
    """An installed CuPy has all that the device asks it for."""
    cupy = pytest.importorskip("cupy")
    names = used_names()
    assert {"cuda.runtime.getDeviceProperties", "cuda.memory.OutOfMemoryError"} <= names
    for name in names:
        found = cupy
        for part in name.split("."):
            found = getattr(found, part)
    for name in ("MultiProcessorCount", "ClockRate", "MaxSharedMemoryPerBlockOptin", "L2CacheSize"):
        assert f'"{name}"' in inspect.getsource(device)
        assert hasattr(cupy.cuda.runtime, f"cudaDevAttr{name}")
    for name in ("max_dynamic_shared_size_bytes", "num_regs", "local_size_bytes"):
        assert hasattr(cupy.RawKernel, name)


def test_versions_are_read():
    assert [device._version(n) for n in (12040, 13000, 11080)] == ["12.4", "13.0", "11.8"]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (None, None),
        ("0", None),
        (f"{FIRST},{SECOND}", None),
        ("MIG-8f5f6c3e", None),
        (FIRST, 0),
        (FIRST.upper(), 0),
        (SECOND, 1),
        ("GPU-8f5f6c3e", 0),
    ],
)
def test_the_device_that_a_rank_was_given_is_found(shown, expected):
    """CuPy gives a UUID up to its first zero byte."""
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    assert named_device(UUIDS, environment) == expected


def test_a_device_that_cuda_does_not_show_is_told():
    with pytest.raises(KernelsError, match="GPU-11111111 is not among the 2 GPUs that CUDA shows"):
        named_device(UUIDS, {"CUDA_VISIBLE_DEVICES": "GPU-11111111"})


def test_cards_newer_than_the_compiler_get_ptx(nvrtc, monkeypatch, tmp_path):
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path))
    text = 'extern "C" __global__ void advance(double *x) { x[0] = THREADS; }'
    how = (Variant(32, 32, False, False), "sm_90", "few")
    assert kept_file(text, *how).read_bytes()[:4] == b"\x7fELF"
    monkeypatch.setattr(target, "architectures", lambda: (75, 80))
    assert find_target("sm_90").is_ptx
    path = kept_file(text, *how)
    assert ".target sm_80" in path.read_text()
    assert kept_file(text, *how) == path
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".cubin", ".ptx"]


@pytest.mark.parametrize(
    ("architecture", "words"),
    [("sm_61", "compute capability 6.1; 7.0 or newer"), ("sm_70", "NVRTC .* for 7.5 and newer")],
)
def test_cards_that_are_too_old_are_told(nvrtc, architecture, words):
    with pytest.raises(KernelsError, match=words):
        find_target(architecture, (75, 80, 90))
