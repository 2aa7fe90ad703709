"""Which entries of the nodes of a program count for its result, and which are at least compared."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.program.nearby import (
    LINEAR,
    Nearby,
    is_block,
    is_shown_by_maps,
    rates_of,
    sign_of,
    sizes_of_maps,
    slopes_of,
    unbroadcast,
)
from absnormal.program.nodes import Node

#: Operations that are linear in each argument, and use all entries of these.
_OF_ALL = frozenset({"add", "sub", "neg", "sum", "reshape", "transpose", "broadcast", "concatenate", "mul", "matmul"})


class Needs:
    """Which entries of the nodes ``asked`` of a list count, and which are at least compared; what needs them is asked,
    too."""

    def __init__(
        self, nodes: Sequence[Node], values: Sequence[Array], nearby: Nearby, asked: Container[int]
    ) -> None:
        self.nodes, self.values, self.nearby, self.asked = nodes, values, nearby, asked
        self.counts, self.compared = dict[int, Array](), dict[int, Array]()

    def follow(self, output: int, guarded: Iterable[int]) -> None:
        """Go back from the result, and from what guards compare."""
        for index in guarded:
            if index in self.asked:
                self._add(self.compared, index, np.ones(self.nodes[index].shape, bool))
        self._count_all([output])
        for at in range(max([output, *self.compared]), -1, -1):
            node = self.nodes[at]
            if not node.args or (at not in self.counts and at not in self.compared):
                continue
            none = np.zeros(node.shape, bool)
            counts, compared = self.counts.get(at, none), self.compared.get(at, none)
            # What is constant near the point is smooth, whatever it is made of.
            constant = self.nearby.constant(at)
            self.compared[at] = compared = compared | counts
            self.counts[at] = counts = counts & ~constant
            if counts.all() and self._uses_all(node):
                self._count_all(node.args)
                continue
            for arg, own, other in zip(node.args, *self._behind(node, counts, compared), strict=True):
                if arg in self.asked:
                    self._add(self.counts, arg, own)
                    self._add(self.compared, arg, other)

    def _add(self, known: dict[int, Array], index: int, entries: Array) -> None:
        known[index] = known[index] | entries if index in known else entries

    def _count_all(self, indices: Iterable[int]) -> None:
        for index in indices:
            if index in self.asked:
                self.counts[index] = self.compared[index] = np.broadcast_to(np.True_, self.nodes[index].shape)

    def _uses_all(self, node: Node) -> bool:
        """Whether all entries of the arguments count where all of the result do."""
        row = TABLE[node.op]
        if row.kink is not None or not math.prod(node.shape) or (row.family in LINEAR and node.op not in _OF_ALL):
            return False
        return row.family != "bilinear" or not any(self._zero(arg).any() for arg in node.args)

    def _zero(self, index: int) -> Array:
        """Which entries are locally 0: what they are multiplied by does not count."""
        constant = self.nearby.constant(index)
        # Values that are not looked at are not asked for: they may cost something.
        return np.asarray(constant & (self.values[index] == 0)) if constant.any() else constant

    def _behind(self, node: Node, counts: Array, compared: Array) -> tuple[list[Array], list[Array]]:
        shapes = [self.nodes[arg].shape for arg in node.args]
        if is_shown_by_maps(node):
            factors, ones = [1.0 - self._zero(arg) for arg in node.args], [np.ones(shape) for shape in shapes]
            own = self._pulled(node, factors, counts)
            alike = np.array_equal(counts, compared) and all(factor.all() for factor in factors)
            return own, own if alike else self._pulled(node, ones, compared)
        if rates_of(node):
            return self._kinked(node, counts, compared)
        if sign_of(node):
            behind = self.nearby.left_behind(node)
            return [counts[None] & ~behind], [np.broadcast_to(compared[None], shapes[0])]
        if is_block(node):
            # A norm has no such axis, sorted entries have some ranks along it.
            ranked = len(node.shape) == len(shapes[0])
            found = [entries.any(axis=0, keepdims=True) if ranked else entries[None] for entries in (counts, compared)]
            return [np.broadcast_to(found[0], shapes[0])], [np.broadcast_to(found[1], shapes[0])]
        if node.op in ENTRYWISE:
            return [unbroadcast(counts, s) for s in shapes], [unbroadcast(compared, s) for s in shapes]
        return [np.full(s, counts.any()) for s in shapes], [np.full(s, compared.any()) for s in shapes]

    def _pulled(self, node: Node, factors: list[Array], entries: Array) -> list[Array]:
        some = entries.astype(float)[None]
        return [one.pull(some)[0] > 0 if arg in self.asked else np.zeros(())
                for one, arg in zip(sizes_of_maps(node, factors), node.args, strict=True)]

    def _kinked(self, node: Node, counts: Array, compared: Array) -> tuple[list[Array], list[Array]]:
        above, below = self.nearby.sides(node)
        tied, rates, sides = ~above & ~below, rates_of(node), slopes_of(node)
        own, other = [], []
        for place, arg in enumerate(node.args):
            shape = self.nodes[arg].shape
            taken = tied | (above & bool(sides[0][place])) | (below & bool(sides[1][place]))
            met = compared if place < len(rates) else compared & taken
            own.append(unbroadcast(counts & taken, shape))
            other.append(unbroadcast(met, shape))
        return own, other
