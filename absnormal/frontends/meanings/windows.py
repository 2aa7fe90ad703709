"""Sums and extrema over windows, and over any groups of entries, given by the numbers of the entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.terms import N, Terms, Tie

#: Makes every sum of numbers of entries negative.
_OUTSIDE = -(1 << 50)


def windows(
    shape: Sequence[int], sizes: Sequence[int], strides: Sequence[int], padding: Sequence[Sequence[int]],
    dilation: Sequence[int] | None = None, base: Sequence[int] | None = None,
) -> Array:
    """The numbers of the entries in every window of the last axes, shape (window, *lead, *out); -1 in the padding.

    ``base`` counts the steps from one entry to the next in an array that was stretched by zeros.
    """
    count, one = len(shape), (1,) * len(sizes)
    lead = (1,) * (count - len(sizes))
    total = np.zeros((), int)
    for axis, (size, window, stride, (low, high), apart, step) in enumerate(zip(
        shape, (*lead, *sizes), (*lead, *strides), (*((0, 0) for _ in lead), *padding),
        (*lead, *(dilation or one)), (*lead, *(base or one)), strict=True,
    )):
        stretched = (size - 1) * step + 1 if size else 0
        steps = (stretched + low + high - (window - 1) * apart - 1) // stride + 1
        place = np.arange(window)[:, None] * apart + np.arange(steps) * stride - low
        known = (place >= 0) & (place < stretched) & (place % step == 0)
        offset = np.where(known, place // step * math.prod(shape[axis + 1 :]), _OUTSIDE)
        total = total + offset.reshape([offset.shape[i // count] if i % count == axis else 1 for i in range(2 * count)])
    return np.maximum(total, -1, out=total).reshape(-1, *total.shape[count:])


def tiles(write: Terms[N], u: Any, sizes: Sequence[int], out: Sequence[int]) -> N | None:
    """The windows of the last axes where these are cut into windows side by side, shape (window, *lead, *out).

    They are a reshape; None where the windows do not fill the array.
    """
    lead, space = write.shape(u)[: -len(out)], write.shape(u)[-len(out) :]
    if any(size * count != whole for size, count, whole in zip(sizes, out, space, strict=True)):
        return None
    split = write.reshape(u, (*lead, *(item for pair in zip(out, sizes, strict=True) for item in pair)))
    inside = [len(lead) + 2 * i + 1 for i in range(len(out))]
    rest = [*range(len(lead)), *(len(lead) + 2 * i for i in range(len(out)))]
    return write.reshape(write.transpose(split, [*inside, *rest]), (math.prod(sizes), *lead, *out))


def entries(write: Terms[N], flat: Any, index: Array) -> N:
    """The entries with these numbers, 0 for -1."""
    if (index < 0).any():
        flat = write.concatenate([flat, write.constant(np.zeros(1))], 0)
        index = np.where(index < 0, write.shape(flat)[0] - 1, index)
    return write.gather(flat, index)


def summed_over(write: Terms[N], flat: Any, index: Array) -> N:
    """Sums over the first axis of an array of numbers of entries, -1 for none."""
    return write.sum(entries(write, flat, index), [0])


def folds(write: Terms[N], flat: Any, index: Array, sign: int, tie: Tie, images: int = 1) -> N:
    """The largest (smallest) of the entries in every column of numbers, -1 for none; one fold for each length.

    The numbers may be those of the first of several images that lie one after the other, and are treated alike.  The
    tie may be a function of some columns and of the numbers in them.
    """
    def fold(where: Array, block: Array) -> N:
        return write.fold(write.gather(flat, block), sign, tie(where, block) if callable(tie) else tie)

    return by_length(write, index, fold, images, math.prod(write.shape(flat)) // max(1, images))


def chosen(u: Any, values: Array, index: Array, sign: int) -> Array:
    """The largest (smallest) entry of u in every column of numbers, by its number, -1 for none.

    A tie is refused, as the choice jumps there.
    """
    row = np.where(index < 0, -np.inf, sign * values.reshape(-1)[index]).argmax(axis=0)
    found = np.asarray(np.take_along_axis(index, row[None], 0)[0])
    if isinstance(u, TracedArray):
        other = (index >= 0) & (np.arange(len(index)).reshape(-1, *([1] * (index.ndim - 1))) != row)
        flat: Any = np.reshape(u, -1)
        own, others = flat[np.broadcast_to(found, index.shape)[other]], flat[index[other]]
        np.asarray(np.greater(own, others) if sign > 0 else np.less(own, others))
    return found


def products(write: Terms[N], flat: Any, index: Array) -> N:
    """The products of the entries in every column of numbers, -1 for none."""
    return by_length(write, index, lambda where, block: write.op("prod", write.gather(flat, block), axis=0))


def by_length(
    write: Terms[N], index: Array, made: Callable[[Array, Array], N], images: int = 1, size: int = 0
) -> N:
    """What is made of the columns of numbers, those of one length together: from their places and these numbers.

    The columns are those of the first of so many images of one size.
    """
    columns, parts, image = [], [], np.arange(images)[:, None]
    for where, block in _classes(index):
        if images != 1:
            where = (image * index.shape[1] + where).reshape(-1)
            block = (image * size + block[:, None]).reshape(len(block), -1)
        parts.append(made(where, block))
        columns.append(where)
    if len(parts) == 1:
        return parts[0]
    order = np.concatenate(columns)
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return write.gather(write.concatenate(parts, 0), places)


def _classes(index: Array) -> list[tuple[Array, Array]]:
    """Columns of (most, count) numbers with the same number of entries that are not -1: where they are, and these."""
    counts = (index >= 0).sum(axis=0)
    found = []
    for count in np.unique(counts[counts > 0]):
        columns = np.flatnonzero(counts == count)
        block = index if len(columns) == len(counts) else index[:, columns]
        if count == len(index):
            found.append((columns, block))
            continue
        # Column by column what is inside, in its order.
        lines = block.T
        found.append((columns, np.ascontiguousarray(lines[lines >= 0].reshape(-1, count).T)))
    return found
