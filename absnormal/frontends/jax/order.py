"""Extrema over axes, windows and scattered updates, and sorted lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.run import Call
from absnormal.frontends.jax.shapes import landing, window_places
from absnormal.frontends.numpy_order import largest, smallest
from absnormal.frontends.ordered import in_order
from absnormal.frontends.pooling import folds


def fold_over(sign: int) -> Callable[..., Any]:
    """jnp.max and jnp.min: a tie is split evenly."""
    function = largest if sign > 0 else smallest
    return lambda call, u: function(u, axis=tuple(call.params["axes"]))


def window_extremum(sign: int) -> Callable[..., Any]:
    """Pooling, where the padding never wins."""

    tie = "max.window" if sign > 0 else "min.window"

    def rule(call: Call, u: Any) -> Any:
        index = window_places(call, u.shape)
        if (index < 0).all(axis=0).any():
            call.write.refuse("has a window that holds padding only", "choose a smaller padding")
        flat = folds(call.write, np.reshape(u, -1), index.reshape(len(index), -1), sign, tie)
        return np.reshape(flat, index.shape[1:])

    return rule


def scattered_extremum(sign: int) -> Callable[..., Any]:
    """x.at[i].max(u) and jax.ops.segment_max: a tie is split evenly, with the entry that was there."""

    def rule(call: Call, operand: Any, indices: Any, updates: Any) -> Any:
        write = call.write
        given = np.asarray(call.values[0]).astype(float).reshape(-1)
        index = landing(call).reshape(-1, given.size)
        # An infinite entry that is no bound does not take part, where there is anything else.
        absent = (given == -sign * np.inf) & (index >= 0).any(axis=0)
        own = np.where(absent, -1, np.arange(given.size))
        joined = np.concatenate([np.reshape(write.array(operand), -1), np.reshape(write.array(updates), -1)])
        whole = np.concatenate([own[None], np.where(index < 0, -1, index + given.size)])
        return np.reshape(folds(write, joined, whole, sign, "max.fold" if sign > 0 else "min.fold"), call.outs[0].shape)

    return rule


def sort(call: Call, *operands: Any) -> Any:
    """lax.sort by one key; what is carried along must not be used at a tie."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    axis = call.params["dimension"]
    if call.params["num_keys"] != 1:
        call.write.refuse("sorts by several keys", "sort by one key")
    numbers = jnp.broadcast_to(
        jnp.arange(call.values[0].shape[axis]).reshape([-1 if i == axis else 1 for i in range(np.ndim(operands[0]))]),
        call.values[0].shape,
    )
    _, order = jax.lax.sort((call.values[0], numbers), dimension=axis, is_stable=True, num_keys=1)
    order = np.asarray(order)
    results = [in_order(call.write, operands[0], order, axis)]
    for other in operands[1:]:
        results.append(_carried(call, operands[0], other, order, axis))
    return results


def _carried(call: Call, key: Any, other: Any, order: Array, axis: int) -> Any:
    """Another operand, in the order of the key: a jump where the key is tied."""
    values = np.take_along_axis(key.value, order, axis)
    if (np.diff(values, axis=axis) == 0).any():
        return None
    place = np.take_along_axis(np.arange(key.size).reshape(key.shape), order, axis)
    return call.write.op("gather", other, index=place) if hasattr(other, "builder") else None


def top_k(call: Call, u: Any) -> Any:
    """lax.top_k: the k largest, in descending order; of a tie the first come first."""
    axis, k = call.params.get("axis", np.ndim(u) - 1) % np.ndim(u), call.params["k"]
    order = np.argsort(-u.value, axis=axis, kind="stable")
    ordered = in_order(call.write, u, order, axis, descending=True, count=k)
    return [ordered, None]
