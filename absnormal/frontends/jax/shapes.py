"""Primitives that move entries, convolution, and sums over windows and scattered updates.

Where no operation of the table fits, the primitive itself is run on the numbers of the entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.run import Call
from absnormal.frontends.meanings.convolutions import convolved
from absnormal.frontends.meanings.movements import sent
from absnormal.frontends.meanings.windows import summed_over, windows
from absnormal.frontends.numpy.traced import TracedArray

#: What JAX says of PROMISE_IN_BOUNDS, which indexing has by default.
_PROMISED = "is not correct where an index lies outside of the array"


def _broadcast(call: Call, u: Any, *rest: Any, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]) -> Any:
    reshaped = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, np.shape(u), strict=True):
        reshaped[axis] = size
    return np.broadcast_to(np.reshape(u, tuple(reshaped)), shape)


def _slice(call: Call, u: Any, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    bounds = zip(start_indices, limit_indices, strides or (1,) * np.ndim(u), strict=True)
    key = tuple(slice(int(start), int(stop), int(step)) for start, stop, step in bounds)
    return u[key]


def _reshaped(call: Call, u: Any, *rest: Any, new_sizes: tuple[int, ...], dimensions: Any) -> Any:
    return np.reshape(u if dimensions is None else np.transpose(u, dimensions), new_sizes)


def _scattered(
    call: Call, u: Any, *rest: Any, dimension_numbers: Any, indices_are_sorted: bool, unique_indices: bool, mode: Any
) -> Any:
    return numbered(call, u, *rest)


def numbered(call: Call, u: Any, *rest: Any, **params: Any) -> Any:
    """Any movement: the primitive is run, with all its parameters, on the numbers of the entries, -1 for none."""
    jnp = require("jax.numpy", "jax")
    given, start = [], 0
    places = moving(call.primitive.name)
    parts = []
    for place, value in enumerate(call.values):
        if place not in places:
            given.append(value)
            continue
        size = math.prod(np.shape(value))
        given.append(jnp.arange(start, start + size, dtype=jnp.int32).reshape(np.shape(value)))
        parts.append(np.reshape((u, *rest)[place], -1))
        start += size
    if any(isinstance(item, TracedArray) for place, item in enumerate((u, *rest)) if place not in places):
        call.write.refuse(
            "a variable is used as an index, a discontinuous selection", "use jnp.max, jnp.min or jnp.sort"
        )
    changed = {"fill_value": -1} if "fill_value" in call.params else {}
    index = call.bind(*given, **changed)
    if call.primitive.name == "gather" and call.params["mode"] == _modes().PROMISE_IN_BOUNDS:
        inside = call.bind(*given, mode=_modes().FILL_OR_DROP, fill_value=-1)
        if (np.asarray(inside) < 0).any():
            call.distrust(_PROMISED)
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    outs = index if call.primitive.multiple_results else [index]
    taken = [_taken(call, whole, np.asarray(out)) for out in outs]
    return taken if call.primitive.multiple_results else taken[0]


def _modes() -> Any:
    return require("jax.lax", "jax").GatherScatterMode


def moving(name: str) -> tuple[int, ...]:
    """Which operands of a movement hold the entries that move."""
    if name in ("dynamic_update_slice", "pad"):
        return (0, 1)
    return (0, 2) if name == "scatter" else (0,)


def _taken(call: Call, whole: Any, index: Array) -> Any:
    if (index < 0).any():
        call.write.refuse("takes entries outside of the array", "keep the indices inside")
    return call.write.op("gather", whole, index=index.astype(np.int64))


def _padded(call: Call, u: Any, value: Any, *, padding_config: Any) -> Any:
    """lax.pad, with negative and interior padding."""
    jnp = require("jax.numpy", "jax")
    size = math.prod(call.values[0].shape)
    numbers = jnp.arange(size, dtype=jnp.int32).reshape(call.values[0].shape)
    index = np.asarray(call.bind(numbers, jnp.asarray(-1, jnp.int32), padding_config=padding_config))
    inside = index >= 0
    moved = np.reshape(u, -1)[np.maximum(index, 0)] if size else np.zeros(index.shape)
    return np.where(inside, moved, value)


#: Movements whose first operand alone holds the entries.
MOVES: dict[str, Callable[..., Any]] = {
    "reshape": _reshaped,
    "squeeze": lambda call, u: np.reshape(u, call.outs[0].shape),
    "broadcast_in_dim": _broadcast,
    "transpose": lambda call, u, *, permutation: np.transpose(u, permutation),
    "slice": _slice,
    "concatenate": lambda call, *parts, dimension: np.concatenate(parts, dimension),
    "stack": lambda call, *parts, axis: np.stack([call.write.array(part) for part in parts], axis),
    "unstack": lambda call, u, *, axis: list(np.moveaxis(u, axis, 0)),
    "pad": _padded,
    "rev": numbered,
    "tile": numbered,
    "split": numbered,
    "gather": numbered,
    "dynamic_slice": numbered,
    "dynamic_update_slice": numbered,
    "scatter": _scattered,
}


# -- windows -----------------------------------------------------------------------------------------------


def over_windows(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that takes, after its operands, the numbers of the entries in every window of the last one."""

    def windowed(
        call: Call, *args: Any, window_dimensions: Any, window_strides: Any, padding: Any, window_dilation: Any = None,
        base_dilation: Any = None, select_prim: Any = None,
    ) -> Any:
        shape = np.shape(args[-1])
        index = windows(shape, window_dimensions, window_strides, padding, window_dilation, base_dilation)
        return rule(call, *args, index) if select_prim is None else rule(call, *args, index, select_prim.name)

    return windowed


@over_windows
def window_sum(call: Call, u: Any, index: Array) -> Any:
    """Sums over windows: entries of the padding are 0."""
    return summed_over(call.write, np.reshape(u, -1), index)


def convolution(
    call: Call, u: Any, weight: Any, *, window_strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any,
    dimension_numbers: Any, feature_group_count: int, batch_group_count: int,
) -> Any:
    """conv_general_dilated: brought to (N, C, *S) and (O, C / G, *K), and back."""
    write, numbers = call.write, dimension_numbers
    if batch_group_count != 1:
        write.refuse("with batch_group_count is not supported", "convolve the groups one by one")
    u = _stretched(np.transpose(write.array(u), numbers.lhs_spec), lhs_dilation)
    weight = np.transpose(write.array(weight), numbers.rhs_spec)
    made = convolved(write, u, weight, window_strides, padding, rhs_dilation, feature_group_count)
    return np.transpose(made, np.argsort(numbers.out_spec))


def _stretched(u: Any, steps: Any) -> Any:
    """Zeros between the entries of the spatial axes."""
    for axis, step in enumerate(steps, 2):
        if step > 1 and u.shape[axis]:
            shape = (*u.shape[: axis + 1], step - 1, *u.shape[axis + 1 :])
            apart = np.concatenate([np.expand_dims(u, axis + 1), np.zeros(shape)], axis + 1)
            full = np.reshape(apart, (*u.shape[:axis], -1, *u.shape[axis + 1 :]))
            u = full[(*(slice(None),) * axis, slice(0, full.shape[axis] - (step - 1)))]
    return u


# -- scattered updates -------------------------------------------------------------------------------------


def scattered(rule: Callable[[Call, Any, Array, Any], Any]) -> Callable[..., Any]:
    """A rule that takes an array, for every update the number of the entry that it goes to, and the updates."""

    def written(
        call: Call, operand: Any, indices: Any, updates: Any, *, dimension_numbers: Any, indices_are_sorted: bool,
        unique_indices: bool, mode: Any,
    ) -> Any:
        targets = _targets(call, dimension_numbers, indices_are_sorted, unique_indices, mode)
        return rule(call, operand, targets, updates)

    return written


def _targets(call: Call, dimension_numbers: Any, indices_are_sorted: bool, unique_indices: bool, mode: Any) -> Array:
    """For every update the number of the entry that it goes to, flat; -1 for none."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    operand, indices, updates = call.values
    size, count = math.prod(operand.shape), math.prod(updates.shape)
    if max(size, count) >= 1 << 24:
        call.write.refuse("is not supported for arrays of this size", "split the array")
    places = jnp.arange(1, size + 1, dtype=jnp.float32).reshape(operand.shape)

    def targets_in(mode: Any) -> Array:
        """Where an update lands: the transpose of a scatter-add brings back the number of its place."""
        back = jax.linear_transpose(
            lambda values: jax.lax.scatter_add(
                jnp.zeros(operand.shape, jnp.float32), indices, values, dimension_numbers,
                indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=mode,
            ),
            jax.ShapeDtypeStruct(updates.shape, jnp.float32),
        )
        return np.asarray(back(places)[0]).astype(int).reshape(-1) - 1

    promised = mode == _modes().PROMISE_IN_BOUNDS
    target = targets_in(_modes().FILL_OR_DROP if promised else mode)
    if promised and (target < 0).any():
        call.distrust(_PROMISED)
    return target


@scattered
def scattered_product(call: Call, operand: Any, targets: Array, updates: Any) -> Any:
    """x.at[i].multiply(u): products of updates."""
    if isinstance(updates, TracedArray) and not call.params["unique_indices"]:
        call.write.refuse("is not differentiated by JAX where indices may be equal", "give unique_indices=True")
    index = sent(targets, math.prod(call.outs[0].shape)).reshape(-1, *call.outs[0].shape)
    factors = np.concatenate([np.reshape(updates, -1), np.ones(1)])
    return operand * np.prod(factors[index], axis=0)
