"""Nodes as constant combinations of other nodes and of 1, which shows that two differences are multiples."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from absnormal.program.nodes import Node

#: Coefficients by the number of a node, or by "one".
Combination = dict[int | str, Fraction]

_ONE = "one"
#: Combinations are followed this deep, and as long as they have so many terms.
_DEPTH = 100
_TERMS = 100


class Affine:
    """The combinations that the nodes of a list are; each node is written in one way only."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._known: dict[int, Combination] = {}

    def __call__(self, index: int, depth: int = _DEPTH) -> Combination:
        """The combination that a node is; where it is none, the node itself."""
        if index not in self._known:
            itself: Combination = {index: Fraction(1)}
            found = self._found(index, depth - 1) if depth else itself
            self._known[index] = found if len(found) <= _TERMS else itself
        return self._known[index]

    def _found(self, index: int, depth: int) -> Combination:
        node = self._nodes[index]
        if node.op == "constant":
            value = np.asarray(node.params["value"]).reshape(-1)
            if value.size and (value == value[0]).all() and np.isfinite(float(value[0])):
                return {_ONE: Fraction(value[0].item())} if value[0] else {}
        elif node.op in ("add", "sub"):
            left, right = (self(arg, depth) for arg in node.args)
            return combined(left, right, 1 if node.op == "add" else -1)
        elif node.op == "neg":
            return combined({}, self(node.args[0], depth), -1)
        elif node.op == "broadcast":
            return self(node.args[0], depth)
        elif node.op in ("mul", "div"):
            for constant, other in (node.args, node.args[::-1]):
                factor = None if self._nodes[constant].varied else self._number(constant, depth)
                if factor is None or (node.op == "div" and (constant != node.args[1] or not factor)):
                    continue
                return combined({}, self(other, depth), factor if node.op == "mul" else 1 / factor)
        return {index: Fraction(1)}

    def _number(self, index: int, depth: int) -> Fraction | None:
        """The number that all entries of a constant node are."""
        found = self(index, depth)
        return found.get(_ONE, Fraction(0)) if found.keys() <= {_ONE} else None

    def difference(self, left: int, right: int) -> Combination:
        """left - right; empty where both are the same everywhere."""
        return combined(self(left), self(right), -1)

    def multiple(self, first: int, second: int, left: int, right: int) -> Fraction | None:
        """The k for which first - second = k (left - right) identically, or None."""
        top, below = self.difference(first, second), self.difference(left, right)
        return Fraction(0) if below and not top else ratio(top, below) or None


def ratio(first: Combination, second: Combination) -> Fraction:
    """The number that one combination is of another; 0 where it is none."""
    if not first or first.keys() != second.keys():
        return Fraction(0)
    ratios = {first[key] / second[key] for key in first}
    return ratios.pop() if len(ratios) == 1 else Fraction(0)


def combined(left: Combination, right: Combination, factor: Fraction | int) -> Combination:
    """left + factor * right."""
    total = dict(left)
    for key, value in right.items():
        total[key] = total.get(key, Fraction(0)) + factor * value
    return {key: value for key, value in total.items() if value}
