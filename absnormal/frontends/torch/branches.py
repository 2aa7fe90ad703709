"""A mask that jumps at the point, and the operation on it: a kink where its branches meet there.

where(u > 0, a, b), u * (u > 0), u.masked_fill(u <= 0, 0) and y[y < 0] = 0 are (a + b + k |u|) / 2 when a - b = k u
identically; where they only meet at u = 0, as in where(u > 0, u, exp(u) - 1), `sides` writes them.  The slope of |u| is
the side that the user's comparison takes at the tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.frontends.meanings.selections import by_sides
from absnormal.frontends.torch.jumps import RELATIONS
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.writer import Arg, Writer
from absnormal.frontends.writing import Writer as Entrywise
from absnormal.program.builder import Builder
from absnormal.program.tree import Tree

Combination = dict[Any, Fraction]
_DEPTH = 100
_TERMS = 100


#: Whether an argument is the mask (True) or its opposite (False); None where it is neither.
Holds = Callable[[Any], bool | None]


def at_ties(
    w: Writer, record: Record | None, args: Sequence[Any], relation: str, compared: Sequence[Any], holds: Holds
) -> int | None:
    """The operation as a kink, or None where it is none."""
    if record is None or relation not in RELATIONS or len(compared) != 2:
        return None
    branches = _branches(w, record, args, holds)
    if branches is None:
        return None
    first, second = branches
    sign, slope = RELATIONS[relation]
    left, right = (w.node(side) for side in (compared if sign > 0 else compared[::-1]))
    slope = slope if sign > 0 else -slope
    start = len(w.nodes)
    u = w.sub(left, right)
    shape = np.broadcast_shapes(w.shape(u), w.shape(first), w.shape(second))
    affine = _Affine(w)
    below = affine(u)
    if not below:  # the two sides are the same number everywhere
        return w.broadcast(first if slope > 0 else second, shape)
    k = _multiple(_less(affine(first), affine(second)), below)
    if k is None:
        del w.nodes[start:], w.tensors[start:]
        return _meeting(w, (left, right, first, second), slope)
    u, first, second = (w.broadcast(node, shape) for node in (u, first, second))
    return w.kinked("select", (u, first, second), shape, slope, k=float(k))


def _branches(w: Writer, record: Record, args: Sequence[Any], holds: Holds) -> tuple[int, int] | None:
    """What the operation gives where the comparison holds, and where it does not."""
    name = record.name.rstrip("_")
    if name == "index_put" and len(args[1]) == 1 and not any(args[3:]):
        x, keys, value = args[:3]
        if keys[0].shape != x.shape or (isinstance(value, Arg) and value.here.numel() != 1):
            return None
        here, found = holds(keys[0]), (w.reshape(w.node(value), ()), w.node(x))
    else:
        own = [holds(arg) for arg in args]
        at = next((i for i, item in enumerate(own) if item is not None), None)
        if at is None or own.count(None) < len(own) - 1:
            return None
        here = own[at]
        if name == "where" and at == 0:
            found = w.node(args[1]), w.node(args[2])
        elif name == "mul":
            other = w.node(args[1 - at])
            found = other, w.scaled(other, 0.0)
        elif name == "masked_fill" and at == 1:
            found = w.node(args[2]), w.node(args[0])
        else:
            return None
    return None if here is None else found if here else found[::-1]


class _Held(list[Any]):
    """The values of nodes, computed when they are asked for."""

    def __init__(self, w: Writer) -> None:
        super().__init__([None] * len(w.nodes))
        self._w = w

    def __getitem__(self, index: Any) -> Any:
        value = super().__getitem__(index)
        if value is None:
            value = self[index] = self._w.here(index)
        return value


def _meeting(w: Writer, nodes: tuple[int, int, int, int], slope: float) -> int | None:
    """A selection whose smooth sides meet at its tie."""
    builder = Builder(Tree(0, ()), [])
    builder.nodes, builder.values = list(w.nodes), _Held(w)
    start = len(w.nodes)
    made = by_sides(Entrywise(builder, w.operation, w.source), *nodes, "where>" if slope < 0 else "where>=")
    new = builder.nodes[start:]
    if made is None or any(node.tie == "torch" for node in new):
        return None
    for node in new:
        index = w.append(node._replace(tie="torch" if node.tie else ""))
        if node.tie:
            w.slopes[index] = -1.0 if node.tie == "where>" else 1.0
    return made.index


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
