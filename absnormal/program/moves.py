"""Operations that only move entries of one array: which entry of which node stands where."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.nodes import Node

MOVES = frozenset({"reshape", "transpose", "index", "gather", "broadcast"})


def numbered(shape: tuple[int, ...]) -> Array:
    """The numbers of the entries of an array."""
    return np.arange(math.prod(shape)).reshape(shape)


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
