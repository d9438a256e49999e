"""The NVIDIA devices of this node, by the management library: no context, no memory on any device.

Indices follow the PCI bus, as CUDA's do with CUDA_DEVICE_ORDER=PCI_BUS_ID.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

#: Compute capabilities of the chips for computing centres: P100, V100, A100, H100, B200.
FAST_FLOAT64 = ((6, 0), (7, 0), (8, 0), (9, 0), (10, 0))


@dataclass(frozen=True)
class Device:
    """One device of this node."""

    uuid: str
    name: str
    memory: int  # bytes
    capability: tuple[int, int] = (0, 0)  # compute capability
    instances: tuple[str, ...] = ()  # UUIDs of its parts, where it is divided (MIG)

    @property
    def has_fast_float64(self) -> bool:
        """Whether float64 is at least half as fast as float32, as simulations in it need."""
        return self.capability in FAST_FLOAT64


@dataclass(frozen=True)
class Node:
    """What the driver of this node says."""

    driver: str  # version; empty where there is none
    devices: tuple[Device, ...] = ()
    cuda: tuple[int, int] = (0, 0)  # the newest CUDA that the driver runs


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def find_devices() -> Node:
    """Ask libnvidia-ml; a node without it has no driver and no devices."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return Node("")
    if library.nvmlInit_v2() != 0:
        return Node("")
    try:
        n = ctypes.c_uint(0)
        library.nvmlDeviceGetCount_v2(ctypes.byref(n))
        devices = [_device(library, i) for i in range(n.value)]
        cuda = ctypes.c_int(0)
        _ask(library, "nvmlSystemGetCudaDriverVersion", ctypes.byref(cuda))
        return Node(
            _text(library.nvmlSystemGetDriverVersion),
            tuple(d for d in devices if d),
            (cuda.value // 1000, cuda.value % 1000 // 10),
        )
    finally:
        library.nvmlShutdown()


def _device(library: ctypes.CDLL, index: int) -> Device | None:
    handle, memory = ctypes.c_void_p(), _Memory()
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) != 0:
        return None
    library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    capability = (ctypes.byref(major), ctypes.byref(minor))
    _ask(library, "nvmlDeviceGetCudaComputeCapability", handle, *capability)
    return Device(
        _text(library.nvmlDeviceGetUUID, handle),
        _text(library.nvmlDeviceGetName, handle),
        int(memory.total),
        (major.value, minor.value),
        _instances(library, handle),
    )


def _instances(library: ctypes.CDLL, handle: ctypes.c_void_p) -> tuple[str, ...]:
    """The parts of a divided device that this process may use."""
    now, later, most = (ctypes.c_uint(0) for _ in range(3))
    asked = _ask(library, "nvmlDeviceGetMigMode", handle, ctypes.byref(now), ctypes.byref(later))
    if not asked or not now.value:
        return ()
    _ask(library, "nvmlDeviceGetMaxMigDeviceCount", handle, ctypes.byref(most))
    found = []
    for index in range(most.value):
        part = ctypes.c_void_p()
        where = (handle, ctypes.c_uint(index), ctypes.byref(part))
        if _ask(library, "nvmlDeviceGetMigDeviceHandleByIndex", *where):
            found.append(_text(library.nvmlDeviceGetUUID, part))
    return tuple(uuid for uuid in found if uuid)


def _ask(library: ctypes.CDLL, name: str, *arguments: object) -> bool:
    """Call a function that older drivers lack; whether it was there and succeeded."""
    function = getattr(library, name, None)
    return function is not None and function(*arguments) == 0


def _text(function: ctypes._CFuncPtr, *arguments: object) -> str:  # type: ignore[name-defined]
    buffer = ctypes.create_string_buffer(96)
    if function(*arguments, buffer, ctypes.c_uint(96)) != 0:
        return ""
    return buffer.value.decode("ascii", "replace")
