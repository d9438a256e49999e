"""Instances of a mechanism as dictionaries of scalars, run by Python itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernels.block import Block, Instances
from kernels.intrinsics import INTRINSICS
from kernels.mechanism import Kernel
from kernels.nmodl.python import run
from kernels.specialise import build_table, constants_of, specialise
from kernels.storage import ion_variables, own_currents

Fields = dict[tuple[str, str], np.ndarray]  # of ions, over nodes


class Population:
    """All instances of one mechanism of a block."""

    def __init__(self, block: Block, group: Instances):
        constants = constants_of(block, group.mechanism)
        self.block, self.group = block, group
        self.mechanism = specialise(group.mechanism, constants)
        self.ions = ion_variables(group.mechanism)
        self.own = own_currents(group.mechanism)
        self.current_ions = [(c.name, c.ion) for c in group.mechanism.currents if c.ion is not None]
        table = build_table(block, group.mechanism, constants)
        self.functions = {**INTRINSICS, "table": lambda index: float(table[int(index)])}
        self.values: list[dict[str, float]] = []

    def reset(self) -> None:
        """Parameters as given, states at their defaults."""
        own = self.group.mechanism.variables()
        self.values = [{n: v.default for n, v in own.items()} for _ in range(self.group.n)]
        for name, array in self.group.parameters.items():
            for one, value in zip(self.values, array, strict=True):
                one[name] = float(value)

    def run(
        self,
        kernel: Kernel,
        i: int,
        fields: Fields,
        voltage: np.ndarray,
        t: float,
        extra: dict[str, float] | None = None,
        functions: dict | None = None,
    ) -> dict[str, float]:
        """Run a kernel of instance i; store what it sets; return all values, temporaries too."""
        node = int(self.group.node[i])
        values = {**self.values[i], **(extra or {}), "dt": self.block.dt, "t": t}
        if node >= 0:
            area = float(self.block.area[node])
            values.update(v=float(voltage[node]), diam=float(self.block.diam[node]))
            values["area"] = area if area > 0.0 else 100.0
            for name, field in self.ions.items():
                if name in self.own:
                    continue
                values[name] = float(fields[field][node])
        for name in self.mechanism.pointers:
            values[name] = self.fetch(name, i, fields, voltage)
        own = self.values[i]
        memory = self.mechanism.memory
        reach: dict[str, Callable] = {
            "element": lambda place: own[memory[int(place)]],
            "set_element": lambda place, value: own.update({memory[int(place)]: value}),
        }
        run(kernel.body, values, {**self.functions, **reach, **(functions or {})})
        for name in kernel.stores:
            if name in kernel.args:
                continue
            if name in self.mechanism.pointers:
                self.put(name, i, values[name], fields, voltage)
            elif name in self.ions and self.ions[name][1] != "i":
                fields[self.ions[name]][node] = values[name]
            elif name == "v":
                voltage[node] = values["v"]
            else:
                own[name] = values[name]
        return values

    def join(self, populations: list[Population]) -> None:
        """Find what the POINTERs stand for, once all populations are there."""
        self.targets: dict[tuple[str, int], tuple[Population | str, str, int]] = {}
        by_name = {p.mechanism.name: p for p in populations}
        for pointer in self.group.pointers:
            first, dot, last = pointer.variable.partition(".")
            owner = by_name.get(first, first if dot else "")  # else an ion, or the voltage
            for i, place in zip(pointer.instance, pointer.place, strict=True):
                self.targets[pointer.name, int(i)] = (owner, last, int(place))

    def fetch(self, name: str, i: int, fields: Fields, voltage: np.ndarray) -> float:
        """The value that a POINTER of instance i stands for."""
        owner, variable, place = self.targets[name, i]
        if isinstance(owner, Population):
            return owner.values[place][variable]
        return float((fields[owner, variable] if owner else voltage)[place])

    def put(self, name: str, i: int, value: float, fields: Fields, voltage: np.ndarray) -> None:
        """Set what a POINTER of instance i stands for."""
        owner, variable, place = self.targets[name, i]
        if isinstance(owner, Population):
            owner.values[place][variable] = value
        else:
            (fields[owner, variable] if owner else voltage)[place] = value

    def add_current(
        self,
        i: int,
        fields: Fields,
        voltage: np.ndarray,
        t: float,
        conductance: np.ndarray,
        right: np.ndarray,
    ) -> None:
        """Evaluate the current of instance i and add it to its node [uS], [nA]."""
        values = self.run(self.mechanism.current, i, fields, voltage, t)
        node = int(self.group.node[i])
        area = float(self.block.area[node])
        is_density = self.mechanism.kind == "density"
        weight = 0.01 * area if is_density else 1.0
        conductance[node] += weight * values["_g"]
        right[node] += weight * values["_g"] * values["v"] - weight * values["_i"]
        for name, ion in self.current_ions:
            per_area = 1.0 if is_density or area == 0.0 else 100.0 / area
            fields[ion, "i"][node] += values[name] * per_area
