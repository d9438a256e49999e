"""Errors of the kernels room: one class a cause, carrying the values."""


class KernelsError(Exception):
    """Base of every error that `kernels` raises on purpose."""


class NotFinite(KernelsError):
    """A voltage became NaN or infinite."""

    def __init__(self, node: int, cell: int, step: int, value: float):
        self.node, self.cell, self.step, self.value = node, cell, step, value
        super().__init__(f"cell {cell}: node {node}: voltage is {value} mV at step {step}")


class NmodlError(KernelsError):
    """A .mod file cannot be read, or holds what is not supported.

    `others` are further errors of the same file. The text names the place of each, what is wrong
    or expected, and shows the line.
    """

    def __init__(self, file: str, line: int, column: int, message: str, text: str = ""):
        self.file, self.line, self.column, self.message, self.text = (
            file,
            line,
            column,
            message,
            text,
        )
        self.others: tuple[NmodlError, ...] = ()
        super().__init__(file, line, column, message)

    def __str__(self) -> str:
        lines = []
        for one in (self, *self.others):
            lines.append(f"{one.file}:{one.line}:{one.column}: {one.message}")
            if one.text.strip():
                lines.append(f"    {one.text.strip()}")
        return "\n".join(lines)


class UnknownMechanism(KernelsError):
    """A mechanism name that no .mod file defines."""

    def __init__(self, name: str, known: list[str]):
        self.name, self.known = name, known
        super().__init__(f'mechanism "{name}" is not defined; known are {", ".join(sorted(known))}')


class QueueOverflow(KernelsError):
    """More self-events or spikes of artificial cells in an epoch than there is room for."""

    def __init__(self, n_self: int, n_spike: int, first: int, last: int):
        super().__init__(
            f"steps {first} to {last}: more than {n_self} self-events pending or {n_spike} spikes "
            "in one group of cells"
        )


class OutOfDeviceMemory(KernelsError):
    """A device has less memory free than a block needs."""

    def __init__(self, device: str, needed: int, free: int):
        self.device, self.needed, self.free = device, needed, free
        super().__init__(
            f"{device}: {needed / 1e6:.1f} MB of memory are needed, {free / 1e6:.1f} MB are free"
        )
