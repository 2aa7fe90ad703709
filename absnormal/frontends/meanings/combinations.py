"""Entries of a program as constant combinations of entries of other nodes: is one difference a multiple of another?

`absnormal.program.affine` sees combinations of whole nodes.  Here a sum, a selection by a constant mask or a product
with a constant matrix is taken apart entry by entry, as sum(where([1, 0], x, 0)) is the first entry of x.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE, maps_of
from absnormal.program.builder import Builder
from absnormal.program.nodes import Node

#: Constants that were computed from others may differ by this many roundings of the largest number on the way.
ROUNDINGS = 8.0
#: A node with more entries is not taken apart, nor are so many weights computed.
_MOST, _WEIGHTS = 4096, 1_000_000

#: The weights of entries by the number of their node; that of 1 by "one".
Weights = dict[int | str, Array]


def multiple(builder: Builder, first: int, second: int, left: int, right: int) -> float | None:
    """The k for which first - second = k (left - right) identically, of nodes of one entry; otherwise None."""
    nodes = first, second, left, right
    if any(builder.values[node].size != 1 or builder.values[node].dtype == object for node in nodes):
        return None
    one = np.zeros(1, int)
    (top, _), (below, _) = (_difference(builder, *pair, one) for pair in ((first, second), (left, right)))
    sizes = {key: float(np.abs(w).max()) for key, w in below.items()}
    # Infinite constants may leave NaN.
    if not any(sizes.values()) or not np.isfinite([*sizes.values()]).all():
        return None
    largest = sizes[key := max(sizes, key=sizes.__getitem__)]
    place = np.unravel_index(np.abs(below[key]).argmax(), below[key].shape)
    k = float(top[key][place] / below[key][place]) if key in top else 0.0
    room = ROUNDINGS * np.finfo(float).eps * abs(k) * largest
    same = all((np.abs(top.get(other, 0.0 * w) - k * w) <= room).all() for other, w in below.items())
    rest = all((np.abs(w) <= room).all() for other, w in top.items() if other not in below)
    return k if same and rest and np.isfinite(k) else None


def agree(builder: Builder, first: int, second: int, open_: Array) -> bool:
    """Whether two nodes of one shape are the same combinations, in the entries that count."""
    entries = np.flatnonzero(open_)
    exact = any(builder.values[node].dtype == object for node in (first, second))
    if exact or builder.nodes[first].shape != builder.nodes[second].shape or entries.size * open_.size > _WEIGHTS:
        return False
    found, size = _difference(builder, first, second, entries)
    one = found.pop("one", np.zeros(entries.size))
    if not np.isfinite(one).all() or any(w.any() for w in found.values()):
        return False
    return bool((np.abs(one) <= ROUNDINGS * np.finfo(float).eps * size).all())


def _difference(builder: Builder, first: int, second: int, entries: Array) -> tuple[Weights, Array]:
    """first - second, in some entries, and the size of the constants that these were summed from."""
    (total, size), (rest, other) = (_weights(builder, node, entries) for node in (first, second))
    for key, w in rest.items():
        total[key] = total[key] - w if key in total else -w
    return total, size + other


def _weights(builder: Builder, index: int, entries: Array) -> tuple[Weights, Array]:
    """The combinations that some entries of a node are, and the size of their constants."""
    nodes, values = builder.nodes, builder.values
    start = np.zeros((entries.size, math.prod(nodes[index].shape)))
    start[np.arange(entries.size), entries] = 1.0
    waiting: dict[int, Array] = {index: start.reshape(-1, *nodes[index].shape)}
    heap, found, size = [-index], Weights(), np.zeros(entries.size)
    while heap:
        at = -heapq.heappop(heap)
        w, node = waiting.pop(at), nodes[at]
        if not node.varied:
            with np.errstate(invalid="ignore"):
                terms = (w * values[at]).reshape(entries.size, -1)
            found["one"] = found.get("one", 0.0) + terms.sum(axis=1)
            size += np.abs(terms).sum(axis=1)
            continue
        if not _taken_apart(nodes, node):
            found[at] = w
            continue
        with np.errstate(divide="ignore"):
            op, inner = ("mul", [values[node.args[0]], 1 / values[node.args[1]]]) if node.op == "div" else (
                node.op, [values[arg] for arg in node.args])
        for linear, arg in zip(maps_of(op)(node.params, inner, values[at], node.shape), node.args, strict=True):
            # Of a product with a constant that is the weight.
            if TABLE[op].family == "bilinear" and not nodes[arg].varied:
                continue
            if arg not in waiting:
                heapq.heappush(heap, -arg)
            pulled = linear.pull(w)
            waiting[arg] = waiting[arg] + pulled if arg in waiting else pulled
    return found, size


def _taken_apart(nodes: Sequence[Node], node: Node) -> bool:
    """Whether a node is linear in its arguments, and those are small."""
    family, varied = TABLE[node.op].family, [nodes[arg].varied for arg in node.args]
    linear = family in ("movement", "linear") or (family == "bilinear" and sum(varied) == 1) or (
        node.op == "div" and not varied[1])
    return linear and bool(node.args) and all(np.prod(nodes[arg].shape, dtype=int) <= _MOST for arg in node.args)


def size(builder: Builder, index: int) -> Any:
    """The largest numbers that the entries of a constant were computed from in the program; 0 where it was not."""
    shape = builder.nodes[index].shape
    if builder.nodes[index].op == "constant":
        return 0.0
    largest, stack, seen = np.zeros(shape), [index], {index}
    while stack:
        at = stack.pop()
        value = np.abs(builder.values[at].astype(float))
        value = np.where(np.isfinite(value), value, 0.0)
        largest = np.maximum(largest, value if value.shape == shape else value.max(initial=0.0))
        node = builder.nodes[at]
        if TABLE[node.op].family == "input" or node.op in ("gather", "index"):
            continue
        new = [arg for arg in node.args if arg not in seen]
        seen.update(new)
        stack += new
    return largest
