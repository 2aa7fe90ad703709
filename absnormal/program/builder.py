"""Building a program while the user's function runs at the point.

Every front end adds operations through `Builder.add`, which computes them at once.  Equal operations on equal
arguments become one node, so that ``x[1:] - x[1:]`` is seen to be zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.errors import DomainError
from absnormal.ops import TABLE
from absnormal.program.nodes import Guard, Node, Source
from absnormal.program.program import Program, compute
from absnormal.program.tree import Tree

_SMALL = 64


class Builder:
    """The nodes so far, with their values at the point."""

    def __init__(self, tree: Tree, leaves: list[Array], copy: bool = True) -> None:
        self.tree = tree
        self.nodes: list[Node] = []
        self.values: list[Array] = []
        self.guards: list[Guard] = []
        #: The user's operation, and its line, that is being written in smaller ones.
        self.user: tuple[str, Source | None] | None = None
        #: Where the nodes of the last finished program come from: its own numbers by the numbers here.
        self.places: dict[int, int] = {}
        self._known: dict[Any, int] = {}
        self._followed: set[tuple[int, int, str]] = set()
        self._exact = any(leaf.dtype == object for leaf in leaves)
        for number, leaf in enumerate(leaves):
            if leaf.dtype != object and not np.isfinite(leaf).all():
                raise DomainError("x", "the point holds NaN or infinity")
            value = exactly(leaf) if self._exact else leaf.copy() if copy else leaf
            self._append(Node("input", (), {"leaf": number}, leaf.shape, None, "", True), value)

    def _append(self, node: Node, value: Array) -> int:
        self.nodes.append(node)
        self.values.append(value)
        return len(self.nodes) - 1

    def constant(self, value: Array, source: Source | None = None) -> int:
        """A node that holds a constant; equal constants that are small or the same array are one node."""
        small = value.size <= _SMALL
        key = ("constant", value.shape, value.tobytes()) if small else ("constant", id(value))
        index = self._known.get(key)
        if index is None or not (small or np.array_equal(self.nodes[index].params["value"], value)):
            # A copy: the user may overwrite a buffer that was already used.
            kept = value.copy()
            node = Node("constant", (), {"value": kept}, kept.shape, source, "", False)
            index = self._append(node, exactly(kept) if self._exact else kept)
            self._known[key] = index
        return index

    def add(
        self,
        op: str,
        args: tuple[int, ...],
        params: Mapping[str, Any],
        operation: str,
        source: Source | None,
        tie: str = "",
    ) -> int:
        """Append one operation and compute it; the index of its node."""
        kink = TABLE[op].kink
        # Every kink that the user writes owns its switches, also when it is written twice.
        key = (op, args, _key(params) if kink is None else len(self.nodes))
        index = self._known.get(key)
        if index is not None:
            return index
        varied = any(self.nodes[arg].varied for arg in args)
        node = Node(op, args, params, (), source, operation, varied, tie=tie)
        values = [self.values[arg] for arg in args]
        value = compute(node, values)
        count = 0 if kink is None else kink.count([v.shape for v in values], value.shape)
        node = Node(op, args, params, value.shape, source, operation, varied, switches=count, tie=tie)
        index = self._append(node, value)
        self._known[key] = index
        return index

    def guard(
        self, left: int, right: int, relation: str, outcome: Any, operation: str, source: Source | None
    ) -> None:
        """Keep a comparison that was followed."""
        if (left, right, relation) not in self._followed:
            self._followed.add((left, right, relation))
            self.guards.append(Guard(left, right, relation, outcome, source, operation))

    def affine(self, index: int, depth: int = 50) -> dict[Any, Fraction]:
        """A node as a constant combination of other nodes and of 1, not followed too deep."""
        node = self.nodes[index]
        if depth and node.op in ("add", "sub"):
            left, right = (self.affine(arg, depth // 2) for arg in node.args)
            return _combine(left, right, 1 if node.op == "add" else -1)
        if depth and node.op == "neg":
            return _combine({}, self.affine(node.args[0], depth - 1), -1)
        if depth and node.op == "broadcast":
            return self.affine(node.args[0], depth - 1)
        if depth and node.op in ("mul", "div") and node.varied:
            factor, other = self._factor(node)
            if factor is not None:
                return _combine({}, self.affine(other, depth - 1), factor)
        if node.op == "constant" and node.params["value"].size >= 1:
            value = node.params["value"].reshape(-1)
            if (value == value[0]).all() and np.isfinite(value[0]):
                return _combine({}, {"one": Fraction(1)}, Fraction(value[0].item()))
        return {index: Fraction(1)}

    def _factor(self, node: Node) -> tuple[Fraction | None, int]:
        left, right = node.args
        for constant, other in ((right, left), (left, right)):
            if self.nodes[constant].op != "constant":
                continue
            value = self.nodes[constant].params["value"]
            if value.size and (value == value.flat[0]).all():
                if not np.isfinite(value.flat[0]) or (node.op == "div" and value.flat[0] == 0):
                    continue
                number = Fraction(value.flat[0].item())
                if node.op == "div":
                    return (1 / number, other) if constant == right else (None, other)
                return number, other
        return None, left

    def multiple(self, first: int, second: int, left: int, right: int) -> Fraction | None:
        """The k for which first - second = k (left - right) identically, or None."""
        top = _combine(self.affine(first), self.affine(second), -1)
        below = _combine(self.affine(left), self.affine(right), -1)
        if not below:
            return None
        key = next(iter(below))
        k = top.get(key, Fraction(0)) / below[key]
        return k if _combine(top, below, -k) == {} else None

    def program(self, output: int) -> Program:
        """The program that computes ``output``."""
        return self.finished(output)[0]

    def finished(self, output: int) -> tuple[Program, list[Array]]:
        """The program that computes ``output``, with what the guards need, and the values of its nodes."""
        self._check_finite(output)
        needed = self.reach([output])
        guarded = self.reach([index for guard in self.guards for index in (guard.left, guard.right)])
        keep = [index for index in range(len(self.nodes)) if index in needed or index in guarded]
        inputs = [index for index, node in enumerate(self.nodes) if node.op == "input" and index not in keep]
        keep = sorted(keep + inputs)
        self.places = place = {old: new for new, old in enumerate(keep)}
        nodes, switch = [], 0
        for old in keep:
            node = self.nodes[old]
            own = node.switches > 0 and old in needed and node.varied
            args = tuple(place[arg] for arg in node.args)
            nodes.append(Node(
                node.op, args, node.params, node.shape, node.source, node.operation, node.varied,
                switch if own else -1, node.switches, node.tie,
            ))
            switch += node.switches if own else 0
        guards = tuple(
            Guard(place[g.left], place[g.right], g.relation, g.outcome, g.source, g.operation)
            for g in self.guards
        )
        program = Program(tuple(nodes), place[output], self.tree, guards)
        return program, [self.values[old] for old in keep]

    def _check_finite(self, output: int) -> None:
        """An infinite constant may be compared with, not returned."""
        if self._finite(output):
            return
        infinite = [index for index in self.reach([output]) if not self._finite(index)]
        node = self.nodes[min((index for index in infinite if self.nodes[index].varied), default=output)]
        raise DomainError(node.operation or "f", "makes the result infinite", node.source)

    def _finite(self, index: int) -> bool:
        value = self.values[index]
        return value.dtype == object or bool(np.isfinite(value).all())

    def reach(self, starts: list[int]) -> set[int]:
        """The nodes that some of them need, themselves included."""
        seen, stack = set(starts), list(starts)
        while stack:
            for arg in self.nodes[stack.pop()].args:
                if arg not in seen:
                    seen.add(arg)
                    stack.append(arg)
        return seen


def _combine(
    left: dict[Any, Fraction], right: dict[Any, Fraction], factor: Fraction | int
) -> dict[Any, Fraction]:
    total = dict(left)
    for key, value in right.items():
        total[key] = total.get(key, Fraction(0)) + factor * value
    return {key: value for key, value in total.items() if value}


def _key(params: Mapping[str, Any]) -> Any:
    return tuple((name, _hashable(value)) for name, value in params.items())


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (tuple, list)):
        return tuple(_hashable(item) for item in value)
    return value
