"""Value numbering: operations that compute the same from the same have one number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
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
        if isinstance(node.params, Later) and math.prod(node.shape) > _LARGE:
            params: Any = _Unread(node.params)
        else:
            params = _key(node.params)
        key = (node.op, tuple(numbers[arg] for arg in node.args), node.shape, params)
        numbers.append(known.setdefault(key, index))
    return numbers


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
