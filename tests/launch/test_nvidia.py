"""The management library, in whose place stands a small one with the same functions."""

from __future__ import annotations

import ctypes
import subprocess

import pytest

from launch import nvidia
from launch.nvidia import Device, Node, find_devices

#: Two devices: the first is divided, one of its three places is empty.
LIBRARY = r"""
#include <cstdio>
struct Memory { unsigned long long total, free, used; };
static char devices[2], parts[3];
extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) { snprintf(text, n, "550.54.15"); return 0; }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = 12040; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device) { *device = devices + i; return 0; }
int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    *memory = {device == devices ? 80ull << 30 : 24ull << 30, 1, 1};
    return 0;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned n) {
    const char *own = (char *)device;
    if (own >= parts && own < parts + 3) snprintf(text, n, "MIG-%d", (int)(own - parts));
    else snprintf(text, n, "GPU-%d", (int)(own - devices));
    return 0;
}
int nvmlDeviceGetName(void *device, char *text, unsigned n) { snprintf(text, n, "Card"); return 0; }
#ifndef OLD
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    *major = 8, *minor = device == devices ? 0 : 9;
    return 0;
}
int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *later) {
    *now = *later = 1;
    return device == devices ? 0 : 3;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *n) { *n = 3; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned i, void **part) {
    *part = parts + i;
    return i == 1 ? 6 : 0;
}
#endif
}
"""


@pytest.fixture
def library(tmp_path, monkeypatch, cxx):
    """`library(*options)`: compile it and let it be found."""

    def make(*options: str) -> None:
        source, made = tmp_path / "nvml.cpp", tmp_path / "libnvidia-ml.so.1"
        source.write_text(LIBRARY)
        command = [cxx, "-shared", "-fPIC", *options, str(source), "-o", str(made)]
        subprocess.run(command, check=True)
        load = ctypes.CDLL
        monkeypatch.setattr(nvidia.ctypes, "CDLL", lambda name: load(str(tmp_path / name)))

    return make


def test_what_the_driver_says(library):
    library()
    assert find_devices() == Node(
        "550.54.15",
        (
            Device("GPU-0", "Card", 80 << 30, (8, 0), ("MIG-0", "MIG-2")),
            Device("GPU-1", "Card", 24 << 30, (8, 9)),
        ),
        (12, 4),
    )
    assert [d.has_fast_float64 for d in find_devices().devices] == [True, False]


def test_a_driver_without_newer_functions(library):
    library("-DOLD")
    assert find_devices().devices == (
        Device("GPU-0", "Card", 80 << 30),
        Device("GPU-1", "Card", 24 << 30),
    )
