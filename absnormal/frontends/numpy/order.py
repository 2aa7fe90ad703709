"""Maxima, and order statistics of sorted lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.frontends.meanings.activations import clipped
from absnormal.frontends.meanings.order import sorted_along
from absnormal.frontends.meanings.places import Places, along_last
from absnormal.frontends.numpy.masks import concrete
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer, writer_of


def largest(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True) -> Any:
    """np.max."""
    result = folded(writer_of(a, "np.max"), _left(a, where, initial), axis, keepdims, 1)
    return result if initial is None else np.maximum(result, initial)


def smallest(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True) -> Any:
    """np.min."""
    result = folded(writer_of(a, "np.min"), _left(a, where, initial), axis, keepdims, -1)
    return result if initial is None else np.minimum(result, initial)


def _left(a: Any, where: Any, initial: Any) -> Any:
    """The entries that an extremum looks at; ``initial`` stands for the others."""
    if where is True:
        return a
    if initial is None:
        raise ValueError("reduction operation does not have an identity, so to use a where mask one has to specify"
                         " 'initial'")
    return np.where(np.asarray(concrete(where), bool), a, initial)


def folded(write: Writer, u: Any, axis: Any, keepdims: Any, sign: int) -> Any:
    """The maximum (minimum) over axes, pairwise from left to right."""
    u = write.array(u)
    moved, reduced, shape = write.reduced(u, axis, keepdims)
    if not reduced:
        return u
    if moved.shape[0] > 1:
        moved = write.op("fold", moved, tie="max.fold" if sign > 0 else "min.fold", sign=sign)
    return moved.reshape(shape)


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """np.clip: minimum(maximum(a, low), high)."""
    low, high = a_min if min is None else min, a_max if max is None else max
    write = writer_of([a, low, high], "np.clip")
    return clipped(write, a, low, high)


def selection(name: str) -> Callable[..., Any]:
    """np.argmax, np.argmin, np.argsort: constant where nothing is tied."""

    def select(a: Any, axis: Any = None) -> Any:
        moved = a.reshape(-1) if axis is None else np.moveaxis(a, axis, -1)
        return writer_of(a, f"np.{name}").constant_piece(name, moved)

    def argsort(a: Any, axis: Any = -1) -> Any:
        return select(a) if axis is None else np.moveaxis(select(a, axis), -1, axis)

    return argsort if name == "argsort" else select


def argpartition(a: Any, kth: Any, axis: Any = -1) -> Any:
    """np.argpartition where nothing is tied; entries that are equal change places in ways of the algorithm."""
    write = writer_of(a, "np.argpartition")
    moved = a.reshape(-1) if axis is None else np.moveaxis(a, axis, -1)
    if isinstance(write.constant_piece("argsort", moved), Places):
        write.refuse("jumps at this point, where entries are equal", "use np.argsort")
    outcome = np.argpartition(moved.value, kth, axis=-1)
    return outcome if axis is None else np.moveaxis(outcome, -1, axis)


def lexsort(keys: Any, axis: Any = -1) -> Any:
    """np.lexsort, where the last key varies; the others, which are constants, tell equal entries apart."""
    write = writer_of(keys, "np.lexsort")
    *others, key = keys
    if not isinstance(key, TracedArray):
        write.refuse("is followed where the last key varies", "use np.argsort of one key after the other")
    moved: Any = np.moveaxis(key, axis, -1)  # type: ignore[type-var]
    found: Any = write.constant_piece("argsort", moved)
    if isinstance(found, Places) and others:
        if any(isinstance(other, TracedArray) for other in others):
            write.refuse("jumps at this point, where entries of the last key are equal", "use np.sort")
        order = np.lexsort([*(np.moveaxis(other, axis, -1) for other in others), moved.value])
        found = along_last(write, moved, "argsort", order)
    return np.moveaxis(found, -1, axis)


def sort(a: Any, axis: Any = -1) -> Any:
    """np.sort."""
    write = writer_of(a, "np.sort")
    a, axis = (a.reshape(-1), 0) if axis is None else (a, axis)
    return np.moveaxis(sorted_along(write, np.moveaxis(a, axis, 0)), 0, axis)


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.median."""
    write = writer_of(a, "np.median")
    moved, _, shape = write.reduced(write.array(a), axis, keepdims)
    ordered, count = sorted_along(write, moved), moved.shape[0]
    middle = ordered[count // 2]
    if count % 2 == 0:
        middle = (ordered[count // 2 - 1] + middle) / 2
    return middle.reshape(shape)


def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """np.quantile for constant q."""
    write = writer_of(a, "np.quantile")
    if isinstance(q, TracedArray):
        write.refuse("only constant q is supported", "use np.sort and constant weights")
    moved, _, shape = write.reduced(write.array(a), axis, keepdims)
    ordered = sorted_along(write, moved)
    parts = [_interpolated(ordered, float(part), method).reshape(shape) for part in np.ravel(q)]
    return parts[0] if np.ndim(q) == 0 else np.stack(parts).reshape((*np.shape(q), *shape))


def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile(a, np.true_divide(q, 100), axis, method, keepdims)


def _interpolated(ordered: Any, q: float, method: Any) -> Any:
    if not 0 <= q <= 1:
        raise ValueError("Quantiles must be in the range [0, 1]")
    # Every method takes a place among the sorted entries that depends on q and on their number alone.
    linear, count = method == "linear", len(ordered)
    place = q * (count - 1) if linear else float(np.quantile(np.arange(float(count)), q, method=method))
    low = int(np.floor(place))
    part = place - low
    if part == 0:
        return ordered[low]
    step = ordered[low + 1] - ordered[low]
    # As NumPy rounds: from the nearer end.
    return ordered[low] + step * part if part < 0.5 else ordered[low + 1] - step * (1 - part)
