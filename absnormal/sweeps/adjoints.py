"""Tangents and adjoints on their way through a program."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.large_matrices import Reached
from absnormal.ops.linear_maps import Chain, Change, Index, LinearMap, MatMul
from absnormal.program.program import Program


def nonzero(a: Any) -> Any:
    """1 where ``a`` is nonzero, otherwise 0."""
    if isinstance(a, (int, float)):
        return float(a != 0)
    return (np.asarray(a) != 0).astype(float)


def changed(maps: list[LinearMap | None], change: Change | None) -> list[LinearMap | None]:
    if change is None:
        return maps
    return [None if m is None else m.entrywise(change) for m in maps]


def pushed(maps: list[LinearMap | None], change: Change | None) -> list[LinearMap | None]:
    """The same for tangents, which are patterns where the change is that to patterns."""
    if change is not nonzero:
        return changed(maps, change)
    return [None if m is None else _pattern(m) for m in maps]


def _pattern(linear: LinearMap) -> LinearMap:
    if isinstance(linear, Chain):
        return Chain(_pattern(linear.first), _pattern(linear.second))
    return Reached(linear, nonzero) if isinstance(linear, MatMul) else linear.entrywise(nonzero)


#: Operations whose results are views of inputs.
_PARTS = ("index", "reshape", "transpose")


class Adjoints:
    """The adjoints of the nodes on the way back; those that a sweep owns are added to in place."""

    def __init__(self, program: Program, seed: Array, start: int = -1) -> None:
        self.program, self.start = program, start
        self.count, self.dtype = len(seed), seed.dtype
        self.arrays: list[Array | None] = [None] * len(program.nodes)
        self.owned = [False] * len(program.nodes)
        self.inputs = [index for index, node in enumerate(program.nodes) if node.op == "input"]
        #: Where the adjoints of the inputs, and of their separate parts, go when there is one of each.
        self.buffers: dict[int, Array] = {}
        if self.count == 1 and self.dtype != object:
            self.settle()

    def settle(self) -> None:
        """Choose the buffers."""
        self.flat = np.zeros((1, self.program.n), self.dtype)
        buffers = self.views(self.program.tree.split(self.flat))
        self.buffers = buffers if len(buffers) > 1 else {}

    def views(self, leaves: Sequence[Array]) -> dict[int, Array]:
        """Where the inputs, and their separate parts, lie in arrays (1, *shape), one for each input."""
        whole = dict(zip(self.inputs, leaves, strict=True))
        return whole | _parts(self.program, whole, self.start)

    def take(self, index: int) -> Array | None:
        """The adjoint of a node that must be pulled on; it is not needed afterwards."""
        array, self.arrays[index] = self.arrays[index], None
        if array is None or index in self.buffers:
            return None
        if array.dtype is self.dtype or not array.dtype.kind == self.dtype.kind == "f":
            return array
        # A derivative in float64 does not decide the precision of what lies before it.
        return array.astype(self.dtype, copy=False)

    def add(self, index: int, linear: LinearMap, w: Array) -> None:
        """Add the pull of ``w`` to the adjoint of a node."""
        total = self.arrays[index]
        if total is not None and self.owned[index]:
            linear.pull_into(w, total)
        elif total is not None:
            self.arrays[index], self.owned[index] = total + linear.pull(w), True
        elif index in self.buffers:
            linear.pull_out(w, self.buffers[index])
            self.arrays[index], self.owned[index] = self.buffers[index], True
        else:
            self.arrays[index] = linear.pull(w)
            self.owned[index] = isinstance(linear, Index)

    def _reach(self) -> None:
        """Write what a sweep that starts from an input has for it."""
        seed = self.arrays[self.start]
        if seed is not None and self.start in self.buffers:
            self.buffers[self.start][...] = seed

    def join(self) -> Array:
        """The adjoints of the inputs as rows (k, n)."""
        if self.buffers:
            self._reach()
            return self.flat
        parts = []
        for index in self.inputs:
            array, size = self.arrays[index], math.prod(self.program.nodes[index].shape)
            parts.append(np.zeros((self.count, size), self.dtype) if array is None else array.reshape(self.count, -1))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _parts(program: Program, buffers: dict[int, Array], start: int) -> dict[int, Array]:
    """The nodes that are disjoint parts of inputs used in no other way, and where these parts are.

    ``buffers`` holds an array of shape (1, *shape) for every input.
    """
    known = _KNOWN_PARTS.setdefault(program, {})
    pairs = known.get(start)
    if pairs is None:
        pairs = known[start] = _find_parts(program, dict(buffers), start)
    found = dict(buffers)
    for part, whole in pairs:
        node = program.nodes[part]
        found[part] = TABLE[node.op].value(node.params, found[whole][0])[None]
    return {part: found[part] for part, _ in pairs}


#: The parts of a program by the node from which a sweep starts, as pairs of a part and what it is a part of.
_KNOWN_PARTS: weakref.WeakKeyDictionary[Program, dict[int, list[tuple[int, int]]]] = weakref.WeakKeyDictionary()


def _apart(views: list[Array]) -> bool:
    """Whether arrays lie in separate stretches of memory."""
    if len(views) < 2:
        return True
    bounds = sorted(np.lib.array_utils.byte_bounds(view) for view in views)
    return all(low[1] <= high[0] for low, high in pairwise(bounds))


def _find_parts(program: Program, buffers: dict[int, Array], start: int) -> list[tuple[int, int]]:
    users: dict[int, list[int]] = {index: [] for index in buffers}
    for index, node in enumerate(program.nodes):
        for arg in node.args:
            if arg in users:
                users[arg].append(index)
                if node.op in _PARTS:
                    users[index] = []
    found: list[tuple[int, int]] = []
    stack = list(buffers.items())
    while stack:
        index, buffer = stack.pop()
        parts = users[index]
        if index in (start, program.output) or any(program.nodes[i].op not in _PARTS for i in parts):
            continue
        views = [TABLE[program.nodes[i].op].value(program.nodes[i].params, buffer[0])[None] for i in parts]
        if _apart(views) and all(np.may_share_memory(view, buffer) for view in views) and start not in parts:
            found += [(part, index) for part in parts]
            stack += zip(parts, views, strict=True)
    return found
