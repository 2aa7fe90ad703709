"""Interpolation at coordinates that may be variables: between entries of a grid, with kinks where one is whole.

Along one axis a coordinate x with floor(x) = l takes the entries l and l + 1 with the weights 1 - (x - l) and x - l.
Where x is whole the entries l - 1, l and l + 1 count near the point, with the weights max(l - x, 0), 1 - |x - l| and
max(x - l, 0): one kink.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.steps import cells
from absnormal.frontends.meanings.windows import entries
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

#: An offset from the first entry, and what the entry there counts.
Taps = list[tuple[int, Any]]


def linear_taps(write: Writer, x: Any) -> tuple[Array, Taps]:
    """The entries that a coordinate lies behind, and the weights of those around it."""
    if not isinstance(x, TracedArray):
        low = np.floor(x).astype(int)
        return low, [(0, 1 - (x - low)), (1, x - low)]
    low, tied = cells(write, x)
    apart = x - low
    if not tied.any():
        return low, [(0, 1 - apart), (1, apart)]
    # As the definition has it, a whole coordinate is the beginning of a cell, so that the slope is that on its right.
    above = np.where(tied, write.kink(apart, 0.5, 0.5, "where>="), apart)
    below = above - apart
    return low, [(-1, below), (0, 1 - above - below), (1, above)]


def keys_inner(u: Any, a: float) -> Any:
    """The convolution kernel of R. Keys (1981), which is C^1, at distances up to 1."""
    return ((a + 2) * u - (a + 3)) * u * u + 1


def keys_outer(u: Any, a: float) -> Any:
    """The same kernel at distances from 1 to 2, past which it is 0."""
    return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a


def cubic_taps(write: Writer, x: Any, a: float) -> tuple[Array, Taps]:
    """The same for the kernel of Keys."""
    if isinstance(x, TracedArray):
        low, tied = cells(write, x)
        if tied.any():
            write.refuse("has a coordinate on an entry of the grid", "move the point off it")
    else:
        low = np.floor(x).astype(int)
    t = x - low
    s = 1 - t
    outer, inner = [keys_outer(1 + u, a) for u in (t, s)], [keys_inner(u, a) for u in (t, s)]
    return low, [(-1, outer[0]), (0, inner[0]), (1, inner[1]), (2, outer[1])]


def sampled(write: Writer, u: Any, grid: Any, mode: str, padding: str, corners: bool, cubic_inside: bool = True) -> Any:
    """Samples of images u (N, C, *space) at coordinates (N, *samples, axes) from -1 to 1, the last axis first.

    Parameters
    ----------
    mode
        "linear", "cubic" or "nearest"
    padding
        what lies beyond the borders: "zeros", the nearest entry ("border"), or the image itself ("reflection")
    corners
        whether -1 and 1 are the centres of the first and the last entries, or their outer borders
    cubic_inside
        whether cubic interpolation moves a coordinate inside first, and not only the entries that it takes
    """
    space, along = np.shape(u)[2:], []
    for axis, size in enumerate(space):
        # The coordinates come in the order x, y, z; axes in the opposite one.
        coordinate = grid[..., len(space) - 1 - axis]
        at = (coordinate + 1) / 2 * (size - 1) if corners else ((coordinate + 1) * size - 1) / 2
        along.append(_taps(write, at, size, mode, padding, corners, cubic_inside))
    return interpolated(write, u, along)


def _taps(
    write: Writer, at: Any, size: int, mode: str, padding: str, corners: bool, cubic_inside: bool
) -> tuple[list[Array], list[Any]]:
    """Along one axis the entries that a sample takes, -1 for none, and their weights."""
    ends = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    at = write.constant_piece("rint", at) if mode == "nearest" and isinstance(at, TracedArray) else at
    at = np.rint(at) if mode == "nearest" and not isinstance(at, TracedArray) else at
    at = _inside(write, at, size, ends, padding, mode) if mode != "cubic" or cubic_inside else at
    if mode == "nearest":
        low, taps = np.asarray(at).astype(int), [(0, np.ones(np.shape(at)))]
    else:
        low, taps = linear_taps(write, at) if mode == "linear" else cubic_taps(write, at, -0.75)
    return [_padded(low + step, size, ends, padding) for step, _ in taps], [weight for _, weight in taps]


def _inside(write: Writer, at: Any, size: int, ends: tuple[float, float], padding: str, mode: str) -> Any:
    """Coordinates beyond the borders, clamped or reflected.

    Linear samples do not need that in the cells next to the borders: the entries that they take are clamped, or
    reflected, to the same one.
    """
    low, high = ends
    value = at.value.astype(float) if isinstance(at, TracedArray) else np.asarray(at, dtype=float)
    outside = (value < low) | (value > high)
    if padding == "zeros" or (not outside.any() and (mode == "linear" or not isinstance(at, TracedArray))):
        return at
    if isinstance(at, TracedArray):
        outside = np.asarray(np.less(at, low)) | np.asarray(np.greater(at, high))
    if padding == "border":
        return np.where(outside, np.clip(value, 0, size - 1), at)
    period = high - low
    beyond = (at - low) / period
    count = write.constant_piece("floor", beyond) if isinstance(at, TracedArray) else np.floor(beyond)
    rest = at - low - np.asarray(count) * period
    return np.where(outside, np.where(np.asarray(count) % 2 == 0, low + rest, high - rest), at)


def _padded(index: Array, size: int, ends: tuple[float, float], padding: str) -> Array:
    """The entries that indices name, those beyond the borders included."""
    if padding == "zeros":
        return np.where((index >= 0) & (index < size), index, -1)
    if padding == "border" or size == 1:
        return np.clip(index, 0, size - 1)
    low, period = ends[0], ends[1] - ends[0]
    count, rest = np.divmod(index - low, period)
    reflected = np.where(count % 2 == 0, low + rest, ends[1] - rest)
    return np.where((index < low) | (index > ends[1]), np.trunc(reflected), index).astype(int)


def interpolated(write: Writer, u: Any, along: list[tuple[list[Array], list[Any]]]) -> Any:
    """Sums of products of weights and entries; the weights have the shape (N, *samples)."""
    rows, channels, *space = u.shape
    steps = [math.prod(space[axis + 1 :]) for axis in range(len(space))]
    first = np.arange(rows * channels).reshape(rows, channels) * math.prod(space)
    flat, total = np.reshape(u, -1), None
    for chosen in product(*(range(len(weights)) for _, weights in along)):
        places = [index[place] for (index, _), place in zip(along, chosen, strict=True)]
        inside = np.all([place >= 0 for place in places], axis=0)
        offset = np.asarray(sum(place * step for place, step in zip(places, steps, strict=True)))
        lead = first.reshape(*first.shape, *([1] * (offset.ndim - 1)))
        taken = entries(write, flat, np.where(inside[:, None], lead + offset[:, None], -1))
        weight: Any = 1.0
        for (_, weights), place in zip(along, chosen, strict=True):
            weight = weight * weights[place]
        term = taken * np.expand_dims(weight, 1)
        total = term if total is None else total + term
    return total
