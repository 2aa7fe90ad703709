"""Operations that move, add up or contract entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import (
    Chain,
    CumSum,
    Einsum,
    Gather,
    Index,
    LinearMap,
    MatMul,
    Reshape,
    Scale,
    Sum,
    Transpose,
)
from absnormal.ops.table import Op, Params, Shape, broadcast, never


def _unused(*args: Any) -> Array:
    raise AssertionError("inputs and constants are not computed")


def _concatenate_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    axis, start = params["axis"], 0
    maps: list[LinearMap] = []
    for arg in args:
        stop = start + arg.shape[axis]
        key = (slice(None),) * axis + (slice(start, stop),)
        maps.append(Embed(key, arg.shape, shape))
        start = stop
    return maps


class Embed(LinearMap):
    """The argument placed at ``key`` of an array of zeros: the transpose of basic indexing."""

    def __init__(self, key: tuple[Any, ...], shape: Shape, out: Shape) -> None:
        self.key, self.shape, self.out = (slice(None), *key), shape, out

    def push(self, t: Array) -> Array:
        return self.add_to(np.zeros(t.shape[:1] + self.out, t.dtype), t)

    def add_to(self, total: Array, t: Array) -> Array:
        total[self.key] += t
        return total

    def pull(self, w: Array) -> Array:
        return np.asarray(w[self.key])


def applied(maps: Sequence[Any], inner: Sequence[Array | None], count: int, shape: tuple[int, ...]) -> Array:
    """The sum of the maps of the tangents that there are, in its full shape."""
    total: Array | None = None
    for linear, t in zip(maps, inner, strict=True):
        if linear is None or t is None:
            continue
        if isinstance(linear, Embed):
            total = linear.add_to(np.zeros((count, *shape), t.dtype) if total is None else total, t)
            continue
        term = linear.push(t)
        total = term if total is None else total + term
    if total is None:
        return np.zeros((count, *shape))
    return total if total.shape[1:] == shape else np.broadcast_to(total, (count, *shape))


def _where_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    mask = params["mask"]
    # Integers, which keep rationals exact.
    return [Scale(mask.astype(int), args[0].shape, shape), Scale((~mask).astype(int), args[1].shape, shape)]


def _prod_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    u, axis = args[0], params["axis"]
    one = np.ones_like(u[(slice(None),) * axis + (slice(0, 1),)])
    size = u.shape[axis]
    ahead = np.cumprod(np.concatenate([one, np.delete(u, size - 1, axis)], axis), axis)
    after = np.flip(np.delete(u, 0, axis), axis)
    behind = np.flip(np.cumprod(np.concatenate([one, after], axis), axis), axis)
    zeros = u == 0
    others = zeros.sum(axis=axis, keepdims=True) - zeros
    return [Chain(Scale(never(ahead * behind, others > 0), u.shape, u.shape), Sum((axis,), u.shape, shape))]


def _log_sum_exp(params: Params, u: Array) -> Array:
    top = np.max(u, axis=params["axes"], keepdims=True)
    if not np.isfinite(top).all():
        top = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(np.log(np.sum(np.exp(u - top), axis=params["axes"], keepdims=True)) + top)


def _log_sum_exp_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    u = args[0]
    return [Chain(Scale(never(np.exp(u - out)), u.shape, u.shape), Sum(params["axes"], u.shape, shape))]


def _log_sum_exp_domain(params: Params, u: Array) -> Any:
    """Each sum has something in it, and nothing is infinitely large."""
    return np.isfinite(np.max(u, axis=params["axes"], initial=-np.inf, keepdims=True))


def _matmul_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    a, b = args
    row, column = a.ndim == 1, b.ndim == 1
    a = a[None, :] if row else a
    b = b[:, None] if column else b
    full = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    left: LinearMap = MatMul(b, True, a.shape, full)
    right: LinearMap = MatMul(a, False, b.shape, full)
    if row:
        left = Chain(Reshape(args[0].shape, a.shape), left)
    if column:
        right = Chain(Reshape(args[1].shape, b.shape), right)
    if row or column:
        left, right = Chain(left, Reshape(full, shape)), Chain(right, Reshape(full, shape))
    return [left, right]


def _einsum_maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
    terms, result = params["terms"], params["result"]
    known = [*zip(terms, args, strict=True)]
    return [Einsum(terms[i], tuple(known[:i] + known[i + 1 :]), result, arg.shape, shape) for i, arg in enumerate(args)]


def _given_shape(params: Params, *shapes: Shape) -> Shape:
    return tuple(params["shape"])


def _index_shape(params: Params, u: Shape) -> Shape:
    # An array of any shape on one byte, which nobody reads.
    return np.ndarray(u, bool, b"\0", strides=(0,) * len(u))[params["key"]].shape


def _concatenate_shape(params: Params, *shapes: Shape) -> Shape:
    axis = params["axis"]
    total = [*shapes[0]]
    total[axis] = sum(shape[axis] for shape in shapes)
    return tuple(total)


def _where_shape(params: Params, u: Shape, v: Shape) -> Shape:
    return broadcast(params["mask"].shape, u, v)


def _prod_shape(params: Params, u: Shape) -> Shape:
    axis = params["axis"] % len(u)
    return (*u[:axis], *u[axis + 1 :])


def _log_sum_exp_shape(params: Params, u: Shape) -> Shape:
    axes = [axis % len(u) for axis in params["axes"]]
    return tuple([1 if axis in axes else size for axis, size in enumerate(u)])


def _matmul_shape(params: Params, a: Shape, b: Shape) -> Shape:
    if len(a) == 1:
        return (*b[:-2], *b[-1:]) if len(b) > 1 else ()
    if len(b) == 1:
        return a[:-1]
    return (*(a[:-2] if len(b) == 2 else broadcast(a[:-2], b[:-2])), a[-2], b[-1])


def _einsum_shape(params: Params, *shapes: Shape) -> Shape:
    sizes = {letter: size for term, shape in zip(params["terms"], shapes, strict=True)
             for letter, size in zip(term, shape, strict=True)}
    return tuple([sizes[letter] for letter in params["result"]])


def _sum(params: Params, u: Array) -> Array:
    return np.asarray(np.sum(u, axis=params["axes"])).reshape(params["shape"])


LINEAR = (
    Op("input", _unused, None, "input", show="x{leaf}"),
    Op("constant", _unused, None, "input", show="{value}"),
    Op("reshape", lambda params, u: u.reshape(params["shape"]),
       lambda params, args, out, shape: [Reshape(args[0].shape, shape)], "movement",
       show="reshape({0}, {shape})", shape=_given_shape),
    Op("transpose", lambda params, u: u.transpose(params["axes"]),
       lambda params, args, out, shape: [Transpose(params["axes"])], "movement",
       show="transpose({0}, {axes})", shape=lambda params, u: tuple([u[axis] for axis in params["axes"]])),
    Op("index", lambda params, u: np.asarray(u[params["key"]]),
       lambda params, args, out, shape: [Index(params["key"], args[0].shape)], "movement", show="{0}[{key}]",
       shape=_index_shape),
    Op("gather", lambda params, u: np.asarray(u.reshape(-1)[params["index"]]),
       lambda params, args, out, shape: [Gather(params["index"], args[0].shape)], "movement",
       show="take({0}, {index})", shape=lambda params, u: np.shape(params["index"])),
    Op("broadcast", lambda params, u: np.broadcast_to(u, params["shape"]),
       lambda params, args, out, shape: [Chain(Scale(1.0, args[0].shape, shape), Fill(shape))], "movement",
       show="broadcast({0}, {shape})", shape=_given_shape),
    Op("concatenate", lambda params, *args: np.asarray(np.concatenate(args, params["axis"])),
       _concatenate_maps, "movement", show="concatenate({all}, axis={axis})", shape=_concatenate_shape),
    Op("where", lambda params, u, v: np.asarray(np.where(params["mask"], u, v)), _where_maps, "linear",
       show="where(mask, {0}, {1})", shape=_where_shape),
    Op("sum", _sum, lambda params, args, out, shape: [Sum(params["axes"], args[0].shape, shape)], "linear",
       show="sum({0}, axis={axes})", shape=_given_shape),
    Op("cumsum", lambda params, u: np.asarray(np.cumsum(u, axis=params["axis"])),
       lambda params, args, out, shape: [CumSum(params["axis"], shape[params["axis"]])], "linear",
       show="cumsum({0}, axis={axis})"),
    Op("prod", lambda params, u: np.asarray(np.prod(u, axis=params["axis"])), _prod_maps, "smooth",
       show="prod({0}, axis={axis})", shape=_prod_shape),
    Op("logsumexp", _log_sum_exp, _log_sum_exp_maps, "smooth", _log_sum_exp_domain,
       show="logsumexp({0}, axis={axes})", shape=_log_sum_exp_shape),
    Op("matmul", lambda params, a, b: np.asarray(np.matmul(a, b)), _matmul_maps, "bilinear",
       show="{0} @ {1}", shape=_matmul_shape),
    Op("einsum", lambda params, *args: np.asarray(
        np.einsum(",".join(params["terms"]) + "->" + params["result"], *args,
                  optimize=params.get("optimize", False))),
       _einsum_maps, "bilinear", show="einsum({terms} -> {result}: {all})", shape=_einsum_shape),
)


class Fill(LinearMap):
    """Broadcasts what has all its axes already to its full shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def push(self, t: Array) -> Array:
        return np.broadcast_to(t, t.shape[:1] + self.shape)

    def pull(self, w: Array) -> Array:
        return w
