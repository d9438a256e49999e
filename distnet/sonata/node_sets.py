"""Node sets: names for nodes picked by population, node id, attribute, or other sets.

libsonata's node sets cannot filter on columns of a type table, so they are worked out here.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from distnet.errors import InputError
from distnet.sonata.nodes import Nodes
from distnet.sonata.section import is_number, kind
from distnet.sonata.types_table import Value

#: Comparisons that a rule may make instead of naming values.
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$regex": lambda value, pattern: re.search(pattern, value) is not None,
}


@dataclass(frozen=True)
class Rule:
    """The definition of a node set, and the place it is from."""

    where: str
    value: Any


@dataclass
class NodeSets:
    """All node sets of a simulation: the named ones, every population, and "all"."""

    nodes: list[Nodes]
    rules: dict[str, Rule] = field(default_factory=dict)

    def add(self, name: str, where: str, value: Any) -> None:
        """Define a set; one of the same name is replaced."""
        self.rules[name] = Rule(where, value)

    def gids(self, rule: Any, where: str) -> np.ndarray:
        """Gids of a node set.

        Args:
            rule: the name of a set, or its definition.
            where: what asks for it, for messages.

        Returns:
            (n,) i8, ascending.

        Raises:
            InputError: a set, population, node or attribute does not exist.
        """
        return np.flatnonzero(self._mask(rule, where, ()))

    def _mask(self, rule: Any, where: str, inside: tuple[str, ...]) -> np.ndarray:
        """(n_gids,) b1, whether a gid is in the set; `inside` are the sets being worked out."""
        if isinstance(rule, str):
            return self._named(rule, where, inside)
        if isinstance(rule, list) and rule and all(isinstance(item, str) for item in rule):
            return np.any([self._named(name, where, inside) for name in rule], axis=0)
        if isinstance(rule, list):
            return self._filtered({"node_id": rule}, where)
        if isinstance(rule, dict):
            return self._filtered(rule, where)
        expected = "the name of a node set, a list of names or node ids, or an object"
        raise InputError(where, f"found {kind(rule)} where {expected} is expected")

    def _named(self, name: str, where: str, inside: tuple[str, ...]) -> np.ndarray:
        if name in inside:
            raise InputError(where, f'the node set "{name}" is part of itself')
        if name in self.rules:
            rule = self.rules[name]
            return self._mask(rule.value, rule.where, (*inside, name))
        if name == "all":
            return np.concatenate([np.ones(n.population.n, bool) for n in self.nodes])
        if name in self._populations():
            return self._filtered({"population": name}, where)
        known = ", ".join(sorted({*self.rules, *self._populations(), "all"}))
        raise InputError(where, f'there is no node set "{name}"; known are {known}')

    def _populations(self) -> list[str]:
        return [nodes.population.name for nodes in self.nodes]

    def _filtered(self, rule: dict[str, Any], where: str) -> np.ndarray:
        """Nodes for which every condition of a rule holds."""
        conditions = dict(rule)
        chosen = self._chosen(conditions, where)
        self._check_attributes(conditions, chosen, where)
        self._check_node_ids(conditions.get("node_id"), chosen, where)
        parts = []
        for nodes in self.nodes:
            mask = np.full(nodes.population.n, nodes in chosen)
            for name, condition in conditions.items():
                if mask.any():
                    mask &= matches(nodes, name, condition, where)
            parts.append(mask)
        return np.concatenate(parts)

    def _chosen(self, conditions: dict[str, Any], where: str) -> list[Nodes]:
        """The populations that a rule names, which is taken out of its conditions; else all."""
        named = [conditions.pop(key) for key in ("population", "populations") if key in conditions]
        if not named:
            return self.nodes
        wanted = [name for item in named for name in (item if isinstance(item, list) else [item])]
        for name in wanted:
            if name not in self._populations():
                known = ", ".join(self._populations())
                raise InputError(where, f'there is no population "{name}"; known are {known}')
        return [nodes for nodes in self.nodes if nodes.population.name in wanted]

    def _check_attributes(
        self, conditions: dict[str, Any], chosen: list[Nodes], where: str
    ) -> None:
        for name in conditions:
            if name == "node_id":
                continue
            known = sorted({n for nodes in chosen for n in nodes.attribute_names()})
            if name not in known:
                problem = f'no node has the attribute "{name}"; known are node_id, population'
                raise InputError(where, ", ".join([problem, *known]))

    def _check_node_ids(self, wanted: Any, chosen: list[Nodes], where: str) -> None:
        ids = wanted if isinstance(wanted, list) else [wanted]
        if wanted is None or isinstance(wanted, dict):
            return
        for node_id in ids:
            if not isinstance(node_id, int) or isinstance(node_id, bool):
                raise InputError(where, f"the node_id {node_id!r} is not a whole number")
        missing = np.array(ids, dtype=np.int64)
        for nodes in chosen:
            missing = missing[nodes.population.rows(missing) < 0]
        if len(missing):
            names = ", ".join(nodes.population.name for nodes in chosen)
            raise InputError(where, f"there is no node with node_id {missing[0]} in {names}")


def matches(nodes: Nodes, name: str, condition: Any, where: str) -> np.ndarray:
    """Nodes for which one condition holds, (n,) b1."""
    if name == "node_id" and not isinstance(condition, dict):
        return np.isin(nodes.population.node_ids, condition)
    if name == "node_id":
        return np.array([holds(v, condition, where) for v in nodes.population.node_ids.tolist()])
    code, values = nodes.column(name)
    return np.array([holds(value, condition, where) for value in values], dtype=bool)[code]


def holds(value: Value, condition: Any, where: str) -> bool:
    """Whether a value is, or is one of, what a condition names, or compares as it says."""
    if not isinstance(condition, dict):
        return value in (condition if isinstance(condition, list) else [condition])
    for name, bound in condition.items():
        if name not in COMPARISONS:
            raise InputError(where, f'"{name}" is not one of {", ".join(COMPARISONS)}')
        comparable = isinstance(value, str) if name == "$regex" else is_number(value)
        if not comparable or not COMPARISONS[name](value, bound):
            return False
    return True
