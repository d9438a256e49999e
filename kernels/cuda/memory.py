"""Named arrays on a device, and the table of their addresses that kernels take."""

from __future__ import annotations

import numpy as np

from kernels.cuda.device import Device
from kernels.errors import OutOfDeviceMemory


class Memory:
    """Arrays by field of the table; scalars stand in the table itself."""

    def __init__(self, device: Device, fields: tuple[str, ...]):
        self.device = device
        self.place = {name: k for k, name in enumerate(fields)}
        self.table = np.zeros(len(fields), np.uint64)
        self.buffers: dict[str, object] = {}
        self.capacity: dict[str, int] = {}
        self.n_byte = 0
        self._table = device.allocate(self.table.nbytes)

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
            size += n_byte // 2
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

    def send_table(self) -> int:
        """Bring the device's table up to date; its address."""
        self.device.copy_in(self._table, self.table)
        return self.device.address(self._table)
