"""Extrema over axes, windows and scattered updates, and sorted lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.jumps import tied_index
from absnormal.frontends.jax.run import Call
from absnormal.frontends.jax.shapes import over_windows, scattered
from absnormal.frontends.meanings.lookups import looked_up
from absnormal.frontends.meanings.movements import sent
from absnormal.frontends.meanings.order import in_order
from absnormal.frontends.meanings.places import sorted_places
from absnormal.frontends.meanings.windows import folds
from absnormal.frontends.numpy.order import largest, smallest
from absnormal.frontends.numpy.traced import TracedArray

_SORT = "use jnp.sort, jnp.max or jnp.min, or a point where no two entries are equal"


def fold_over(sign: int) -> Callable[..., Any]:
    """jnp.max and jnp.min: a tie is split evenly."""
    function = largest if sign > 0 else smallest
    return lambda call, u, *, axes: function(u, axis=tuple(axes))


def window_extremum(sign: int) -> Callable[..., Any]:
    """Pooling, where the padding never wins."""

    tie = "max.window" if sign > 0 else "min.window"

    @over_windows
    def rule(call: Call, u: Any, index: Array) -> Any:
        if (index < 0).all(axis=0).any():
            call.write.refuse("has a window that holds padding only", "choose a smaller padding")
        flat = folds(call.write, np.reshape(u, -1), index.reshape(len(index), -1), sign, tie)
        return np.reshape(flat, index.shape[1:])

    return rule


def scattered_extremum(sign: int) -> Callable[..., Any]:
    """x.at[i].max(u) and jax.ops.segment_max: a tie is split evenly, with the entry that was there."""

    @scattered
    def rule(call: Call, operand: Any, targets: Array, updates: Any) -> Any:
        write = call.write
        given = np.asarray(call.values[0]).astype(float).reshape(-1)
        index = sent(targets, given.size)
        # An infinite entry that is no bound does not take part, where there is anything else.
        absent = (given == -sign * np.inf) & (index >= 0).any(axis=0)
        own = np.where(absent, -1, np.arange(given.size))
        joined = np.concatenate([np.reshape(write.array(operand), -1), np.reshape(write.array(updates), -1)])
        whole = np.concatenate([own[None], np.where(index < 0, -1, index + given.size)])
        return np.reshape(folds(write, joined, whole, sign, "max.fold" if sign > 0 else "min.fold"), call.outs[0].shape)

    return rule


def sort(call: Call, key: Any, *others: Any, dimension: int, num_keys: int) -> Any:
    """lax.sort by one key; what is carried along jumps at a tie."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    axis = dimension
    if num_keys != 1:
        call.write.refuse("sorts by several keys", "sort by one key")
    shape = call.values[0].shape
    numbers = jax.lax.broadcasted_iota(jnp.int32, shape, axis)
    _, order = jax.lax.sort((call.values[0], numbers), dimension=axis, is_stable=True, num_keys=1)
    order = np.asarray(order)
    place = np.take_along_axis(np.arange(order.size).reshape(shape), order, axis)
    if not isinstance(key, TracedArray):
        return [None, *(_moved(call, other, place) for other in others)]
    values = np.take_along_axis(key.value, order, axis)
    jump = tied_index(call, values, axis, _SORT)
    if jump is None:
        carried = [_moved(call, other, place) for other in others]
    else:
        carried = [_carried(call, jump, key, other, value, order, axis)
                   for other, value in zip(others, call.values[1:], strict=True)]
    return [in_order(call.write, key, order, axis), *carried]


def _carried(call: Call, jump: Any, key: TracedArray, other: Any, value: Any, order: Array, axis: int) -> Any:
    """What is carried along in an order that jumps: indices of the keys, or entries that are looked up by them."""
    if isinstance(other, TracedArray):
        places = sorted_places(call.write, key, order, axis, False, _SORT)
        found = looked_up(places, other, axis, lambda table, own: np.take_along_axis(table, own, axis))
        return jump if found is None else found
    given = np.asarray(value)
    place = np.argsort(given, axis=axis, kind="stable")
    counted = np.arange(given.shape[axis]).reshape([-1 if at == axis else 1 for at in range(given.ndim)])
    if given.dtype.kind not in "iu" or np.any(np.take_along_axis(given, place, axis) != counted):
        return jump
    # The entry that an index belongs to need not be the one that stands there: in descending order they are reversed.
    numbers = np.take_along_axis(np.arange(key.size).reshape(key.shape), place, axis)
    moved = call.write.op("gather", key, index=numbers)
    return sorted_places(call.write, moved, np.take_along_axis(given, order, axis), axis, False, _SORT)


def _moved(call: Call, other: Any, place: Array) -> Any:
    return call.write.op("gather", other, index=place) if isinstance(other, TracedArray) else None


def top_k(call: Call, u: Any, *, k: int, axis: int = -1) -> Any:
    """lax.top_k: the k largest, in descending order; of a tie the first come first, and their indices jump."""
    axis %= np.ndim(u)
    order = np.argsort(-u.value, axis=axis, kind="stable")
    ordered = in_order(call.write, u, order, axis, descending=True, ranks=range(k))
    # The first that is left out may be tied with the last that is taken.
    near = np.take(np.take_along_axis(u.value, order, axis), range(min(k + 1, u.shape[axis])), axis)
    if tied_index(call, near, axis, _SORT) is None:
        return [ordered, None]
    places = sorted_places(call.write, u, order, axis, True, _SORT)
    return [ordered, places.moved(lambda array: np.take(array, range(k), axis))]
