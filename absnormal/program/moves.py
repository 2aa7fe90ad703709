"""Operations that only move or choose entries of arrays: which entry of which node stands where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.nodes import Node

#: So many moves are looked through.
_DEPTH = 50
MOVES = frozenset({"reshape", "transpose", "index", "gather", "broadcast"})


def numbered(shape: Sequence[int]) -> Array:
    """The numbers of the entries of an array."""
    return np.arange(math.prod(shape)).reshape(shape)


def in_order(places: Array, size: int) -> bool:
    """Whether numbers of entries are all of so many, in their order."""
    return places.size == size and bool((places.reshape(-1) == np.arange(size)).all())


def origin(nodes: Sequence[Node], index: int) -> tuple[int, Array]:
    """The node of which a node holds entries that were only moved, and their numbers there."""
    path = []
    while nodes[index].op in MOVES:
        path.append(nodes[index])
        index = path[-1].args[0]
    numbers = numbered(nodes[index].shape)
    for node in reversed(path):
        numbers = np.asarray(TABLE[node.op].value(node.params, numbers))
    return index, numbers


def origins(nodes: Sequence[Node], index: int) -> tuple[Array, Array]:
    """Entry by entry, the node of which an entry was only moved or chosen, and its number there."""
    known: dict[int, tuple[Array, Array]] = {}

    def found(at: int, depth: int) -> tuple[Array, Array]:
        if at not in known:
            known[at] = _origins(nodes[at], at, lambda arg: found(arg, depth - 1) if depth else _own(nodes[arg], arg))
        return known[at]

    return found(index, _DEPTH)


def _origins(node: Node, index: int, of: Callable[[int], tuple[Array, Array]]) -> tuple[Array, Array]:
    if node.op in MOVES:
        parts = [np.asarray(TABLE[node.op].value(node.params, part)) for part in of(node.args[0])]
    elif node.op == "concatenate":
        joined = zip(*(of(arg) for arg in node.args), strict=True)
        parts = [np.asarray(TABLE[node.op].value(node.params, *sides)) for sides in joined]
    elif node.op == "where":
        chosen = zip(*(of(arg) for arg in node.args), strict=True)
        parts = [np.broadcast_to(np.where(node.params["mask"], *both), node.shape) for both in chosen]
    else:
        return _own(node, index)
    return parts[0], parts[1]


def _own(node: Node, index: int) -> tuple[Array, Array]:
    return np.full(node.shape, index), numbered(node.shape)
