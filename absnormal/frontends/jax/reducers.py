"""Reductions by a function of the user's own, and entries that pooling takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.run import Call, Run, Seen
from absnormal.frontends.jax.shapes import over_windows
from absnormal.frontends.meanings.movements import sent
from absnormal.frontends.meanings.windows import chosen, entries, summed_over, windows
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer


def reduced(run: Run, eqn: Any, inputs: list[Seen], *, computation: Any, jaxpr: Any, dimensions: Any) -> list[Seen]:
    """lax.reduce: by halves, as JAX differentiates it, each half filled up with the initial value."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    count = len(inputs) // 2
    arrays, initial = inputs[:count], inputs[count:]
    if any(seen.traced is not None for seen in initial):
        assert run.builder.user is not None
        Writer(run.builder, *run.builder.user).refuse(
            "has an initial value that varies, by which JAX does not differentiate", "combine it with the result")
    fixed = [seen.value for seen in initial]

    def tree(*given: Any) -> Any:
        parts = [_front(item, dimensions) for item in given]
        size = parts[0].shape[0]
        if size == 0:
            return [jnp.broadcast_to(start, part.shape[1:]) for start, part in zip(fixed, parts, strict=True)]
        combine: Any = lambda *pair: jax.core.eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *pair)  # noqa: E731
        for _ in range(parts[0].ndim):
            combine = jax.vmap(combine)
        while (size := parts[0].shape[0]) > 1:
            half = (size + 1) // 2
            low, high = [part[:half] for part in parts], [part[half:] for part in parts]
            if size % 2:
                high = [jnp.concatenate([part, jnp.full((1, *part.shape[1:]), start, part.dtype)])
                        for part, start in zip(high, fixed, strict=True)]
            parts = combine(*low, *high)
        return [part[0] for part in parts]

    closed = jax.make_jaxpr(tree)(*(seen.value for seen in arrays))
    return run.closed(closed, arrays)


def _front(u: Any, dimensions: Any) -> Any:
    """The reduced axes as one, in front."""
    axes = [axis for axis in range(u.ndim) if axis not in dimensions]
    kept = tuple(u.shape[axis] for axis in axes)
    return u.transpose([*dimensions, *axes]).reshape(math.prod(u.shape[axis] for axis in dimensions), *kept)


def windows_reduced(
    run: Run, eqn: Any, inputs: list[Seen], *, jaxpr: Any, consts: Any, window_dimensions: Any, window_strides: Any,
    padding: Any, base_dilation: Any, window_dilation: Any,
) -> list[Seen]:
    """lax.reduce_window: each window by halves, filled up with the initial value."""
    jax, jnp, core = require("jax", "jax"), require("jax.numpy", "jax"), require("jax.extend.core", "jax")
    count = len(inputs) // 2
    arrays, initial = inputs[:count], inputs[count:]
    shape = np.shape(arrays[0].value)
    index = windows(shape, window_dimensions, window_strides, padding, window_dilation, base_dilation)

    def gathered(*given: Any) -> Any:
        parts, starts = given[:count], given[count:]
        full = [jnp.concatenate([part.reshape(-1), jnp.reshape(start, (1,))])[jnp.asarray(index)]
                for part, start in zip(parts, starts, strict=True)]
        return [*full, *starts]

    taken = run.closed(jax.make_jaxpr(gathered)(*(seen.value for seen in inputs)), [*arrays, *initial])
    closed = core.ClosedJaxpr(jaxpr, consts)
    return reduced(run, eqn, taken, computation=None, jaxpr=closed, dimensions=(0,))


def _taken(call: Call, u: Any, index: Array, select: str) -> Array:
    """The entry that each window takes."""
    return chosen(u, np.asarray(call.values[1]).astype(float), index, 1 if select in ("ge", "gt") else -1)


@over_windows
def scattered_to_chosen(call: Call, source: Any, operand: Any, index: Array, select: str) -> Any:
    """What pooling does backwards: each entry of the source is added to the entry that its window takes."""
    table = sent(_taken(call, operand, index, select).reshape(-1), math.prod(np.shape(operand)))
    if not isinstance(source, TracedArray):
        return None
    return np.reshape(summed_over(call.write, np.reshape(source, -1), table), np.shape(operand))


@over_windows
def gathered_from_chosen(call: Call, tangents: Any, operand: Any, index: Array, select: str) -> Any:
    """What pooling does forwards to tangents: the tangent of the entry that each window takes, 0 where it has none."""
    taken = _taken(call, operand, index, select)
    return entries(call.write, np.reshape(tangents, -1), taken) if isinstance(tangents, TracedArray) else None
