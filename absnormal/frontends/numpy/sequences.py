"""NumPy's functions of sequences of numbers: grids, differences, polynomials, statistics of two variables, counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.outcomes import looked_up
from absnormal.frontends.meanings.scattering import combined
from absnormal.frontends.meanings.steps import searched
from absnormal.frontends.numpy.algebra import convolve
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.shapes import concatenate, gather, moveaxis, reshape, stack
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import axis_of, writer_of
from absnormal.program.moves import numbered

# -- grids -----------------------------------------------------------------------------------------------


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    """np.linspace between variables."""
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop))
    part = np.linspace(0.0, 1.0, num, endpoint=endpoint).reshape((num,) + (1,) * len(shape))
    return np.moveaxis(start + (stop - start) * part, 0, axis)  # type: ignore[arg-type]


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0) -> Any:
    """np.logspace between variables."""
    return base ** linspace(start, stop, num, endpoint, axis)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    """np.geomspace between positive variables."""
    return np.exp(linspace(np.log(start), np.log(stop), num, endpoint, axis))


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """np.insert."""
    write = writer_of([arr, values], "np.insert")
    u, v = write.array(arr), write.array(values)
    places = numbered(u.shape)
    index = np.insert(places, concrete(obj), u.size + numbered(v.shape), axis)
    return write.op("gather", concatenate([reshape(u, -1), reshape(v, -1)]), index=index)


def choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    """np.choose by constants."""
    write = writer_of(choices, "np.choose")
    parts = [write.array(item) for item in choices]
    shape = np.broadcast_shapes(np.shape(a), *(part.shape for part in parts))
    table = stack([np.broadcast_to(part, shape) for part in parts])
    return gather(table, lambda index: np.choose(a, list(index), mode=mode))


def windows(x: Any, window_shape: Any, axis: Any = None) -> Any:
    """np.lib.stride_tricks.sliding_window_view."""
    view = np.lib.stride_tricks.sliding_window_view
    return gather(x, lambda index: view(index, window_shape, axis), view=True)


def trim(filt: Any, trim: Any = "fb") -> Any:
    """np.trim_zeros of what is not 0 near the point, nor constant."""
    return filt[np.trim_zeros(np.where(concrete(filt != 0), np.arange(1, len(filt) + 1), 0), trim) - 1]


# -- differences and what is linear along an axis ----------------------------------------------------------


def along(matrix: Array, u: Any, axis: int) -> Any:
    """A constant matrix times the vectors along an axis."""
    return moveaxis(np.tensordot(matrix, u, ((1,), (axis,))), 0, axis)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """np.gradient, which is linear, with constant steps."""
    write = writer_of([f, *varargs], "np.gradient")
    if any(isinstance(step, TracedArray) for step in varargs):
        write.refuse("the steps are variables", "write the differences out")
    axes = range(f.ndim) if axis is None else [axis_of(i, f.ndim) for i in np.atleast_1d(axis)]
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise TypeError("invalid number of arguments")
    parts = tuple(
        along(np.asarray(np.gradient(np.eye(f.shape[i]), step, axis=0, edge_order=edge_order)), f, i)
        for i, step in zip(axes, steps, strict=True)
    )
    return parts if len(parts) > 1 else parts[0]


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """np.ediff1d."""
    flat = np.ravel(ary)
    parts = [to_begin, flat[1:] - flat[:-1], to_end]
    return np.concatenate([np.ravel(part) for part in parts if part is not None])


# -- polynomials -----------------------------------------------------------------------------------------


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """np.vander."""
    powers = range(len(x) if N is None else N)
    columns = [np.ones(len(x)) if power == 0 else x**power for power in powers]
    return stack(columns if increasing else columns[::-1], 1)


def polyfit(x: Any, y: Any, deg: int) -> Any:
    """np.polyfit at constant places: linear in the values."""
    write = writer_of([x, y], "np.polyfit")
    if isinstance(x, TracedArray):
        write.refuse("the places are variables", "solve the normal equations")
    return np.tensordot(np.polyfit(x, np.eye(len(x)), deg), y, 1)


def _added(a1: Any, a2: Any, sign: int) -> Any:
    """np.polyadd and np.polysub."""
    a, b = np.atleast_1d(a1), np.atleast_1d(a2)
    size = max(len(a), len(b))
    a, b = (np.concatenate([np.zeros(size - len(u)), u]) for u in (a, b))
    return a + sign * b


def polyder(p: Any, m: int = 1) -> Any:
    """np.polyder."""
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1) -> Any:
    """np.polyint with constants of integration 0."""
    for _ in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), np.zeros(1)])
    return p


# -- statistics ------------------------------------------------------------------------------------------


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """np.cov with constant weights."""
    u: Any = np.atleast_2d(m)
    u = u if rowvar or u.shape[0] == 1 else u.T
    if y is not None:
        other = np.atleast_2d(y)
        u = concatenate([u, other if rowvar or other.shape[0] == 1 else other.T])
    counts, weights = (np.ones(u.shape[1]) if given is None else np.asarray(given) for given in (fweights, aweights))
    both = counts * weights
    centred = u - np.average(u, axis=1, weights=both)[:, None]
    fewer = (0 if bias else 1) if ddof is None else ddof
    count = both.sum() - (fewer * (both * weights).sum() / both.sum() if fewer else 0)
    return np.squeeze((centred * both) @ centred.T / count)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """np.corrcoef."""
    c = np.atleast_2d(cov(x, y, rowvar))
    sizes = np.sqrt(np.diagonal(c))
    return np.squeeze(c / np.outer(sizes, sizes))


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """np.bincount with variable weights."""
    write = writer_of([x, weights], "np.bincount")
    if isinstance(x, TracedArray):
        write.refuse("uses a variable as an index", "use constant indices")
    where = np.asarray(concrete(x))
    size = max(minlength, int(where.max(initial=-1)) + 1)
    return combined(write, np.zeros(size), where, write.array(weights), "sum")


def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """np.histogram between constant edges, of numbers that lie on none of them."""
    write = writer_of([a, bins, weights], "np.histogram")
    if isinstance(bins, TracedArray) or (np.ndim(bins) == 0 and range is None and isinstance(a, TracedArray)):
        write.refuse("the edges are variables", "give constant edges")
    edges = np.histogram_bin_edges(np.zeros(1) if isinstance(a, TracedArray) else a, bins, range)
    values: Any = np.ravel(a)
    place = searched(write, edges, values, "right") if isinstance(a, TracedArray) else np.searchsorted(
        edges, values, "right")
    if not isinstance(place, np.ndarray):
        place.jump.refuse()
    last = np.asarray(values == edges[-1]) if isinstance(a, np.ndarray) else np.zeros(len(values), bool)
    where = np.where(last, len(edges) - 2, place - 1)
    inside = (where >= 0) & (where < len(edges) - 1)
    if isinstance(weights, TracedArray):
        where = np.where(inside, where, -1)
        counts: Any = combined(write, np.zeros(len(edges) - 1), where, np.ravel(weights), "sum")
    else:
        each = None if weights is None else np.ravel(weights)[inside]
        counts = np.bincount(where[inside], each, len(edges) - 1)
    return (counts / np.diff(edges) / np.sum(counts) if density else counts), edges


# -- a straight line between knots -------------------------------------------------------------------------


def interpolated(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """np.interp: a straight line between constant knots, and constant beyond them; the values may be variables."""
    write = writer_of([x, xp, fp], "np.interp")
    if isinstance(xp, TracedArray):
        write.refuse("the knots are variables", "give constant knots that increase")
    knots = write.constant(xp)
    if knots.size < 2 or np.any(np.diff(knots) <= 0):
        write.refuse("needs knots that increase", "sort them, and leave double ones out")
    inside: Any = np.clip(x, knots[0], knots[-1])  # type: ignore[call-overload]
    if isinstance(x, TracedArray):
        place = searched(write, knots[1:-1], write.array(inside), "right")
    else:
        place = np.searchsorted(knots[1:-1], inside, "right")
    if isinstance(fp, TracedArray):
        slopes: Any = (fp[1:] - fp[:-1]) / np.diff(knots)
        values: Any = fp
    else:
        values = np.asarray(fp, float)
        slopes = np.diff(values) / np.diff(knots)
    low, slope, value = (looked_up(table, place) for table in (knots, slopes, values))
    result = slope * (inside - low) + value
    result = result if left is None else np.where(np.less(x, knots[0]), left, result)
    return result if right is None else np.where(np.greater(x, knots[-1]), right, result)


#: NumPy's functions, with what they are of variables.
SEQUENCE_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.linspace: linspace, np.logspace: logspace, np.geomspace: geomspace, np.insert: insert, np.choose: choose,
    np.lib.stride_tricks.sliding_window_view: windows, np.trim_zeros: trim, np.gradient: gradient,
    np.ediff1d: ediff1d, np.vander: vander, np.polyfit: polyfit,
    np.polymul: lambda a1, a2: convolve(np.atleast_1d(a1), np.atleast_1d(a2)),
    np.polyadd: lambda a1, a2: _added(a1, a2, 1), np.polysub: lambda a1, a2: _added(a1, a2, -1),
    np.polyder: polyder, np.polyint: polyint, np.cov: cov, np.corrcoef: corrcoef,
    np.bincount: bincount, np.histogram: histogram, np.interp: interpolated,
}  # fmt: skip
