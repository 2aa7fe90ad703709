"""A mask that jumps at the point, and the operation on it: a kink where its branches agree there.

where(u > 0, a, b), u * (u > 0) and u.masked_fill(u <= 0, 0) are (a + b + k |u|) / 2 when a - b = k u identically; the
slope of |u| is the side that the user's comparison takes at the tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.frontends.torch.jumps import RELATIONS
from absnormal.frontends.torch.tape import Record, storage
from absnormal.frontends.torch.writer import Arg, Writer

Combination = dict[Any, Fraction]
_DEPTH = 100
_TERMS = 100


def at_ties(
    w: Writer, record: Record | None, args: Sequence[Any], relation: str, compared: Sequence[Any], mask: int
) -> int | None:
    """The operation as a kink, or None where it is none."""
    if record is None or relation not in RELATIONS or len(compared) != 2:
        return None
    branches = _branches(w, record, args, mask)
    if branches is None:
        return None
    first, second = branches
    sign, slope = RELATIONS[relation]
    left, right = (w.node(side) for side in compared)
    u = w.sub(left, right) if sign > 0 else w.sub(right, left)
    slope = slope if sign > 0 else -slope
    shape = np.broadcast_shapes(w.shape(u), w.shape(first), w.shape(second))
    affine = _Affine(w)
    below = affine(u)
    if not below:  # the two sides are the same number everywhere
        return w.broadcast(first if slope > 0 else second, shape)
    k = _multiple(_less(affine(first), affine(second)), below)
    if k is None:
        return None
    u, first, second = (w.broadcast(node, shape) for node in (u, first, second))
    return w.kinked("select", (u, first, second), shape, slope, k=float(k))


def _branches(w: Writer, record: Record, args: Sequence[Any], mask: int) -> tuple[int, int] | None:
    """What the operation gives where the mask holds, and where it does not."""
    name = record.name.removesuffix("_")
    own = [isinstance(arg, Arg) and storage(arg.tensor) == mask for arg in args]
    if name == "where" and own == [True, False, False]:
        return w.node(args[1]), w.node(args[2])
    if name == "mul" and own in ([True, False], [False, True]):
        other = w.node(args[own.index(False)])
        return other, w.scaled(other, 0.0)
    if name == "masked_fill" and own[:2] == [False, True]:
        return w.node(args[2]), w.node(args[0])
    return None


def _multiple(top: Combination, below: Combination) -> Fraction | None:
    """The k with top = k below, or None."""
    key = next(iter(below))
    k = top.get(key, Fraction(0)) / below[key]
    return k if not _less(top, {name: k * value for name, value in below.items()}) else None


def _less(left: Combination, right: Combination) -> Combination:
    total = dict(left)
    for key, value in right.items():
        total[key] = total.get(key, Fraction(0)) - value
    return {key: value for key, value in total.items() if value}


class _Affine:
    """Nodes as constant combinations of other nodes and of 1; every node is written in one way only."""

    def __init__(self, w: Writer) -> None:
        self.w = w
        self.known: dict[int, Combination] = {}

    def __call__(self, index: int, depth: int = _DEPTH) -> Combination:
        if index not in self.known:
            found = self._found(index, depth - 1) if depth else {index: Fraction(1)}
            self.known[index] = found if len(found) <= _TERMS else {index: Fraction(1)}
        return self.known[index]

    def _found(self, index: int, depth: int) -> Combination:
        node = self.w.nodes[index]
        if node.op == "constant":
            value = np.asarray(node.params["value"]).reshape(-1)
            if value.size and (value == value[0]).all() and np.isfinite(value[0]):
                return {"one": Fraction(float(value[0]))} if value[0] else {}
        elif node.op in ("add", "sub"):
            left, right = (self(arg, depth) for arg in node.args)
            return _less(left, {key: -value for key, value in right.items()} if node.op == "add" else right)
        elif node.op == "neg":
            return _less({}, self(node.args[0], depth))
        elif node.op == "broadcast":
            return self(node.args[0], depth)
        elif node.op == "mul":
            for constant, other in (node.args, node.args[::-1]):
                if self.w.varied(constant):
                    continue
                factor = self(constant, depth)
                if factor.keys() <= {"one"}:
                    number = factor.get("one", Fraction(0))
                    return {key: number * value for key, value in self(other, depth).items() if number}
        return {index: Fraction(1)}
