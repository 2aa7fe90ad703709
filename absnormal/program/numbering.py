"""Value numbering: operations that compute the same from the same have one number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import Node
from absnormal.program.values import Later

#: About how many entries of an array its hash looks at.
_SEEN = 64
#: Entries past which a constant that a framework holds is not read for its hash.
_LARGE = 4096


class _Held:
    """An array as a key: equal to those that hold the same numbers, which are compared only where a few are equal."""

    __slots__ = ("_array", "_hash")

    def __init__(self, array: Array) -> None:
        self._array = array
        seen = array.flat[:: max(1, array.size // _SEEN)]
        self._hash = hash((array.dtype.str, array.shape, seen.tobytes()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Held):
            return NotImplemented
        own, its = self._array, other._array
        return own is its or (own.dtype == its.dtype and own.shape == its.shape and bool((own == its).all()))


class _Unread:
    """A large constant that a framework holds: it is read only where another one has its shape."""

    __slots__ = ("_constant",)

    def __init__(self, constant: Later) -> None:
        self._constant = constant

    def __hash__(self) -> int:
        return hash(_Unread)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unread) and self._constant.same(other._constant)


def value_numbers(nodes: Sequence[Node]) -> list[int]:
    """For each node the first that has its operation, its parameters and its arguments, and so its value everywhere.

    Lines and slopes at ties do not count: relu(u) has one value, whoever asks for it and whatever derivative a tool
    takes.
    """
    known: dict[Any, int] = {}
    numbers: list[int] = []
    for index, node in enumerate(nodes):
        numbers.append(known.setdefault(_operation(node, numbers), index))
    return numbers


def _operation(node: Node, numbers: Sequence[int]) -> tuple[Any, ...]:
    """The operation of a node, its parameters and the numbers of its arguments."""
    if isinstance(node.params, Later) and math.prod(node.shape) > _LARGE:
        params: Any = _Unread(node.params)
    else:
        params = _key(node.params)
    return node.op, tuple(numbers[arg] for arg in node.args), node.shape, params


class Numbering:
    """Value numbers of nodes that are still being added; entries of one node in one order have one number, too,
    whatever moved them there.

    Parameters
    ----------
    nodes
        a list, to which nodes are added behind those that it has
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._known: dict[Any, int] = {}
        self._numbers: list[int] = []
        self._alike: dict[int, list[int]] = {}
        #: For nodes whose entries were only moved, the number of the node that holds them, and their numbers there.
        self._moved: dict[int, tuple[int, Array]] = {}

    def of(self, index: int) -> int:
        """The number of a node: that of the first one that is the same."""
        for new in range(len(self._numbers), len(self._nodes)):
            number = self._known.setdefault(self._what(new), new)
            self._numbers.append(number)
            self._alike.setdefault(number, []).append(new)
        return self._numbers[index]

    def alike(self, index: int) -> list[int]:
        """All nodes that are the same as one."""
        return self._alike[self.of(index)]

    def _what(self, index: int) -> Any:
        node = self._nodes[index]
        # Where derivatives end the entries are not those of before.
        if node.op not in MOVES or "detached" in node.params:
            return _operation(node, self._numbers)
        inner = node.args[0]
        base, places = self._moved.get(inner) or (self._numbers[inner], numbered(self._nodes[inner].shape))
        places = np.asarray(TABLE[node.op].value(node.params, places))
        self._moved[index] = base, places
        return "moved", base, _Held(places)


def alike(nodes: Sequence[Node], index: int, other: int) -> bool:
    """Whether two nodes have one value everywhere, and their kinks the same ties, as far as `value_numbers` sees."""
    stack, seen = [(index, other)], set[tuple[int, int]]()
    while stack:
        pair = stack.pop()
        if pair[0] == pair[1] or pair in seen:
            continue
        seen.add(pair)
        a, b = nodes[pair[0]], nodes[pair[1]]
        same = (a.op, a.shape, a.tie, len(a.args)) == (b.op, b.shape, b.tie, len(b.args))
        if not same or not (a.params is b.params or _key(a.params) == _key(b.params)):
            return False
        stack += zip(a.args, b.args, strict=True)
    return True


def _key(value: Any) -> Any:
    """What equal parameters have in common; what cannot be hashed is equal to itself alone."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, _key(entry)) for name, entry in value.items()))
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, *map(_key, value))
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _Held(value)
    try:
        hash(value)
    except TypeError:
        return ("id", id(value))
    return (type(value).__name__, value)
