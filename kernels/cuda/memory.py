"""Named arrays on a device, and the table of their addresses that kernels take.

What an epoch brings goes to the device in one copy, the table before it (*inbox*); what every epoch
leaves lies side by side and comes back in one (*outbox*): a copy costs ten microseconds, however
small.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernels.cuda.device import Device
from kernels.errors import OutOfDeviceMemory

ALIGNED = 256  # bytes


class Memory:
    """Arrays by field of the table; scalars stand in the table itself."""

    def __init__(self, device: Device, fields: tuple[str, ...]):
        self.device = device
        self.place = {name: k for k, name in enumerate(fields)}
        self.table = np.zeros(len(fields), np.uint64)
        self.buffers: dict[str, object] = {}
        self.capacity: dict[str, int] = {}
        self.n_byte = 0
        self._host: dict[str, np.ndarray] = {}  # the host's side of inbox and outbox
        self._out: dict[str, tuple[int, type, int]] = {}  # offset, type and length in the outbox

    def check_room(self, n_byte: int) -> None:
        """Raise if this many bytes more cannot be had."""
        free = self.device.free_memory()
        if n_byte > free:
            raise OutOfDeviceMemory(self.device.name, n_byte, free)

    def put(self, name: str, array: np.ndarray) -> None:
        """Copy an array into the field's memory, which grows where it must."""
        self.reserve(name, array.nbytes)
        self.device.copy_in(self.buffers[name], array)

    def reserve(self, name: str, n_byte: int) -> None:
        """Memory of at least this size, never none; its contents are lost where it grows."""
        if name in self.buffers and n_byte <= self.capacity[name]:
            return
        size = max(16, n_byte)
        if name in self.buffers:
            self.device.release(self.buffers.pop(name))
            roomy = size + n_byte // 2
            size = roomy if roomy <= self.device.free_memory() else size
        self.check_room(size)
        self.buffers[name] = self.device.allocate(size)
        self.n_byte += size - self.capacity.get(name, 0)
        self.capacity[name] = size
        if name in self.place:
            self.table[self.place[name]] = self.device.address(self.buffers[name])

    def set_scalar(self, name: str, value: float) -> None:
        """A number in the table: a float as float64, else an int64."""
        kind = np.float64 if isinstance(value, float) else np.int64
        self.table[self.place[name]] = np.array([value], kind).view(np.uint64)[0]

    def get(self, name: str, dtype: type, n: int) -> np.ndarray:
        """The first n values of a field's memory."""
        return self.device.copy_out(self.buffers[name], dtype, n)

    def address(self, name: str) -> int:
        """Where a field's memory is."""
        return self.device.address(self.buffers[name])

    def lay_out(self, sizes: Mapping[str, tuple[type, int]]) -> None:
        """Room for what an epoch leaves: type and length of each field."""
        offset, self._out = 0, {}
        for name, (dtype, n) in sizes.items():
            self._out[name] = (offset, dtype, n)
            offset += _aligned(n * np.dtype(dtype).itemsize)
        base = self._reserve_both("outbox", offset)
        for name, (begin, _, _) in self._out.items():
            self.table[self.place[name]] = base + begin

    def send(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Bring what an epoch takes, and the table; the table's address."""
        offset = _aligned(self.table.nbytes)
        offsets = {}
        for name, array in arrays.items():
            offsets[name] = offset
            offset += _aligned(array.nbytes)
        base = self._reserve_both("inbox", offset)
        host = self._host["inbox"]
        for name, array in arrays.items():
            host[offsets[name] : offsets[name] + array.nbytes] = _bytes(array)
            self.table[self.place[name]] = base + offsets[name]
        host[: self.table.nbytes] = _bytes(self.table)
        self.device.copy_in(self.buffers["inbox"], host[:offset])
        return base

    def take(self) -> dict[str, np.ndarray]:
        """What an epoch left; the arrays are valid until the next call."""
        host = self._host["outbox"]
        last = max(begin + n * np.dtype(dtype).itemsize for begin, dtype, n in self._out.values())
        self.device.copy_out_to(self.buffers["outbox"], host[:last])
        return {
            name: host[begin : begin + n * np.dtype(dtype).itemsize].view(dtype)
            for name, (begin, dtype, n) in self._out.items()
        }

    def _reserve_both(self, name: str, n_byte: int) -> int:
        """Memory of the device and of the host; the address of the first."""
        self.reserve(name, n_byte)
        if name not in self._host or len(self._host[name]) < self.capacity[name]:
            self._host[name] = self.device.host_memory(self.capacity[name])
        return self.address(name)


def _aligned(n_byte: int) -> int:
    return -(-n_byte // ALIGNED) * ALIGNED


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
