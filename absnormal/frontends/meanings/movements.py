"""Movements of entries, given by what they do to the numbers of the entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.windows import summed_over
from absnormal.frontends.terms import N, Terms
from absnormal.program.moves import numbered

#: A table of what is sent to each entry that is larger than this, and than so many times all that is sent, is not made.
_WIDE, _PADDED = 1 << 20, 8


def moved(write: Terms[N], u: Any, move: Callable[[Array], Any]) -> N:
    """Any movement, as a function of arrays that is called with the numbers of the entries."""
    return write.gather(u, np.ascontiguousarray(move(numbered(write.shape(u)))))


def along(shape: Sequence[int], index: Array, axis: int) -> Array:
    """The numbers of the entries that an index along an axis names, as in take_along_axis and torch.gather.

    Along the other axes the index may be shorter than the array.
    """
    if not index.size or not shape:
        return np.zeros_like(index)
    keys: list[Any] = [*np.indices(index.shape, sparse=True)]
    keys[axis % len(shape)] = np.where(index < 0, index + shape[axis], index)
    steps = [math.prod(shape[position + 1 :]) for position in range(len(shape))]
    return np.asarray(sum(key * step for key, step in zip(keys, steps, strict=True)))


def padded(write: Terms[N], u: N, widths: Sequence[tuple[int, int]], value: float = 0.0) -> N:
    """u with so many entries of a value before and after the entries of each axis; a negative number takes away."""
    inside = [(max(0, -low), size - max(0, -high)) for size, (low, high) in zip(write.shape(u), widths, strict=True)]
    if any(low < 0 or high < 0 for low, high in widths):
        u = write.index(u, tuple(slice(*ends) for ends in inside))
    for axis in reversed(range(len(widths))):
        shape = write.shape(u)
        low, high = (
            [write.constant(np.full((*shape[:axis], width, *shape[axis + 1 :]), value))] if width > 0 else []
            for width in widths[axis]
        )
        u = write.concatenate([*low, u, *high], axis)
    return u


def replaced(write: Terms[N], u: Any, where: Array, values: Any) -> N:
    """u with the entries ``where``, by their numbers, replaced by values; of several for one entry the last counts."""
    shape, count = write.shape(u), math.prod(write.shape(u))
    index = np.arange(count)
    index[where.reshape(-1)] = count + np.arange(where.size)
    both = write.concatenate([write.reshape(u, (count,)), write.reshape(values, (where.size,))], 0)
    return write.gather(both, index.reshape(shape))


def sent(where: Array, count: int, wide: int = 1) -> Array:
    """For each of ``count`` entries the values that are sent to it, shape (most, count); -1 for none.

    Value i is sent to the entry with the number ``where[i]``, and nowhere if that is negative.  ``wide`` is the length
    of the rows of the entries.
    """
    # Rows that are sent as they are, as those of the nodes of a graph along its edges, are sorted as rows.
    rows = where.reshape(-1, wide) if wide > 1 and where.size % wide == count % wide == 0 else where[:0, None]
    if rows.size and not (rows[:, 0] % wide).any() and (rows == rows[:, :1] + np.arange(wide)).all():
        table = sent(rows[:, 0] // wide, count // wide)[:, :, None]
        return np.where(table < 0, -1, table * wide + np.arange(wide)).reshape(len(table), count)
    order, targets = _sorted(where)
    place = np.arange(len(targets))
    fresh = np.append(True, targets[1:] != targets[:-1])[: len(targets)]
    ranks = place - np.maximum.accumulate(np.where(fresh, place, 0))
    table = np.full((int(ranks.max(initial=-1)) + 1, count), -1)
    table[ranks, targets] = order
    return table


def _sorted(where: Array) -> tuple[Array, Array]:
    """The values that are sent to an entry, in the order of the entries and among these in their own; the entries."""
    order = np.argsort(where, kind="stable")
    order = order[where[order] >= 0]
    return order, where[order]


def added(write: Terms[N], u: N, where: Array, values: Any, sign: int = 1) -> N:
    """u plus, or with sign -1 minus, the sum of the values that are sent to each entry; see `sent`."""
    where, count = where.reshape(-1), math.prod(write.shape(u))
    counts = np.bincount(where[where >= 0], minlength=count)
    most = int(counts.max(initial=0))
    if not most:
        return u
    flat = write.reshape(values, (where.size,))
    if most * count > max(_WIDE, _PADDED * where.size):
        total = _by_count(write, flat, where, counts)
    else:
        total = summed_over(write, flat, sent(where, count, [1, *write.shape(u)][-1]))
    total = write.reshape(total, write.shape(u))
    return write.add(u, total) if sign > 0 else write.sub(u, total)


def _by_count(write: Terms[N], flat: N, where: Array, counts: Array) -> N:
    """The sum of the values that are sent to each entry, entries with equally many together: a hub widens no other."""
    order, _ = _sorted(where)
    starts = np.cumsum(counts) - counts
    parts, columns = [], []
    for count in np.unique(counts[counts > 0]):
        columns.append(np.flatnonzero(counts == count))
        parts.append(write.sum(write.gather(flat, order[starts[columns[-1]] + np.arange(count)[:, None]]), [0]))
    found = np.concatenate(columns)
    place = np.full(len(counts), len(found))
    place[found] = np.arange(len(found))
    if len(found) < len(counts):
        parts.append(write.constant(np.zeros(1)))
    return write.gather(write.concatenate(parts, 0), place)
