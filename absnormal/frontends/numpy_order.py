"""Order statistics as networks of max and min.

Up to `STABLE` entries neighbours are compared, which sorts stably when ties keep their order; longer lists use Batcher's
merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M), where ties come out in some order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from absnormal.frontends.writing import Writer, writer_of

STABLE = 32


def sort(u: Any, axis: Any = -1, **kwargs: Any) -> Any:
    """np.sort."""
    write = writer_of(u, "np.sort")
    u = u.reshape(-1) if axis is None else u
    axis = -1 if axis is None else axis
    return np.moveaxis(_sorted(write, np.moveaxis(u, axis, 0)), 0, axis)


def partition(u: Any, kth: Any, axis: Any = -1, **kwargs: Any) -> Any:
    """np.partition: sorted altogether, which is a partition."""
    return sort(u, axis)


def median(u: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """np.median."""
    write = writer_of(u, "np.median")
    moved, _, shape = write.reduced(u, axis, keepdims)
    ordered, count = _sorted(write, moved), moved.shape[0]
    middle = ordered[count // 2]
    if count % 2 == 0:
        middle = (ordered[count // 2 - 1] + middle) / 2
    return middle.reshape(shape)


def quantile(
    u: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, **kwargs: Any,
) -> Any:
    """np.quantile for one constant q, by linear interpolation."""
    write = writer_of(u, "np.quantile")
    if method != "linear" or np.ndim(q) != 0:
        write.refuse("only one q and method='linear' are supported", "call it once for each q")
    moved, _, shape = write.reduced(u, axis, keepdims)
    ordered, count = _sorted(write, moved), moved.shape[0]
    place = float(q) * (count - 1)
    low = min(int(np.floor(place)), count - 1)
    part = place - low
    result = ordered[low] if part == 0 else ordered[low] + (ordered[low + 1] - ordered[low]) * part
    return result.reshape(shape)


def _sorted(write: Writer, u: Any) -> Any:
    """u sorted along axis 0."""
    count = u.shape[0]
    for low, high in _neighbours(count) if count <= STABLE else _merge_exchange(count):
        a, b = u[low], u[high]
        smaller = write.op("max", a, b, tie="sort", sign=-1)
        larger = write.op("max", a, b, tie="sort", sign=1)
        rest = np.setdiff1d(np.arange(count), np.concatenate([low, high]))
        order = np.argsort(np.concatenate([low, high, rest]))
        u = np.concatenate([smaller, larger, u[rest]])[order]
    return u


def _neighbours(count: int) -> Iterator[tuple[Any, Any]]:
    for stage in range(count):
        low = np.arange(stage % 2, count - 1, 2)
        if len(low):
            yield low, low + 1


def _merge_exchange(count: int) -> Iterator[tuple[Any, Any]]:
    top = 1 << (count - 1).bit_length() - 1
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while d > 0:
            low = np.arange(count - d)
            low = low[(low & p) == r]
            if len(low):
                yield low, low + d
            d, q, r = q - p, q >> 1, p
        p >>= 1
