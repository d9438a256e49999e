"""The NVIDIA devices of this node, by the management library: no context, no memory on any device.

Indices follow the PCI bus, as CUDA's do with CUDA_DEVICE_ORDER=PCI_BUS_ID.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """One device of this node."""

    uuid: str
    name: str
    memory: int  # bytes


@dataclass(frozen=True)
class Node:
    """What the driver of this node says."""

    driver: str  # version; empty where there is none
    devices: tuple[Device, ...] = ()


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
        return Node(_text(library.nvmlSystemGetDriverVersion), tuple(d for d in devices if d))
    finally:
        library.nvmlShutdown()


def _device(library: ctypes.CDLL, index: int) -> Device | None:
    handle, memory = ctypes.c_void_p(), _Memory()
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) != 0:
        return None
    library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    uuid = _text(library.nvmlDeviceGetUUID, handle)
    return Device(uuid, _text(library.nvmlDeviceGetName, handle), int(memory.total))


def _text(function: ctypes._CFuncPtr, *arguments: object) -> str:  # type: ignore[name-defined]
    buffer = ctypes.create_string_buffer(96)
    if function(*arguments, buffer, ctypes.c_uint(96)) != 0:
        return ""
    return buffer.value.decode("ascii", "replace")
