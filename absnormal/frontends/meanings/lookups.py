"""What is looked up by indices that jump, followed back to the entries that are sorted (`.places`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.program.moves import MOVES, numbered

if TYPE_CHECKING:
    from absnormal.frontends.meanings.places import Places

#: Up to so many entries are looked up for every outcome; above, only what reshape moves.
_MANY = 4_000_000


def looked_up(places: Places, u: TracedArray, axis: int, apply: Callable[[Array, Any], Any]) -> TracedArray | None:
    """The entries of an array that ``apply(array, indices)`` takes along an axis, as order statistics.

    None where they are not seen to be any.  Every entry depends on one of the indices only.
    """
    result = _looked_up(places, u, axis, apply)
    if result is None and (inner := places.among()) is not None:
        result = _looked_up(inner, u, axis, apply)
    return result


def _looked_up(places: Places, u: TracedArray, axis: int, apply: Callable[[Array, Any], Any]) -> TracedArray | None:
    found, builder = places.ordering, places.ordering.write.builder
    length = found.members.shape[1]
    if u.ndim == 0 or u.shape[axis] < length:
        return None
    own, at = places.own, np.flatnonzero(places.ranks.reshape(-1) >= 0)

    def given(numbers: Any) -> Array:
        array = own.copy()
        array.reshape(-1)[at] = numbers
        return array

    # Which of the indices an entry is looked up by: in an array that holds the number of its place along the axis.
    counted = [at.size if other == axis % u.ndim else size for other, size in enumerate(u.shape)]
    line = np.arange(at.size).reshape([-1 if other == axis % u.ndim else 1 for other in range(u.ndim)])
    which = np.asarray(apply(np.broadcast_to(line, counted), given(np.arange(at.size))))
    shape, which = which.shape, at[which.reshape(-1)]
    ranks = places.ranks.reshape(-1)[which]
    complete = length * which.size <= _MANY
    if not complete and (found.positions is not None or np.any(np.diff(found.members, 2, axis=1))):
        return None
    entries, lines = numbered(u.shape), places.ranks.reshape(-1)[at] // length
    # Where entries stand at equal distances two outcomes tell of all.
    members = [*range(length)] if complete else [own.reshape(-1)[at], (own.reshape(-1)[at] + 1) % length]
    outcomes = [given(k if found.positions is None else found.positions[lines, k]) for k in members]
    taken = np.stack([np.asarray(apply(entries, outcome)).reshape(-1) for outcome in outcomes])
    chosen = np.stack([np.broadcast_to(k, at.shape) for k in members])
    wanted = found.members[ranks // length, chosen[:, np.searchsorted(at, which)]]
    looked = _LookedUp(places, ranks, wanted, complete)
    result = looked.at(u.index, taken)
    return None if result is None else found.write.reshape(TracedArray(builder, result), shape)


class _LookedUp:
    """What is looked up by every outcome of an order, followed back to the entries that are ordered.

    ``wanted`` (outcomes, entries) are the numbers of the entries of the ordered node that an outcome means.
    """

    def __init__(self, places: Places, ranks: Array, wanted: Array, complete: bool) -> None:
        self.found, self.write = places.ordering, places.ordering.write
        self.ranks, self.wanted, self.complete = ranks, wanted, complete
        self._sorted: int | None = None

    def at(self, index: int, taken: Array) -> int | None:
        """A node's entries ``taken`` (outcomes, entries), which are the same ones, or stand for an order statistic."""
        builder = self.write.builder
        node = builder.nodes[index]
        if index == self.found.base and np.array_equal(taken, self.wanted):
            if self._sorted is None:
                self._sorted = self.found.entries(self.ranks).index
            return self._sorted
        if np.all(taken == taken[:1]) or (not node.varied and self._equal(builder.values[index], taken)):
            return self.found.gathered(TracedArray(builder, index), taken[0]).index
        if not node.varied or index <= self.found.base or index in builder.roots:
            return None
        if node.op in MOVES and (self.complete or node.op == "reshape"):
            inside = np.asarray(TABLE[node.op].value(node.params, numbered(builder.nodes[node.args[0]].shape)))
            return self.at(node.args[0], inside.reshape(-1)[taken])
        return self._entrywise(index, taken) if node.op in ENTRYWISE else None

    def _entrywise(self, index: int, taken: Array) -> int | None:
        builder = self.write.builder
        node, args = builder.nodes[index], []
        for arg in node.args:
            shape = builder.nodes[arg].shape
            if not self.complete and shape != node.shape and any(side != 1 for side in shape):
                return None
            places = np.broadcast_to(numbered(shape), node.shape).reshape(-1)[taken]
            made = self.at(arg, places)
            if made is None:
                return None
            args.append(TracedArray(builder, made))
        params = {}
        for name, value in node.params.items():
            if isinstance(value, np.ndarray) and value.ndim:
                whole = np.broadcast_to(value, node.shape)
                if not self._equal(whole, taken):
                    return None
                value = whole.reshape(-1)[taken[0]]
            params[name] = value
        made = self.write.op(node.op, *args, tie=node.tie, **params).index
        builder.copies[made] = builder.copies.get(index, index)
        return made

    def _equal(self, values: Any, taken: Array) -> bool:
        """Whether an array has the same entry by every outcome."""
        entries = np.asarray(values).reshape(-1)[taken]
        return self.complete and bool(np.all(entries == entries[:1]))
